/** The mean of tokens in WebAssembly. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "@lionjs/tfjs/kernel";
import {
  addresses,
  type Fields,
  integers,
  jobsOf,
  type Kernel,
  type KernelHost,
  OPERATIONS_A_COPY,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { TOKEN_MEAN } from "./token_mean.ts";

/** The job of the mean of tokens, or of its gradient if there is a `dy`; `mask` is 0 for none. */
const RECORD = {
  ...integers("batch", "length", "columns"),
  ...addresses("x", "mask", "y", "dy", "dx"),
} as const satisfies Fields;

export const JOBS = jobsOf({ tokenMean: RECORD });

export function register(host: KernelHost): void {
  registerWasmKernel(host, TOKEN_MEAN, {
    forward: tokenMean,
    gradient: tokenMeanGradient,
  });
}

const tokenMean: Kernel = ({ inputs, make, run }) => {
  const [batch, length, columns] = inputs["x"]!.shape as tf.Tensor3D["shape"];
  const y = make([batch, columns]), numbers = { batch, length, columns };
  const operations = OPERATIONS_A_COPY * sizeOf(inputs["x"]!);
  run(JOBS.tokenMean, numbers, { ...inputs, y }, operations);
  return [y];
};

const tokenMeanGradient: Kernel = ({ inputs, attributes, make, run }) => {
  const [batch, columns] = inputs["dy"]!.shape as tf.Tensor2D["shape"];
  const length = attributes["length"] as number;
  const dx = make([batch, length, columns]);
  const operations = OPERATIONS_A_COPY * sizeOf(dx);
  run(
    JOBS.tokenMean,
    { batch, length, columns },
    { ...inputs, dx },
    operations,
  );
  return [dx];
};

/** A dense layer with GELU as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { gradientKernel } from "../../contract/kernel.ts";
import {
  DENSE,
  DENSE_GELU,
  type DenseGeluAttributes,
} from "../../operations/dense.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { matmul } from "../../tfjs/wasm/matmul.ts";
import { replacing } from "../../tfjs/wasm/outputs.ts";
import { type Kernel, registerWasmKernel } from "./kernel.ts";

/**
 * Registers the layer. GELU is applied to sums that are in the cache; for a gradient,
 * they are written too.
 *
 * @param host Runs the kernels.
 */
export function registerDenseGelu(host: KernelHost): void {
  registerWasmKernel(host, DENSE_GELU, { forward, gradient });
}

type Inputs = Record<"x" | "weight" | "bias", tf.TensorInfo>;

const forward: Kernel<DenseGeluAttributes> = (call) => {
  const { x, weight, bias } = call.inputs as Inputs;
  const shape = [...x.shape.slice(0, -1), weight.shape[1]!];
  const columns = x.shape.at(-1)!;
  const rows = tf.util.sizeFromShape(x.shape) / columns;
  const hidden = call.attributes.keepsHidden ? call.make(shape) : undefined;
  const a = { ...x, shape: [rows, columns] };
  const product = matmul(call, a, weight, { bias, hidden, activation: "gelu" });
  const y = { ...product, shape };
  return hidden ? [y, hidden] : [y];
};

const gradient: Kernel<DenseGeluAttributes> = ({ wasm, inputs, make, run }) => {
  const { hidden: x, dy, ...others } = inputs;
  const slopes = make(x!.shape), size = tf.util.sizeFromShape(x!.shape);
  run("gelu", { size }, { x, dy, y: slopes }, 30 * size);
  const { kernelFunc } = tf.getKernel(gradientKernel(DENSE), "wasm")!;
  const needed = { ...others as Inputs, dy: slopes };
  return replacing(
    wasm,
    slopes,
    () =>
      kernelFunc({
        inputs: needed,
        attrs: {},
        backend: wasm,
      }) as tf.TensorInfo[],
  );
};

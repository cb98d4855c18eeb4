/** Log decays of tokens' logits in WebAssembly. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "@lionjs/tfjs/kernel";
import {
  addresses,
  type Call,
  type Fields,
  integers,
  jobsOf,
  type KernelHost,
  OPERATIONS_AN_EXPONENTIAL,
  registerJob,
} from "@lionjs/tfjs/wasm";
import { TOKEN_LOG_DECAY } from "./token_decays.ts";

/**
 * The job that makes log decays of heads of logits of tokens, or of its gradient if
 * there is a `dy`.
 */
const RECORD = {
  ...integers("batch", "length", "heads"),
  /** The token that does not decay; -1 for none. */
  kept: "i32",
  ...addresses("x", "y", "dy", "dx"),
} as const satisfies Fields;

export const JOBS = jobsOf({ tokenDecay: RECORD });

export function register(host: KernelHost): void {
  registerJob(host, TOKEN_LOG_DECAY, {
    job: JOBS.tokenDecay,
    outputs({ inputs: { x }, make }) {
      const [batch, length, heads] = x!.shape as tf.Tensor3D["shape"];
      return { y: make([batch, heads, length]) };
    },
    numbers: logitsOfTokens,
    operations: ({ inputs: { x } }) =>
      2 * OPERATIONS_AN_EXPONENTIAL * sizeOf(x!),
  });
}

function logitsOfTokens({ inputs, attributes }: Call) {
  const [batch, length, heads] = inputs["x"]!.shape as tf.Tensor3D["shape"];
  return { batch, length, heads, kept: attributes["kept"] as number };
}

/** Rows between tokens, in WebAssembly's memory. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  type Kernel,
  type KernelHost,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import {
  BETWEEN_TOKENS,
  type BetweenTokensAttributes,
} from "./between_tokens.ts";

export function register(host: KernelHost): void {
  registerWasmKernel(host, BETWEEN_TOKENS, { forward: betweenTokens });
}

/**
 * Clears rows at a sequence's ends: a copy and at most a few fills, which no job
 * beats.
 */
const betweenTokens: Kernel<BetweenTokensAttributes> = (
  { wasm, inputs, attributes, make },
) => {
  const { x, tokens } = inputs as Record<"x" | "tokens", tf.TensorInfo>;
  const [batch, heads, length, channels = 1] = x.shape as tf.Tensor4D["shape"];
  const y = make(x.shape);
  const values = wasm.typedArrayFromHeap(y);
  const mask = wasm.typedArrayFromHeap(tokens) as Float32Array;
  values.set(wasm.typedArrayFromHeap(x));
  const row = length * channels;
  for (let i = 0; i < batch; i++) {
    const own = mask.subarray(i * length, (i + 1) * length);
    const isToken = (value: number) => value !== 0;
    const first = own.findIndex(isToken), last = own.findLastIndex(isToken);
    const start = first < 0 ? length : first + Number(attributes.forward);
    const end = last + Number(attributes.forward);
    for (let at = i * heads * row; at < (i + 1) * heads * row; at += row) {
      values.fill(0, at, at + start * channels);
      values.fill(0, at + Math.max(start, end) * channels, at + row);
    }
  }
  return [y];
};

/** Masks of padding, and tensors whose padding is set to zero, in WebAssembly's memory. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import {
  type Kernel,
  type KernelHost,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { TOKENS, WITHOUT_PADDING } from "./padding.ts";

export function register(host: KernelHost): void {
  registerWasmKernel(host, TOKENS, { forward: tokens });
  registerWasmKernel(host, WITHOUT_PADDING, { forward: withoutPadding });
}

/** Makes a mask of 1 and 0. */
const tokens: Kernel = ({ wasm, inputs, make }) => {
  const mask = inputs["mask"]!;
  const values = wasm.typedArrayFromHeap(mask) as Float32Array;
  const found = values.map((value) => value === 0 ? 0 : 1);
  const y = make(mask.shape);
  wasm.typedArrayFromHeap(y).set(found);
  return [y];
};

/** Sets padding to 0: a copy and fills, at the speed of memory, which no job beats. */
const withoutPadding: Kernel = ({ wasm, inputs, make }) => {
  const { x, mask } = inputs as Record<"x" | "mask", tf.TensorInfo>;
  const y = make(x.shape);
  wasm.typedArrayFromHeap(y).set(wasm.typedArrayFromHeap(x));
  clearPadding(wasm, y, mask);
  return [y];
};

/**
 * Fills the rows of padding with zeros.
 *
 * @param x `[batch, …, length, columns]`, which nobody else has yet.
 * @param mask `[batch, length]`, 0 at padding.
 */
export function clearPadding(
  wasm: BackendWasm,
  x: tf.TensorInfo,
  mask: tf.TensorInfo,
): void {
  const [batch, length] = mask.shape as [number, number];
  const columns = x.shape.at(-1)!;
  const values = wasm.typedArrayFromHeap(x);
  const tokens = wasm.typedArrayFromHeap(mask);
  const sequence = length * columns;
  const ofEntry = values.length / Math.max(1, batch);
  for (let i = 0; i < batch; i++) {
    for (let first = 0; first < length;) {
      if (tokens[i * length + first] !== 0) {
        first++;
        continue;
      }
      let end = first + 1;
      while (end < length && tokens[i * length + end] === 0) end++;
      for (let at = i * ofEntry; at < (i + 1) * ofEntry; at += sequence) {
        values.fill(0, at + first * columns, at + end * columns);
      }
      first = end;
    }
  }
}

/** Padding in the memory of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

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

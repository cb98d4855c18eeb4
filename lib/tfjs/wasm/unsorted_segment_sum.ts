/** The gradient of lookups as a kernel of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

/** `UnsortedSegmentSum`: adds up the rows of each segment. */
export const unsortedSegmentSum: tf.KernelFunc = (
  { inputs, backend, attrs },
) => {
  const { x, segmentIds } = inputs as Record<
    "x" | "segmentIds",
    tf.TensorInfo
  >;
  const { numSegments } = attrs as unknown as tf.UnsortedSegmentSumAttrs;
  const wasm = backend as BackendWasm;
  const [count, ...rest] = x.shape;
  const size = tf.util.sizeFromShape(rest);
  const output = wasm.makeOutput([numSegments, ...rest], x.dtype);
  const sums = wasm.typedArrayFromHeap(output).fill(0);
  const values = wasm.typedArrayFromHeap(x);
  const segments = wasm.typedArrayFromHeap(segmentIds);
  for (let row = 0; row < count!; row++) {
    const segment = segments[row]!;
    // As in TensorFlow, ids out of range are dropped.
    if (segment < 0 || segment >= numSegments) continue;
    for (let i = 0; i < size; i++) {
      sums[segment * size + i]! += values[row * size + i]!;
    }
  }
  return output;
};

/** The gradient of lookups as a kernel of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addSegments } from "../segment_sums.ts";

/** The kernel `UnsortedSegmentSum`, which adds up the rows of each segment. */
export const unsortedSegmentSum: tf.KernelFunc = (
  { inputs, backend, attrs },
) => {
  const { x, segmentIds } = inputs as Record<
    "x" | "segmentIds",
    tf.TensorInfo
  >;
  const { numSegments } = attrs as unknown as tf.UnsortedSegmentSumAttrs;
  const wasm = backend as BackendWasm;
  const output = wasm.makeOutput([numSegments, ...x.shape.slice(1)], x.dtype);
  addSegments(
    wasm.typedArrayFromHeap(output).fill(0),
    wasm.typedArrayFromHeap(x),
    wasm.typedArrayFromHeap(segmentIds),
    numSegments,
  );
  return output;
};

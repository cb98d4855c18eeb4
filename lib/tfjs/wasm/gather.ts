/** Lookups as a kernel of the wasm backend that copies whole rows. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { assertIndices } from "../gather_index.ts";
import { copyRow, type Elements } from "./copy_row.ts";

/** The kernel `GatherV2`, for any type of number, where each batch entry has its own indices. */
export const gather: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const wasm = backend as BackendWasm;
  const { x, indices } = inputs as Record<"x" | "indices", tf.TensorInfo>;
  const { axis, batchDims } = attrs as unknown as tf.GatherV2Attrs;
  const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const count = x.shape[along]!;
  const places = Int32Array.from(wasm.typedArrayFromHeap(indices));
  assertIndices(places, count, along);
  const { batchSize, outerSize, sliceSize, outputShape } = tf.backend_util
    .segment_util.collectGatherOpShapeInfo(
      x as tf.Tensor,
      indices as tf.Tensor,
      along,
      batchDims,
    );
  const output = wasm.makeOutput(outputShape, x.dtype);
  const from = wasm.typedArrayFromHeap(x) as Elements;
  const to = wasm.typedArrayFromHeap(output) as Elements;
  const placesOfEntry = places.length / batchSize;
  let at = 0;
  for (let group = 0; group < batchSize * outerSize; group++) {
    const first = Math.floor(group / outerSize) * placesOfEntry;
    for (let i = first; i < first + placesOfEntry; i++) {
      const start = (group * count + places[i]!) * sliceSize;
      copyRow(to, at, from, start, sliceSize);
      at += sliceSize;
    }
  }
  return output;
};

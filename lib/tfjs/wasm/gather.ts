/** Lookups as a kernel of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { assertIndices } from "../gather_index.ts";
import { copyRow } from "./copy_row.ts";

/**
 * `GatherV2`, which copies rows of floats.
 *
 * @param stock tfjs's own, for other types and batches.
 */
export function gatherKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { x, indices } = call.inputs as Record<
      "x" | "indices",
      tf.TensorInfo
    >;
    const { axis, batchDims } = call.attrs as unknown as tf.GatherV2Attrs;
    const wasm = call.backend as BackendWasm;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const count = x.shape[along]!;
    const places = Int32Array.from(wasm.typedArrayFromHeap(indices));
    assertIndices(places, count, along);
    if (batchDims !== 0 || x.dtype !== "float32") return stock(call);
    const before = x.shape.slice(0, along), after = x.shape.slice(along + 1);
    const output = wasm.makeOutput(
      [...before, ...indices.shape, ...after],
      "float32",
    );
    const from = wasm.typedArrayFromHeap(x);
    const to = wasm.typedArrayFromHeap(output);
    const size = tf.util.sizeFromShape(after);
    let at = 0;
    for (let i = 0; i < tf.util.sizeFromShape(before); i++) {
      for (const place of places) {
        const start = (i * count + place) * size;
        copyRow(to, at, from, start, size);
        at += size;
      }
    }
    return output;
  };
}

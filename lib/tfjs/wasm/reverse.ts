/** Reversed axes, as a kernel of the wasm backend that copies whole rows. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { copyRow, type Elements } from "./copy_row.ts";

/** The kernel `Reverse`, for any rank and type of number. */
export const reverse: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const wasm = backend as BackendWasm;
  const x = inputs["x"] as tf.TensorInfo;
  const { dims } = attrs as unknown as tf.ReverseAttrs;
  const output = wasm.makeOutput(x.shape, x.dtype);
  const values = wasm.typedArrayFromHeap(output) as Elements;
  values.set(wasm.typedArrayFromHeap(x));
  for (const axis of tf.util.parseAxisParam(dims, x.shape)) {
    const row = tf.util.sizeFromShape(x.shape.slice(axis + 1));
    reverseRows(values, x.shape[axis]!, row);
  }
  return output;
};

/** Reverses the order of rows of `size` elements, within each group of `count` rows. */
function reverseRows(values: Elements, count: number, size: number): void {
  const kept = values.slice(0, size);
  for (let group = 0; group < values.length; group += count * size) {
    for (
      let left = group, right = group + (count - 1) * size;
      left < right;
      left += size, right -= size
    ) {
      copyRow(kept, 0, values, left, size);
      copyRow(values, left, values, right, size);
      copyRow(values, right, kept, 0, size);
    }
  }
}

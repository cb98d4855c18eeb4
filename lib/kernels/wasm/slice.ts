/** Parts of a tensor as kernels of the wasm backend. @module */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { replaceKernel } from "../replace_kernel.ts";
import { copyRow, type Elements } from "./copy_row.ts";

/**
 * Registers `Slice` and `SplitV`, which copy what is asked for, where tfjs-wasm
 * copies all of the tensor first: cut into its tokens, that is quadratic.
 */
export function registerSlices(): void {
  const { kernelFunc: stock } = tf.getKernel("Slice", "wasm")!;
  const slice: tf.KernelFunc = (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    // Strings are elsewhere.
    if (x.dtype === "string") return stock(call);
    const { begin, size } = call.attrs as unknown as tf.SliceAttrs;
    const [starts, sizes] = tf.slice_util
      .parseSliceParams(x as tf.Tensor, begin, size);
    const wasm = call.backend as BackendWasm;
    const output = wasm.makeOutput(sizes!, x.dtype);
    copyPart(
      wasm.typedArrayFromHeap(output),
      wasm.typedArrayFromHeap(x),
      { shape: x.shape, starts: starts!, sizes: sizes! },
    );
    return output;
  };
  replaceKernel("wasm", "Slice", slice);
  replaceKernel("wasm", "SplitV", (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    const { numOrSizeSplits, axis } = call.attrs as unknown as tf.SplitVAttrs;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    let start = 0;
    return tf.backend_util
      .prepareSplitSize(x as tf.Tensor, numOrSizeSplits, along)
      .map((count) => {
        const begin = x.shape.map((_, i) => i === along ? start : 0);
        const size = x.shape.with(along, count);
        start += count;
        return slice({ ...call, attrs: { begin, size } }) as tf.TensorInfo;
      });
  });
}

/** A part of a tensor, by its first and its number of elements in each axis. */
interface Part {
  readonly shape: readonly number[];
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
}

function copyPart(
  to: Elements,
  from: Elements,
  { shape, starts, sizes }: Part,
): void {
  const strides = shape.map((_, i) =>
    tf.util.sizeFromShape(shape.slice(i + 1))
  );
  // The axis whose elements are rows: what is within them is taken whole.
  const along = sizes.findLastIndex((size, i) => size !== shape[i]);
  const inner = Math.max(0, along);
  const row = sizes[inner]! * strides[inner]!;
  let at = 0;
  const copy = (axis: number, origin: number) => {
    const stride = strides[axis]!;
    const first = origin + starts[axis]! * stride;
    if (axis === inner) {
      copyRow(to, at, from, first, row);
      at += row;
      return;
    }
    for (let i = 0; i < sizes[axis]!; i++) copy(axis + 1, first + i * stride);
  };
  copy(0, 0);
}

/** Parts of a tensor as kernels of the wasm backend. @module */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { replaceKernel } from "../replace_kernel.ts";
import { copyRow, type Elements } from "./copy_row.ts";

/**
 * Registers `Slice`, `SplitV`, `Unpack` and `StridedSlice`, which copy what is
 * asked for, where tfjs-wasm copies all of the tensor first: cut into its
 * tokens, that is quadratic. Its `StridedSlice` also calls integers floats.
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
      {
        shape: x.shape,
        starts: starts!,
        steps: x.shape.map(() => 1),
        sizes: sizes!,
      },
    );
    return output;
  };
  replaceKernel("wasm", "Slice", slice);
  replaceKernel("wasm", "SplitV", (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    const { numOrSizeSplits, axis } = call.attrs as unknown as tf.SplitVAttrs;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const sizes = tf.backend_util
      .prepareSplitSize(x as tf.Tensor, numOrSizeSplits, along);
    return cut(slice, call, x, { along, sizes });
  });
  replaceKernel("wasm", "Unpack", (call) => {
    const x = call.inputs["value"] as tf.TensorInfo;
    const { axis } = call.attrs as unknown as tf.UnpackAttrs;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const sizes = new Array<number>(x.shape[along]!).fill(1);
    const shape = x.shape.toSpliced(along, 1);
    return cut(slice, call, x, { along, sizes })
      .map((part) => ({ ...part, shape }));
  });
  const { kernelFunc: stockStridedSlice } = tf.getKernel(
    "StridedSlice",
    "wasm",
  )!;
  replaceKernel("wasm", "StridedSlice", (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    if (x.dtype === "string") return stockStridedSlice(call);
    const attributes = call.attrs as unknown as tf.StridedSliceAttrs;
    const { begin, end, strides, finalShape } = tf.slice_util.sliceInfo(
      x.shape,
      attributes.begin,
      attributes.end,
      attributes.strides,
      attributes.beginMask,
      attributes.endMask,
      attributes.ellipsisMask,
      attributes.newAxisMask,
      attributes.shrinkAxisMask,
    );
    const wasm = call.backend as BackendWasm;
    const output = wasm.makeOutput(finalShape, x.dtype);
    copyPart(
      wasm.typedArrayFromHeap(output),
      wasm.typedArrayFromHeap(x),
      {
        shape: x.shape,
        starts: begin,
        steps: strides,
        sizes: begin.map((start, i) =>
          Math.max(0, Math.ceil((end[i]! - start) / strides[i]!))
        ),
      },
    );
    return output;
  });
}

/** The parts of a tensor along an axis, one after the other. */
function cut(
  slice: tf.KernelFunc,
  call: Parameters<tf.KernelFunc>[0],
  x: tf.TensorInfo,
  { along, sizes }: { along: number; sizes: readonly number[] },
): tf.TensorInfo[] {
  const parts: tf.TensorInfo[] = [];
  let start = 0;
  try {
    for (const count of sizes) {
      const begin = x.shape.map((_, i) => i === along ? start : 0);
      const size = x.shape.with(along, count);
      start += count;
      const part = slice({ ...call, inputs: { x }, attrs: { begin, size } });
      parts.push(part as tf.TensorInfo);
    }
  } catch (error) {
    // Memory ran out: nobody else knows of them.
    const wasm = call.backend as BackendWasm;
    parts.forEach(({ dataId }) => wasm.disposeData(dataId));
    throw error;
  }
  return parts;
}

/**
 * A part of a tensor, by its first element in each axis, how far apart they
 * are, and how many.
 */
interface Part {
  readonly shape: readonly number[];
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly sizes: readonly number[];
}

function copyPart(
  to: Elements,
  from: Elements,
  { shape, starts, steps, sizes }: Part,
): void {
  if (to.length === 0) return;
  if (to.length === from.length && steps.every((step) => step === 1)) {
    to.set(from);
    return;
  }
  const strides = shape.map((_, i) =>
    tf.util.sizeFromShape(shape.slice(i + 1))
  );
  // The axis whose elements are rows: what is within them is taken whole.
  const inner = Math.max(
    0,
    sizes.findLastIndex((size, i) => size !== shape[i] || steps[i] !== 1),
  );
  const together = steps[inner] === 1 ? sizes[inner]! : 1;
  const row = together * strides[inner]!;
  let at = 0;
  const copy = (axis: number, origin: number) => {
    const stride = strides[axis]! * steps[axis]!;
    const first = origin + starts[axis]! * strides[axis]!;
    for (let i = 0; i < sizes[axis]!; i++) {
      const start = first + i * stride;
      if (axis < inner) {
        copy(axis + 1, start);
        continue;
      }
      copyRow(to, at, from, start, row);
      at += row;
      if (together > 1) return;
    }
  };
  copy(0, 0);
}

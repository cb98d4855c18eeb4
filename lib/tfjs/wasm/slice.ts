/** Parts of a tensor as kernels of the wasm backend. @module */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { copyRow, type Elements } from "./copy_row.ts";

/**
 * The kernel `Slice`, which copies only the slice; `stock` handles strings, which are
 * stored elsewhere.
 */
export function sliceKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return ofNumbers(stock, ({ inputs, backend, attrs }) => {
    const { begin, size } = attrs as unknown as tf.SliceAttrs;
    return slice(
      backend as BackendWasm,
      inputs["x"] as tf.TensorInfo,
      begin,
      size,
    );
  });
}

/** The kernel `SplitV`, like {@linkcode sliceKernel}. */
export function splitKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return ofNumbers(stock, ({ inputs, backend, attrs }) => {
    const x = inputs["x"] as tf.TensorInfo;
    const { numOrSizeSplits, axis } = attrs as unknown as tf.SplitVAttrs;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const sizes = tf.backend_util
      .prepareSplitSize(x as tf.Tensor, numOrSizeSplits, along);
    return cut(backend as BackendWasm, x, { along, sizes });
  });
}

/** The kernel `Unpack`, like {@linkcode sliceKernel}. */
export function unpackKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return ofNumbers(stock, ({ inputs, backend, attrs }) => {
    const x = inputs["value"] as tf.TensorInfo;
    const { axis } = attrs as unknown as tf.UnpackAttrs;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const sizes = new Array<number>(x.shape[along]!).fill(1);
    const shape = x.shape.toSpliced(along, 1);
    return cut(backend as BackendWasm, x, { along, sizes })
      .map((part) => ({ ...part, shape }));
  });
}

/** The kernel `StridedSlice`, like {@linkcode sliceKernel}. */
export function stridedSliceKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return ofNumbers(stock, ({ inputs, backend, attrs }) => {
    const x = inputs["x"] as tf.TensorInfo;
    const attributes = attrs as unknown as tf.StridedSliceAttrs;
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
    const wasm = backend as BackendWasm;
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

function ofNumbers(stock: tf.KernelFunc, own: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const [x] = Object.values(call.inputs) as tf.TensorInfo[];
    return x!.dtype === "string" ? stock(call) : own(call);
  };
}

function slice(
  wasm: BackendWasm,
  x: tf.TensorInfo,
  begin: number | number[],
  size: number | number[],
): tf.TensorInfo {
  const [starts, sizes] = tf.slice_util
    .parseSliceParams(x as tf.Tensor, begin, size);
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
}

/** The parts of a tensor along an axis, one after the other. */
function cut(
  wasm: BackendWasm,
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
      parts.push(slice(wasm, x, begin, size));
    }
  } catch (error) {
    // Memory ran out: nothing else refers to the parts already made.
    parts.forEach(({ dataId }) => wasm.disposeData(dataId));
    throw error;
  }
  return parts;
}

/**
 * A part of a tensor: for each axis, the first element, the stride and the
 * number.
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
  // The innermost axis that is cut or strided; below it, whole rows are copied.
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

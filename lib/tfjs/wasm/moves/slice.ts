/** Parts of a tensor as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type MovingCall, movingKernel } from "./kernel.ts";
import type { Part } from "./move.ts";
import { axesOfRows, type Axis } from "./parts.ts";

/** The kernel `Slice`, which copies only the slice. */
export const sliceKernel = movingKernel((call) => {
  const x = call.inputs["x"]!;
  const { begin, size } = call.attrs as tf.SliceAttrs;
  const [starts, sizes] = tf.slice_util
    .parseSliceParams(x as tf.Tensor, begin, size) as [number[], number[]];
  assertInside(x, starts, sizes);
  const y = call.make(sizes, x.dtype);
  call.move([partOf(x, y, starts, sizes)]);
  return y;
});

/** The kernel `SplitV`. */
export const splitKernel = movingKernel((call) => {
  const x = call.inputs["x"]!;
  const { numOrSizeSplits, axis } = call.attrs as tf.SplitVAttrs;
  const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const sizes = tf.backend_util
    .prepareSplitSize(x as tf.Tensor, numOrSizeSplits, along);
  return cut(call, x, along, sizes, (size) => x.shape.with(along, size));
});

/** The kernel `Unpack`. */
export const unpackKernel = movingKernel((call) => {
  const x = call.inputs["value"]!;
  const { axis } = call.attrs as tf.UnpackAttrs;
  const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const sizes = new Array<number>(x.shape[along]!).fill(1);
  return cut(call, x, along, sizes, () => x.shape.toSpliced(along, 1));
});

/** The kernel `StridedSlice`. */
export const stridedSliceKernel = movingKernel(
  (call) => {
    const x = call.inputs["x"]!;
    const attributes = call.attrs as tf.StridedSliceAttrs;
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
    const sizes = begin.map((start, i) =>
      Math.max(0, Math.ceil((end[i]! - start) / strides[i]!))
    );
    const y = call.make(finalShape, x.dtype);
    call.move([partOf(x, y, begin, sizes, strides)]);
    return y;
  },
);

/** Throws if a slice is not all within a tensor. */
function assertInside(
  { shape }: tf.TensorInfo,
  starts: readonly number[],
  sizes: readonly number[],
): void {
  for (let axis = 0; axis < shape.length; axis++) {
    const start = starts[axis]!, size = sizes[axis]!;
    if (start >= 0 && size >= 0 && start + size <= shape[axis]!) continue;
    throw new RangeError(
      `slice's begin and size should stay within [${shape}], got begin ` +
        `[${starts}] and size [${sizes}]`,
    );
  }
}

/** Throws if parts are not all of an axis. */
function assertSizes(sizes: readonly number[], whole: number): void {
  let sum = 0;
  for (const size of sizes) sum += size >= 0 ? size : NaN;
  if (sum === whole) return;
  throw new RangeError(
    `split's sizes should be 0 or more and add up to ${whole}, got [${sizes}]`,
  );
}

/** The part of x that begins at some place and fills y. */
function partOf(
  x: tf.TensorInfo,
  y: tf.TensorInfo,
  starts: readonly number[],
  sizes: readonly number[],
  steps?: readonly number[],
): Part {
  const axes = new Array<Axis>(sizes.length);
  let first = 0, stride = 1, to = 1;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const count = sizes[axis]!, step = steps ? steps[axis]! : 1;
    axes[axis] = { count, from: stride * step, to };
    first += starts[axis]! * stride;
    stride *= x.shape[axis]!;
    to *= count;
  }
  return { x, y, from: first, axes };
}

/** The parts of a tensor along an axis, one after the other. */
function cut(
  call: MovingCall,
  x: tf.TensorInfo,
  along: number,
  sizes: readonly number[],
  shapeOf: (size: number) => number[],
): tf.TensorInfo[] {
  assertSizes(sizes, x.shape[along]!);
  const inner = tf.util.sizeFromShape(x.shape.slice(along + 1));
  const outer = tf.util.sizeFromShape(x.shape.slice(0, along));
  const row = x.shape[along]! * inner;
  let from = 0;
  const parts = sizes.map((size): Part => {
    const y = call.make(shapeOf(size), x.dtype);
    const count = size * inner;
    const part = { x, y, from, axes: axesOfRows(outer, count, row, count) };
    from += count;
    return part;
  });
  call.move(parts);
  return parts.map(({ y }) => y);
}

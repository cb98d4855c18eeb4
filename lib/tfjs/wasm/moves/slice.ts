/** Parts of a tensor as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { partSizes, sliceOf } from "../../place_checks.ts";
import { type MovingCall, movingKernel } from "./kernel.ts";
import type { Part } from "./move.ts";
import { axesOfRows, type Axis } from "./parts.ts";

/** The kernel `Slice`, which copies only the slice. */
export const sliceKernel = movingKernel((call) => {
  const x = call.inputs["x"]!;
  const [starts, sizes] = sliceOf(x, call.attrs as tf.SliceAttrs);
  const y = call.make(sizes, x.dtype);
  call.move([partOf(x, y, starts, sizes)]);
  return y;
});

/** The kernel `SplitV`. */
export const splitKernel = movingKernel((call) => {
  const x = call.inputs["x"]!;
  const attributes = call.attrs as tf.SplitVAttrs;
  const along = tf.util.parseAxisParam(attributes.axis, x.shape)[0]!;
  const sizes = partSizes(x, attributes, along);
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

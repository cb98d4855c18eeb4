/**
 * Checks of attributes that say which part of a tensor an operation takes, or
 * what it puts around it. TensorFlow.js checks some of them only, and those not
 * on every backend.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Call } from "./host_kernel.ts";

/** Whether a number is a count. */
export function isNatural(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}

/** The begin and the size of a slice along each axis, all within the tensor. */
export function sliceOf(
  x: tf.TensorInfo,
  { begin, size }: tf.SliceAttrs,
): [begin: number[], size: number[]] {
  const [starts, sizes] = tf.slice_util
    .parseSliceParams(x as tf.Tensor, begin, size) as [number[], number[]];
  for (let axis = 0; axis < x.shape.length; axis++) {
    const start = starts[axis]!, size = sizes[axis]!;
    if (start >= 0 && size >= 0 && start + size <= x.shape[axis]!) continue;
    throw new RangeError(
      `slice's begin and size should stay within [${x.shape}], got begin ` +
        `[${starts}] and size [${sizes}]`,
    );
  }
  return [starts, sizes];
}

/** The sizes of the parts of a split along an axis, which are all of it. */
export function partSizes(
  x: tf.TensorInfo,
  { numOrSizeSplits }: tf.SplitVAttrs,
  axis: number,
): number[] {
  const sizes = tf.backend_util
    .prepareSplitSize(x as tf.Tensor, numOrSizeSplits, axis);
  const whole = x.shape[axis]!;
  let sum = 0;
  for (const size of sizes) sum += size >= 0 ? size : NaN;
  if (sum === whole) return sizes;
  throw new RangeError(
    `split's sizes should be 0 or more and add up to ${whole}, got [${sizes}]`,
  );
}

/** Throws unless there are two counts for each axis. */
export function assertPaddings(
  { shape }: tf.TensorInfo,
  paddings: readonly (readonly number[])[],
): void {
  const isRight = paddings.length === shape.length &&
    paddings.every((pair) => pair.every(isNatural));
  if (isRight) return;
  throw new RangeError(
    `pad's paddings should be two numbers of 0 or more for each axis of ` +
      `[${shape}], got ${JSON.stringify(paddings)}`,
  );
}

/** Throws unless all repetitions are counts. */
export function assertReps(reps: readonly number[]): void {
  if (reps.every(isNatural)) return;
  throw new RangeError(
    `tile's reps should be numbers of 0 or more, got [${reps}]`,
  );
}

/** Checks an order of axes, which tfjs has found to be axes. */
export function assertOrder(perm: readonly number[]): void {
  let seen = 0;
  for (const axis of perm) seen |= 1 << axis;
  if (seen === (1 << perm.length) - 1) return;
  throw new RangeError(
    `transpose's perm should name each axis once, got [${perm}]`,
  );
}

/** Throws unless a number of segments is a count, and each row has an id. */
export function assertSegments(
  x: tf.TensorInfo,
  segmentIds: tf.TensorInfo,
  numSegments: number,
): void {
  if (!isNatural(numSegments)) {
    throw new RangeError(
      `unsortedSegmentSum's numSegments should be 0 or more, got ${numSegments}`,
    );
  }
  if (`${segmentIds.shape}` === `${x.shape[0]}`) return;
  throw new TypeError(
    `unsortedSegmentSum's segmentIds should have an id for each row of ` +
      `[${x.shape}], got [${segmentIds.shape}]`,
  );
}

function assertBlocks(name: string, pairs: readonly (readonly number[])[]) {
  if (pairs.every((pair) => pair.every(isNatural))) return;
  throw new RangeError(
    `${name} should be two numbers of 0 or more for each axis of a block, ` +
      `got ${JSON.stringify(pairs)}`,
  );
}

/** Throws if the crops of an axis are longer than the axis that the blocks make. */
function assertCrops(
  { shape }: tf.TensorInfo,
  { blockShape, crops }: tf.BatchToSpaceNDAttrs,
): void {
  assertBlocks("batchToSpaceND's crops", crops);
  crops.forEach(([before, after], i) => {
    const whole = shape[i + 1]! * blockShape[i]!;
    if (before! + after! <= whole) return;
    throw new RangeError(
      `batchToSpaceND's crops of axis ${
        i + 1
      } should be ${whole} together at ` +
        `most, got [${before}, ${after}]`,
    );
  });
}

function assertMost({ maxOutputSize }: { maxOutputSize: number }): void {
  if (isNatural(maxOutputSize)) return;
  throw new RangeError(
    `nonMaxSuppression's maxOutputSize should be 0 or more, got ${maxOutputSize}`,
  );
}

/** The check of a kernel's attributes, given the tensor that they are about. */
type Check = (
  x: tf.TensorInfo,
  attributes: unknown,
  inputs: tf.NamedTensorInfoMap,
) => void;

/** The checks, by the names of kernels. */
const CHECKS: Readonly<Record<string, Check>> = {
  BatchToSpaceND: (x, attributes) =>
    assertCrops(x, attributes as tf.BatchToSpaceNDAttrs),
  NonMaxSuppressionV3: (_, attributes) =>
    assertMost(attributes as tf.NonMaxSuppressionV3Attrs),
  NonMaxSuppressionV4: (_, attributes) =>
    assertMost(attributes as tf.NonMaxSuppressionV4Attrs),
  NonMaxSuppressionV5: (_, attributes) =>
    assertMost(attributes as tf.NonMaxSuppressionV5Attrs),
  PadV2: (x, attributes) =>
    assertPaddings(x, (attributes as tf.PadV2Attrs).paddings),
  Slice: (x, attributes) => void sliceOf(x, attributes as tf.SliceAttrs),
  SpaceToBatchND: (_, attributes) =>
    assertBlocks(
      "spaceToBatchND's paddings",
      (attributes as tf.SpaceToBatchNDAttrs).paddings,
    ),
  SplitV(x, attributes) {
    const split = attributes as tf.SplitVAttrs;
    partSizes(x, split, tf.util.parseAxisParam(split.axis, x.shape)[0]!);
  },
  Tile: (_, attributes) => assertReps((attributes as tf.TileAttrs).reps),
  Transpose: (_, attributes) =>
    assertOrder((attributes as tf.TransposeAttrs).perm),
  UnsortedSegmentSum: (x, attributes, { segmentIds }) =>
    assertSegments(
      x,
      segmentIds as tf.TensorInfo,
      (attributes as tf.UnsortedSegmentSumAttrs).numSegments,
    ),
};

/** The kernels whose attributes are checked. */
export const PLACED: readonly string[] = Object.keys(CHECKS);

/** A kernel whose attributes are checked first. */
export function placedKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  const check = CHECKS[name]!;
  return (call: Call) => {
    const [x] = Object.values(call.inputs) as tf.TensorInfo[];
    check(x!, call.attrs, call.inputs);
    return stock(call);
  };
}

/**
 * Every operation of tfjs-core that takes int32 or bool, as calls on values that
 * 32-bit floats cannot tell apart.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendName } from "../../mod.ts";
import { uniform } from "../random.ts";

/** Makes the arguments of a call, the same ones on every backend. */
export interface Arguments {
  /** The type that the call is tried with. */
  readonly dtype: "int32" | "bool";
  /** Values of `dtype`: integers of any size, or bools that are casts. */
  readonly any: (...shape: number[]) => tf.Tensor;
  /** Integers from -6 to 6, or bools, none of them 0. */
  readonly small: (...shape: number[]) => tf.Tensor;
  /** Bools. */
  readonly flags: (...shape: number[]) => tf.Tensor;
  /** Integers from 0 to below `limit`. */
  readonly ids: (limit: number, ...shape: number[]) => tf.Tensor;
}

/** Integers at which a way of computing goes wrong, if it does. */
export const EDGES: readonly number[] = [24, 31].flatMap((bits) =>
  [-1, 1].flatMap((sign) => [-1, 0, 1].map((by) => sign * 2 ** bits + by))
).concat([0, 1, -1, 7, -7, 255, 256, 512, 3 * 2 ** 24 + 1])
  .filter((value) => value === (value | 0));

/** What bools are cast from: 256 and 512 are 0 in a byte. */
const CAST_TO_BOOL: readonly number[] = [0, 0, 1, -1, 2, 256, 512, 2 ** 24 + 1];

/** The arguments of a call whose seed is its name. */
export function argumentsOf(name: string, dtype: "int32" | "bool"): Arguments {
  const random = uniform(
    [...name].reduce((sum, c) => 31 * sum + c.charCodeAt(0) | 0, 7),
  );
  const filled = (shape: number[], value: () => number): tf.Tensor =>
    tf.tensor(
      Int32Array.from({ length: tf.util.sizeFromShape(shape) }, value),
      shape,
      "int32",
    );
  const of = (values: readonly number[]) => (...shape: number[]) =>
    filled(shape, () => values[Math.floor(random() * values.length)]!);
  const flags = (...shape: number[]) =>
    tf.cast(of(CAST_TO_BOOL)(...shape), "bool");
  return {
    dtype,
    any: dtype === "bool" ? flags : of(EDGES),
    small: dtype === "bool"
      ? (...shape) => tf.cast(of([1, 2, 256])(...shape), "bool")
      : of([-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6]),
    flags,
    ids: (limit, ...shape) => filled(shape, () => Math.floor(random() * limit)),
  };
}

type Call = (
  make: Arguments,
) => tf.Tensor | tf.Tensor[] | Promise<tf.Tensor | tf.Tensor[]>;

/** Shapes of one and of four numbers per pack. */
const SHAPES: readonly number[][] = [[23], [2, 12], [3, 5, 4], [2, 3, 2, 5]];

/** A call for each shape. */
const shaped = (run: (x: tf.Tensor, make: Arguments) => tf.Tensor): Call[] =>
  SHAPES.map((shape) => (make) => run(make.any(...shape), make));
const smallShaped = (run: (x: tf.Tensor) => tf.Tensor): Call[] =>
  SHAPES.map((shape) => (make) => run(make.small(...shape)));

/** A call for each way of broadcasting. */
const PAIRS: readonly (readonly [number[], number[]])[] = [
  [[23], [23]],
  [[2, 12], [2, 12]],
  [[2, 12], [12]],
  [[5], [3, 5]],
  [[3, 1, 4], [5, 1]],
  [[2, 4], []],
  [[], [7]],
];
const paired = (run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Call[] =>
  PAIRS.map(([a, b]) => (make) => run(make.any(...a), make.any(...b)));
/** One operand is small, so that no result is beyond 32 bits. */
const pairedSmall = (run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Call[] =>
  PAIRS.map(([a, b]) => (make) => run(make.any(...a), make.small(...b)));
const pairedTiny = (run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Call[] =>
  PAIRS.map(([a, b]) => (make) => run(make.small(...a), make.small(...b)));

/** A reduction of all, of rows, of columns and of both. */
const reduced = (
  run: (
    x: tf.Tensor,
    axis?: number | number[],
    keepDims?: boolean,
  ) => tf.Tensor,
  of: "any" | "small" = "any",
): Call[] => [
  (make) => run(make[of](23)),
  (make) => run(make[of](1300)),
  (make) => run(make[of](3, 5, 4), 2),
  (make) => run(make[of](3, 5, 4), 0),
  (make) => run(make[of](3, 5, 4), [0, 1], true),
];

/** A sorted sequence, and values to find in it. */
const searched = (): [tf.Tensor1D, tf.Tensor1D] => [
  tf.tensor1d([-5, 2 ** 24, 2 ** 24 + 1, 2 ** 24 + 2, 2 ** 31 - 1], "int32"),
  tf.tensor1d([-6, 0, 2 ** 24 + 1, 2 ** 24 + 2, 2 ** 31 - 2], "int32"),
];

/** Overflows nowhere. */
const LEAST = -(2 ** 31);
const cropped = (x: tf.Tensor): tf.Tensor =>
  x.dtype === "bool" ? x : tf.maximum(x, tf.scalar(LEAST + 1, "int32"));
/** Throws for bools, of which there is no negative. */
function numeric(x: tf.Tensor): tf.Tensor {
  if (x.dtype === "bool") throw new TypeError("a bool has no negative");
  return x;
}
const rank4 = (run: (x: tf.Tensor4D) => tf.Tensor): Call[] => [
  (make) => run(make.any(2, 4, 6, 3) as tf.Tensor4D),
  (make) => run(make.any(1, 6, 4, 4) as tf.Tensor4D),
];

/**
 * The calls, by the operation's name in tfjs-core. A call that throws on `cpu`
 * does not take the type.
 */
export const CASES: Readonly<Record<string, readonly Call[]>> = {
  abs: shaped((x) => tf.abs(cropped(x))),
  acosh: [(make) => tf.acosh(tf.add(make.ids(9, 23), tf.scalar(1, "int32")))],
  add: pairedSmall(tf.add),
  addN: [(make) => tf.addN([make.small(23), make.any(23), make.small(23)])],
  all: reduced((x, ...rest) => tf.all(tf.cast(x, "bool"), ...rest))
    .concat(() => tf.all(tf.tensor1d([1, 2], "bool"))),
  any: reduced((x, ...rest) => tf.any(tf.cast(x, "bool"), ...rest)),
  argMax: reduced((x, axis) => tf.argMax(x, Number([axis ?? 0].flat()[0]))),
  argMin: reduced((x, axis) => tf.argMin(x, Number([axis ?? 0].flat()[0]))),
  atan2: pairedTiny(tf.atan2),
  avgPool: rank4((x) => tf.avgPool(tf.sign(x), 2, 2, "valid")),
  batchToSpaceND: [
    (make) => tf.batchToSpaceND(make.any(4, 3, 2, 3), [2, 2], [[0, 1], [1, 0]]),
  ],
  bincount: [
    (make) =>
      tf.bincount(
        make.ids(9, 23) as tf.Tensor1D,
        make.small(23) as tf.Tensor1D,
        8,
      ),
    (make) => tf.bincount(make.ids(9, 23) as tf.Tensor1D, tf.tensor1d([]), 8),
    () =>
      tf.bincount(
        tf.tensor1d([0, 1, 1, 2], "int32"),
        tf.tensor1d([2 ** 24 + 1, 2 ** 24 + 1, 2 ** 25 + 1, -5], "int32"),
        4,
      ),
  ],
  bitwiseAnd: paired(tf.bitwiseAnd),
  broadcastArgs: [
    () =>
      tf.broadcastArgs(
        tf.tensor1d([3, 1], "int32"),
        tf.tensor1d([1, 2], "int32"),
      ),
  ],
  broadcastTo: [
    (make) => tf.broadcastTo(make.any(5, 1), [3, 5, 4]),
    (make) => tf.broadcastTo(make.any(12), [2, 12]),
  ],
  cast: [
    ...shaped((x) => tf.cast(x, "bool")),
    ...shaped((x) => tf.cast(x, "int32")),
    ...shaped((x) => tf.cast(x, "float32")),
    () =>
      tf.cast(
        tf.tensor1d([0.5, -0.5, 0, -0, 256, 3e9, 1e-40, NaN, Infinity]),
        "bool",
      ),
    () =>
      tf.cast(
        tf.tensor1d([0.5, -0.5, 1.9, -1.9, 2 ** 24, -(2 ** 31)]),
        "int32",
      ),
  ],
  clipByValue: [
    ...shaped((x) => tf.clipByValue(x, -5, 5)),
    ...shaped((x) => tf.clipByValue(x, -(2 ** 24) - 1, 2 ** 24 + 1)),
  ],
  clone: shaped(tf.clone),
  concat: [
    (make) => tf.concat([make.any(5), make.any(18)]),
    (make) =>
      tf.concat([make.any(2, 3, 4), make.any(2, 1, 4), make.any(2, 2, 4)], 1),
    (make) => tf.concat([make.any(3, 2), make.any(3, 6)], 1),
    (make) => tf.concat(Array.from({ length: 21 }, () => make.any(3, 2)), 1),
  ],
  cumprod: reduced((x, axis) =>
    tf.cumprod(tf.sign(x), Number([axis ?? 0].flat()[0]))
  ),
  cumsum: reduced(
    (x, axis) => tf.cumsum(x, Number([axis ?? 0].flat()[0])),
    "small",
  )
    .concat([
      () => tf.cumsum(tf.tensor1d([2 ** 24, 1, 1, 1, -(2 ** 25)], "int32")),
      () => tf.cumsum(tf.tensor1d([2 ** 24, 1, 1, 1], "int32"), 0, true, true),
    ]),
  denseBincount: [
    (make) =>
      tf.denseBincount(
        make.ids(9, 2, 12) as tf.Tensor2D,
        make.small(2, 12) as tf.Tensor2D,
        8,
      ),
    (make) =>
      tf.denseBincount(
        make.ids(9, 2, 12) as tf.Tensor2D,
        tf.tensor2d([], [0, 0], "int32"),
        8,
        true,
      ),
  ],
  depthToSpace: [
    (make) => tf.depthToSpace(make.any(2, 3, 2, 8) as tf.Tensor4D, 2, "NHWC"),
  ],
  diag: [(make) => tf.diag(make.any(7)), (make) => tf.diag(make.any(2, 3))],
  div: pairedTiny(tf.div),
  divNoNan: pairedTiny(tf.divNoNan),
  dot: [(make) => tf.dot(make.small(9), make.small(9))],
  einsum: [
    (make) => tf.einsum("ij,jk->ik", make.small(3, 5), make.small(5, 4)),
  ],
  elu: smallShaped(tf.elu),
  equal: paired(tf.equal),
  erf: smallShaped(tf.erf),
  euclideanNorm: [(make) => tf.euclideanNorm(make.small(3, 4))],
  exp: smallShaped(tf.exp),
  expandDims: shaped((x) => tf.expandDims(x, 1)),
  expm1: smallShaped(tf.expm1),
  eye: [() => tf.eye(3, 4, undefined, "int32")],
  fill: [
    () => tf.fill([23], 2 ** 24 + 1, "int32"),
    () => tf.fill([3, 4], LEAST, "int32"),
    () => tf.fill([3, 4], 1, "bool"),
  ],
  floor: smallShaped(tf.floor),
  ceil: smallShaped(tf.ceil),
  floorDiv: pairedSmall(tf.floorDiv),
  gather: [
    (make) => tf.gather(make.any(5, 4), make.ids(5, 7) as tf.Tensor1D),
    (make) => tf.gather(make.any(3, 5, 2), make.ids(5, 3, 4), 1, 1),
  ],
  gatherND: [
    (make) => tf.gatherND(make.any(3, 4), make.ids(3, 7, 2)),
    (make) => tf.gatherND(make.any(3, 4, 5), make.ids(3, 7, 2)),
  ],
  greater: paired(tf.greater),
  greaterEqual: paired(tf.greaterEqual),
  isFinite: shaped(tf.isFinite),
  isInf: shaped(tf.isInf),
  isNaN: shaped(tf.isNaN),
  leakyRelu: smallShaped((x) => tf.leakyRelu(x, 0.5)),
  less: paired(tf.less),
  lessEqual: paired(tf.lessEqual),
  log: [(make) => tf.log(make.ids(9, 23))],
  log1p: [(make) => tf.log1p(make.ids(9, 23))],
  logSigmoid: smallShaped((x) => tf.logSigmoid(numeric(x))),
  logSoftmax: [(make) => tf.logSoftmax(make.small(3, 4))],
  logSumExp: reduced(tf.logSumExp, "small"),
  logicalAnd: PAIRS.map(([a, b]) => (make) =>
    tf.logicalAnd(make.flags(...a), make.flags(...b))
  ),
  logicalNot: SHAPES.map((shape) => (make) =>
    tf.logicalNot(make.flags(...shape))
  ),
  logicalOr: PAIRS.map(([a, b]) => (make) =>
    tf.logicalOr(make.flags(...a), make.flags(...b))
  ),
  logicalXor: PAIRS.map(([a, b]) => (make) =>
    tf.logicalXor(make.flags(...a), make.flags(...b))
  ),
  lowerBound: [() => tf.lowerBound(...searched())],
  matMul: [
    (make) =>
      tf.matMul(
        make.small(3, 5) as tf.Tensor2D,
        make.small(5, 4) as tf.Tensor2D,
      ),
    (make) =>
      tf.matMul(
        tf.cast(make.any(3, 1), "int32") as tf.Tensor2D,
        tf.ones<tf.Rank.R2>([1, 4], "int32"),
      ),
  ],
  max: reduced(tf.max),
  maxPool: rank4((x) => tf.maxPool(x, 2, 2, "valid")),
  maxPool3d: [
    (make) =>
      tf.maxPool3d(make.any(1, 4, 4, 4, 2) as tf.Tensor5D, 2, 2, "valid"),
  ],
  maximum: paired(tf.maximum),
  mean: reduced(tf.mean, "small"),
  meshgrid: [(make) => tf.meshgrid(make.any(3), make.any(4))],
  min: reduced(tf.min),
  minimum: paired(tf.minimum),
  mirrorPad: [
    (make) => tf.mirrorPad(make.any(3, 4), [[1, 2], [2, 1]], "reflect"),
    (make) => tf.mirrorPad(make.any(3, 4), [[1, 2], [2, 1]], "symmetric"),
  ],
  mod: pairedSmall(tf.mod),
  moments: [(make) => Object.values(tf.moments(make.small(3, 4)))],
  mul: pairedTiny(tf.mul).concat([
    () =>
      tf.mul(
        tf.tensor1d(
          [2 ** 24 + 1, -(2 ** 24) - 1, 46341, 12345, LEAST],
          "int32",
        ),
        tf.tensor1d([3, 127, 46339, 12345, 1], "int32"),
      ),
  ]),
  neg: shaped((x) => tf.neg(cropped(numeric(x)))),
  norm: [
    (make) => tf.norm(make.small(3, 4)),
    (make) => tf.norm(make.small(3, 4), 1),
  ],
  notEqual: paired(tf.notEqual),
  oneHot: [
    (make) => tf.oneHot(make.ids(5, 7), 5),
    () => tf.oneHot(tf.tensor1d([2 ** 24 + 1, -1, 0, LEAST, 3], "int32"), 4),
    () =>
      tf.oneHot(tf.tensor1d([0, 2], "int32"), 3, 2 ** 24 + 1, LEAST, "int32"),
    () => tf.oneHot(tf.tensor1d([0, 2], "int32"), 3, 1, 0, "bool"),
  ],
  ones: [() => tf.ones([5], "int32"), () => tf.ones([2, 4], "bool")],
  onesLike: shaped(tf.onesLike),
  outerProduct: [
    (make) =>
      tf.outerProduct(
        make.small(3) as tf.Tensor1D,
        make.small(4) as tf.Tensor1D,
      ),
  ],
  pad: [
    (make) =>
      tf.pad(make.any(5), [[2, 3]], make.dtype === "bool" ? 1 : 2 ** 24 + 1),
    (make) =>
      tf.pad(
        make.any(3, 4),
        [[1, 0], [2, 2]],
        make.dtype === "bool" ? 0 : LEAST,
      ),
    (make) => tf.pad(make.any(2, 3, 2, 2), [[0, 0], [1, 0], [2, 2], [0, 1]]),
  ],
  pow: [
    (make) => tf.pow(make.small(23), make.ids(5, 23)),
    (make) => tf.pow(make.small(2, 12), make.ids(5, 12)),
    () =>
      tf.pow(
        tf.tensor1d([3, 5, -3, 46341, 2, 7, 0], "int32"),
        tf.tensor1d([19, 13, 19, 2, 30, 11, 0], "int32"),
      ),
  ],
  prelu: pairedTiny(tf.prelu),
  prod: reduced((x, ...rest) => tf.prod(tf.sign(x), ...rest)).concat([
    () => tf.prod(tf.tensor1d([46341, 46339], "int32")),
  ]),
  range: [
    () => tf.range(2 ** 24 - 2, 2 ** 24 + 5, 1, "int32"),
    () => tf.range(9, -9, -3, "int32"),
  ],
  reciprocal: smallShaped(tf.reciprocal),
  relu: shaped(tf.relu),
  relu6: shaped(tf.relu6),
  reshape: shaped((x) => tf.reshape(x, [-1])),
  reverse: [
    (make) => tf.reverse(make.any(23)),
    (make) => tf.reverse(make.any(3, 5, 4), [0, 2]),
    (make) => tf.reverse(make.any(2, 3, 2, 4), 1),
  ],
  round: smallShaped(tf.round),
  rsqrt: [(make) => tf.rsqrt(make.ids(9, 23))],
  scatterND: [
    (make) => tf.scatterND(make.ids(5, 4, 1), make.small(4, 3), [5, 3]),
    () =>
      tf.scatterND(
        tf.tensor2d([[4], [1], [4]], [3, 1], "int32"),
        tf.tensor1d([2 ** 24 + 1, LEAST, 2], "int32"),
        [6],
      ),
  ],
  searchSorted: [
    () =>
      tf.searchSorted(
        tf.tensor2d([0, 2 ** 24, 2 ** 24 + 1, 2 ** 24 + 3], [1, 4], "int32"),
        tf.tensor2d([2 ** 24 + 1, 2 ** 24 + 2, -1, LEAST], [1, 4], "int32"),
        "right",
      ),
  ],
  selu: smallShaped(tf.selu),
  sigmoid: smallShaped(tf.sigmoid),
  sign: shaped(tf.sign),
  sin: smallShaped(tf.sin),
  cos: smallShaped(tf.cos),
  tan: [(make) => tf.tan(make.ids(2, 23))],
  tanh: smallShaped(tf.tanh),
  sinh: smallShaped(tf.sinh),
  cosh: smallShaped(tf.cosh),
  asin: [(make) => tf.asin(make.ids(2, 23))],
  acos: [(make) => tf.acos(make.ids(2, 23))],
  asinh: [(make) => tf.asinh(make.ids(9, 23))],
  atan: smallShaped(tf.atan),
  atanh: [(make) => tf.atanh(make.ids(1, 23))],
  slice: [
    (make) => tf.slice(make.any(23), 3, 11),
    (make) => tf.slice(make.any(3, 5, 4), [1, 0, 2], [2, 5, 2]),
    (make) => tf.slice(make.any(2, 4, 2, 4), [1, 1, 0, 0], [1, 2, 2, 4]),
  ],
  softmax: [(make) => tf.softmax(make.small(3, 4))],
  softplus: smallShaped(tf.softplus),
  spaceToBatchND: [
    (make) => tf.spaceToBatchND(make.any(1, 3, 5, 2), [2, 2], [[1, 0], [0, 1]]),
  ],
  sparseToDense: [
    (make) =>
      tf.sparseToDense(
        tf.tensor1d([1, 4, 5], "int32"),
        make.any(3),
        [7],
        tf.scalar(make.dtype === "bool" ? 1 : 2 ** 24 + 1, make.dtype),
      ),
    () =>
      tf.sparseToDense(
        tf.tensor2d([[0, 1], [2, 2]], [2, 2], "int32"),
        tf.scalar(2 ** 24 + 1, "int32"),
        [3, 3],
      ),
  ],
  split: [
    (make) => tf.split(make.any(24), 3),
    (make) => tf.split(make.any(3, 7), [2, 5], 1),
  ],
  sqrt: [(make) => tf.sqrt(make.ids(9, 23))],
  square: smallShaped(tf.square).concat([
    () => tf.square(tf.tensor1d([46339, -46339, 12345, 4099], "int32")),
  ]),
  squaredDifference: pairedTiny(tf.squaredDifference).concat([
    () =>
      tf.squaredDifference(
        tf.tensor1d([2 ** 24 + 1, 4099], "int32"),
        tf.tensor1d([2 ** 24, 0], "int32"),
      ),
  ]),
  squeeze: [(make) => tf.squeeze(make.any(3, 1, 4))],
  stack: [
    (make) => tf.stack([make.any(5), make.any(5), make.any(5)]),
    (make) => tf.stack([make.any(3, 4), make.any(3, 4)], 2),
  ],
  step: shaped((x) => tf.step(x)),
  stridedSlice: [
    (make) => tf.stridedSlice(make.any(23), [20], [3], [-4]),
    (make) =>
      tf.stridedSlice(make.any(3, 5, 4), [0, 1, 0], [3, 5, 4], [2, 2, 3]),
    (make) =>
      tf.stridedSlice(make.any(3, 5), [0, 1], [1, 4], [1, 1], 0, 0, 0, 0, 1),
  ],
  sub: pairedTiny(tf.sub).concat(
    pairedSmall((a, b) =>
      tf.sub(cropped(tf.sign(b)), tf.sub(b, tf.sign(cropped(a))))
    ),
  ).concat([
    () =>
      tf.sub(
        tf.tensor1d([2 ** 24 + 1, 2 ** 31 - 1, 0], "int32"),
        tf.tensor1d([2 ** 24, 2, 2 ** 31 - 1], "int32"),
      ),
  ]),
  sum: reduced(tf.sum, "small").concat([
    () => tf.sum(tf.tensor1d([2 ** 24, 1, 1, 1, 1, 1, 1, 1], "int32")),
    () =>
      tf.sum(
        tf.tensor2d([2 ** 24, 1, LEAST, 2 ** 31 - 1, 7, 8], [2, 3], "int32"),
        0,
      ),
    (make) => tf.sum(make.flags(1300)),
    (make) => tf.sum(make.flags(30, 40), 0),
    (make) => tf.sum(make.flags(30, 40), 1),
  ]),
  tensorScatterUpdate: [
    (make) =>
      tf.tensorScatterUpdate(
        make.any(8),
        tf.tensor2d([[4], [1], [7]], [3, 1], "int32"),
        make.any(3),
      ),
    (make) =>
      tf.tensorScatterUpdate(
        make.any(4, 3),
        tf.tensor2d([[2], [0]], [2, 1], "int32"),
        make.any(2, 3),
      ),
  ],
  tile: [
    (make) => tf.tile(make.any(5), [3]),
    (make) => tf.tile(make.any(3, 4), [2, 3]),
    (make) => tf.tile(make.any(2, 1, 3, 2), [1, 3, 2, 1]),
  ],
  topk: [
    () =>
      Object.values(
        tf.topk(
          tf.tensor1d([
            2 ** 24,
            2 ** 24 + 1,
            -7,
            LEAST,
            2 ** 31 - 1,
            2 ** 31 - 2,
            2 ** 24 - 1,
          ], "int32"),
          5,
        ),
      ),
    (make) => Object.values(tf.topk(make.small(3, 40), 3)).slice(0, 1),
    (make) => Object.values(tf.topk(make.any(3, 40), 7)).slice(0, 1),
    (make) => Object.values(tf.topk(make.any(130), 1)).slice(0, 1),
  ],
  transpose: [
    (make) => tf.transpose(make.any(3, 5)),
    (make) => tf.transpose(make.any(32, 64)),
    (make) => tf.transpose(make.any(3, 5, 4), [2, 0, 1]),
    (make) => tf.transpose(make.any(2, 3, 2, 4), [0, 2, 1, 3]),
  ],
  unique: [(make) => Object.values(tf.unique(make.any(23)))],
  unsortedSegmentSum: [
    (make) =>
      tf.unsortedSegmentSum(make.small(7, 3), make.ids(4, 7) as tf.Tensor1D, 4),
    () =>
      tf.unsortedSegmentSum(
        tf.tensor1d([2 ** 24, 1, 1, LEAST, 7], "int32"),
        tf.tensor1d([1, 1, 1, 0, 2], "int32"),
        3,
      ),
    (make) =>
      tf.unsortedSegmentSum(
        make.any(7),
        tf.range(0, 7, 1, "int32") as tf.Tensor1D,
        7,
      ),
  ],
  unstack: [(make) => tf.unstack(make.any(3, 5, 4), 1)],
  upperBound: [() => tf.upperBound(...searched())],
  where: [
    (make) => tf.where(make.flags(23), make.any(23), make.any(23)),
    (make) => tf.where(make.flags(3, 5, 4), make.any(3, 5, 4), make.any(4)),
    (make) => tf.where(make.flags(3), make.any(3, 4), make.any(3, 4)),
  ],
  zeros: [() => tf.zeros([5], "int32"), () => tf.zeros([2, 4], "bool")],
  zerosLike: shaped(tf.zerosLike),
  "image.flipLeftRight": rank4((x) => tf.image.flipLeftRight(x)),
  "image.resizeNearestNeighbor": rank4((x) =>
    tf.image.resizeNearestNeighbor(x, [3, 7])
  ),
  "image.resizeBilinear": rank4((x) =>
    tf.image.resizeBilinear(tf.sign(x) as tf.Tensor4D, [3, 7])
  ),
  "linalg.bandPart": [(make) => tf.linalg.bandPart(make.any(4, 5), 1, 1)],
  "losses.softmaxCrossEntropy": [
    (make) =>
      tf.losses.softmaxCrossEntropy(
        tf.oneHot(make.ids(4, 3), 4),
        make.small(3, 4),
      ),
  ],
  "losses.absoluteDifference": [
    (make) => tf.losses.absoluteDifference(make.small(3, 4), make.small(3, 4)),
  ],
  "losses.meanSquaredError": [
    (make) => tf.losses.meanSquaredError(make.small(3, 4), make.small(3, 4)),
  ],
  "losses.hingeLoss": [
    (make) => tf.losses.hingeLoss(make.flags(3, 4), make.small(3, 4)),
  ],
  "losses.logLoss": [
    (make) => tf.losses.logLoss(make.flags(3, 4), make.flags(3, 4)),
  ],
  "math.confusionMatrix": [
    (make) =>
      tf.math.confusionMatrix(
        make.ids(4, 23) as tf.Tensor1D,
        make.ids(4, 23) as tf.Tensor1D,
        4,
      ),
  ],
  "sparse.sparseSegmentSum": [
    (make) =>
      tf.sparse.sparseSegmentSum(
        make.any(5, 4) as tf.Tensor2D,
        tf.tensor1d([0, 3, 1], "int32"),
        tf.tensor1d([0, 1, 2], "int32"),
      ),
    (make) =>
      tf.sparse.sparseSegmentSum(
        make.small(5, 4) as tf.Tensor2D,
        tf.tensor1d([0, 3, 1], "int32"),
        tf.tensor1d([0, 0, 2], "int32"),
      ),
  ],
  "sparse.sparseSegmentMean": [
    (make) =>
      tf.sparse.sparseSegmentMean(
        make.small(5, 4) as tf.Tensor2D,
        tf.tensor1d([0, 3, 1], "int32"),
        tf.tensor1d([0, 1, 2], "int32"),
      ),
  ],
  "signal.frame": [(make) => tf.signal.frame(make.any(9) as tf.Tensor1D, 4, 2)],
  avgPool3d: [
    (make) =>
      tf.avgPool3d(make.small(1, 4, 4, 4, 2) as tf.Tensor5D, 2, 2, "valid"),
  ],
  batchNorm: [
    (make) =>
      tf.batchNorm(
        make.small(3, 4),
        make.small(4) as tf.Tensor1D,
        tf.ones([4]),
        undefined,
        undefined,
        0.5,
      ),
  ],
  concat1d: [
    (make) =>
      tf.concat1d([make.any(5) as tf.Tensor1D, make.any(6) as tf.Tensor1D]),
  ],
  ensureShape: shaped((x) => tf.ensureShape(x, x.shape)),
  localResponseNormalization: rank4((x) =>
    tf.localResponseNormalization(tf.sign(x) as tf.Tensor4D)
  ),
  maxPoolWithArgmax: rank4((x) =>
    Object.values(
      tf.maxPoolWithArgmax(x, 2, 2, "valid"),
    ) as unknown as tf.Tensor
  ),
  pad1d: [(make) => tf.pad1d(make.any(5) as tf.Tensor1D, [1, 2])],
  pool: rank4((x) => tf.pool(x, [2, 2], "max", "valid", 1, 2)),
  raggedGather: [
    () => {
      const { outputNestedSplits, outputDenseValues } = tf.raggedGather(
        [tf.tensor1d([0, 3, 3, 5], "int32")],
        tf.tensor1d([2 ** 24 + 1, 1, 2, LEAST, 4], "int32"),
        tf.tensor1d([2, 1, 0, 2], "int32"),
        0,
      );
      return [...outputNestedSplits, outputDenseValues];
    },
  ],
  randomUniformInt: [() => tf.randomUniformInt([5], 2 ** 24, 2 ** 31, 7)],
  reverse1d: [(make) => tf.reverse1d(make.any(5) as tf.Tensor1D)],
  scalar: [() => tf.scalar(2 ** 24 + 1, "int32")],
  slice1d: [(make) => tf.slice1d(make.any(5) as tf.Tensor1D, 1, 3)],
  tensor: [(make) => make.any(2, 3)],
  variable: [(make) => tf.clone(make.any(2, 3))],
  "image.cropAndResize": [
    (make) =>
      tf.image.cropAndResize(
        make.ids(256, 2, 5, 5, 1) as tf.Tensor4D,
        tf.tensor2d([[0, 0.2, 0.7, 1]]),
        tf.tensor1d([1], "int32"),
        [3, 3],
      ),
  ],
  "image.grayscaleToRGB": [
    (make) => tf.image.grayscaleToRGB(make.any(2, 3, 3, 1) as tf.Tensor4D),
  ],
  "image.rgbToGrayscale": [
    (make) => tf.image.rgbToGrayscale(make.ids(256, 2, 3, 3, 3) as tf.Tensor4D),
  ],
  "image.threshold": [
    (make) =>
      tf.image.threshold(
        make.ids(256, 4, 4, 3) as tf.Tensor3D,
        "binary",
        false,
        0.5,
      ),
  ],
  "losses.computeWeightedLoss": [
    (make) => tf.losses.computeWeightedLoss(make.small(3, 4), make.small(3, 4)),
  ],
  "losses.cosineDistance": [
    (make) => tf.losses.cosineDistance(make.small(3, 4), make.small(3, 4), 1),
  ],
  "losses.huberLoss": [
    (make) => tf.losses.huberLoss(make.small(3, 4), make.small(3, 4)),
  ],
  "losses.sigmoidCrossEntropy": [
    (make) =>
      tf.losses.sigmoidCrossEntropy(
        make.flags(3, 4),
        numeric(make.small(3, 4)),
      ),
  ],
  "sparse.sparseFillEmptyRows": [
    (make) =>
      Object.values(tf.sparse.sparseFillEmptyRows(
        tf.tensor2d([[0, 0], [2, 1]], [2, 2], "int32"),
        make.any(2) as tf.Tensor1D,
        tf.tensor1d([3, 2], "int32"),
        tf.scalar(1, make.dtype),
      )),
  ],
  "sparse.sparseReshape": [
    () =>
      Object.values(tf.sparse.sparseReshape(
        tf.tensor2d([[0, 0], [2, 1]], [2, 2], "int32"),
        tf.tensor1d([3, 2], "int32"),
        tf.tensor1d([2, -1], "int32"),
      )),
  ],
  booleanMaskAsync: [
    (make) => tf.booleanMaskAsync(make.any(23), make.flags(23)),
  ],
  inTopKAsync: [
    (make) =>
      tf.inTopKAsync(tf.cast(make.small(3, 4), "float32"), make.ids(4, 3), 2),
  ],
  setdiff1dAsync: [(make) => tf.setdiff1dAsync(make.any(23), make.any(5))],
  whereAsync: [(make) => tf.whereAsync(make.flags(3, 5))],
};

/** What a backend refuses by name, by the operation's name. */
export const REFUSED: Readonly<Record<BackendName, readonly string[]>> = {
  cpu: [],
  // tfjs has no kernel there, or one of floats only that says so.
  wasm: ["localResponseNormalization"],
  // So does tfjs, or we do: lib/tfjs/replaced/webgpu.ts.
  webgpu: [
    ...["einsum", "maxPool", "maxPool3d", "maxPoolWithArgmax", "pool"],
    ...["sparse.sparseSegmentMean", "sparse.sparseSegmentSum"],
    // Where values are on the device.
    ...["sparse.sparseFillEmptyRows", "unique"],
  ],
};

/** What of tfjs-core takes floats alone, is made of operations above, or is none. */
export const NO_INTEGERS: readonly string[] = `
AdadeltaOptimizer AdagradOptimizer AdamOptimizer AdamaxOptimizer DataStorage
Environment KernelBackend MomentumOptimizer Optimizer OptimizerConstructors
RMSPropOptimizer SGDOptimizer Tensor TensorBuffer Variable backend basicLSTMCell
batchNorm2d batchNorm3d batchNorm4d buffer complex concat2d concat3d concat4d
conv1d conv2d conv2dTranspose conv3d conv3dTranspose copyRegisteredKernels
cosineWindow customGrad deprecationWarn depthwiseConv2d dilation2d
disableDeprecationWarnings dispose disposeVariables dropout enableDebugMode
enableProdMode enclosingPowerOfTwo engine env fft findBackend findBackendFactory
getBackend getGradient getKernel getKernelsForBackend grad grads ifft imag irfft
keep linspace memory movingAverage multiRNNCell multinomial nextFrame op pad2d
pad3d pad4d print profile raggedRange raggedTensorToTensor rand randomGamma
randomNormal randomStandardNormal randomUniform ready real registerBackend
registerGradient registerKernel removeBackend reverse2d reverse3d reverse4d rfft
separableConv2d setBackend setPlatform slice2d slice3d slice4d sumOutType
tensor1d tensor2d tensor3d tensor4d tensor5d tensor6d tidy time train
truncatedNormal unregisterGradient unregisterKernel upcastType valueAndGrad
valueAndGrads variableGrads image.rotateWithOffset image.nonMaxSuppression
image.nonMaxSuppressionAsync image.nonMaxSuppressionWithScore
image.nonMaxSuppressionWithScoreAsync image.nonMaxSuppressionPadded
image.nonMaxSuppressionPaddedAsync image.transform linalg.gramSchmidt linalg.qr
signal.hammingWindow signal.hannWindow signal.stft string.stringNGrams
string.stringSplit string.stringToHashBucketFast string.staticRegexReplace
spectral.fft spectral.ifft spectral.rfft spectral.irfft fused.conv2d
fused.depthwiseConv2d fused.matMul
`.trim().split(/\s+/);

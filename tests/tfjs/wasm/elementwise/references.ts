/** What functions of each element should be, in float64. @module */
import * as tf from "@tensorflow/tfjs-core";

/** A function with its definition, and by how many units in the last place it may be off. */
export interface Reference<
  Operands extends unknown[],
  Numbers extends unknown[],
> {
  readonly compute: (...operands: Operands) => tf.Tensor;
  readonly truth: (...numbers: Numbers) => number | boolean;
  /** @default 0, which compares the sign of 0, too */
  readonly ulps?: number;
}

export type Unary = Reference<[tf.Tensor], [number]>;
export type Binary = Reference<[tf.Tensor, tf.Tensor], [number, number]>;

/** The error function: its power series, and its continued fraction. */
function erf(x: number): number {
  const size = Math.abs(x), bell = Math.exp(-x * x) / Math.sqrt(Math.PI);
  if (size < 3) {
    let term = 2 * x, sum = term;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return sum * bell;
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (size + fraction);
  return Math.sign(x) * (1 - (size < 30 ? bell / (size + fraction) : 0));
}

/** The nearest integer, the even one of two. */
function roundToEven(x: number): number {
  const below = Math.floor(x), rest = x - below;
  const isUp = rest > 0.5 || rest === 0.5 && below % 2 !== 0;
  return isUp ? (below === -1 ? -0 : below + 1) : below;
}

/** The rest of a division, with the sign of the divisor. */
function modulo(x: number, y: number): number {
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
}

const SELU_SCALE = 1.0507009873554805, SELU_ALPHA = 1.7580993408473768;

/** The unary functions, by the names of their kernels. */
export const UNARY: Readonly<Record<string, Unary>> = {
  Abs: { compute: tf.abs, truth: Math.abs },
  Neg: { compute: tf.neg, truth: (x) => -x },
  Sqrt: { compute: tf.sqrt, truth: Math.sqrt, ulps: 0.5 },
  Rsqrt: { compute: tf.rsqrt, truth: (x) => 1 / Math.sqrt(x), ulps: 1.6 },
  Square: { compute: tf.square, truth: (x) => x * x, ulps: 0.5 },
  Reciprocal: { compute: tf.reciprocal, truth: (x) => 1 / x, ulps: 0.5 },
  Floor: { compute: tf.floor, truth: Math.floor },
  Ceil: { compute: tf.ceil, truth: Math.ceil },
  Round: { compute: tf.round, truth: roundToEven },
  Sign: { compute: tf.sign, truth: (x) => x > 0 ? 1 : x < 0 ? -1 : 0 },
  Step: {
    compute: (x) => tf.step(x, 0.25),
    truth: (x) => Number.isNaN(x) ? x : x > 0 ? 1 : 0.25,
  },
  Relu: { compute: tf.relu, truth: (x) => Math.max(0, x) },
  Relu6: { compute: tf.relu6, truth: (x) => Math.min(6, Math.max(0, x)) },
  LeakyRelu: {
    compute: (x) => tf.leakyRelu(x, 0.25),
    truth: (x) => x < 0 ? 0.25 * x : x,
    ulps: 0.5,
  },
  ClipByValue: {
    compute: (x) => tf.clipByValue(x, -1, 2),
    truth: (x) => x > 2 ? 2 : x < -1 ? -1 : x,
  },
  Exp: { compute: tf.exp, truth: Math.exp, ulps: 1.1 },
  Expm1: { compute: tf.expm1, truth: Math.expm1, ulps: 1.6 },
  Log: { compute: tf.log, truth: Math.log, ulps: 1.1 },
  Log1p: { compute: tf.log1p, truth: Math.log1p, ulps: 1.6 },
  Sigmoid: {
    compute: tf.sigmoid,
    truth: (x) => 1 / (1 + Math.exp(-x)),
    ulps: 2.1,
  },
  Softplus: {
    compute: tf.softplus,
    truth: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    ulps: 3.1,
  },
  Elu: { compute: tf.elu, truth: (x) => x >= 0 ? x : Math.expm1(x), ulps: 1.6 },
  Selu: {
    compute: tf.selu,
    truth: (x) => x >= 0 ? SELU_SCALE * x : SELU_ALPHA * Math.expm1(x),
    ulps: 2.1,
  },
  Tanh: { compute: tf.tanh, truth: Math.tanh, ulps: 2.6 },
  Sinh: { compute: tf.sinh, truth: Math.sinh, ulps: 2.6 },
  Cosh: { compute: tf.cosh, truth: Math.cosh, ulps: 2.1 },
  Sin: { compute: tf.sin, truth: Math.sin, ulps: 2.1 },
  Cos: { compute: tf.cos, truth: Math.cos, ulps: 2.1 },
  Tan: { compute: tf.tan, truth: Math.tan, ulps: 3.6 },
  Asin: { compute: tf.asin, truth: Math.asin, ulps: 2.6 },
  Acos: { compute: tf.acos, truth: Math.acos, ulps: 2.1 },
  Atan: { compute: tf.atan, truth: Math.atan, ulps: 2.6 },
  Asinh: { compute: tf.asinh, truth: Math.asinh, ulps: 2.6 },
  Acosh: { compute: tf.acosh, truth: Math.acosh, ulps: 2.6 },
  Atanh: { compute: tf.atanh, truth: Math.atanh, ulps: 2.6 },
  Erf: { compute: tf.erf, truth: erf, ulps: 1.6 },
  IsNan: { compute: tf.isNaN, truth: Number.isNaN },
  IsInf: { compute: tf.isInf, truth: (x) => Math.abs(x) === Infinity },
  IsFinite: { compute: tf.isFinite, truth: Number.isFinite },
};

/** The binary functions of floats, by the names of their kernels. */
export const BINARY: Readonly<Record<string, Binary>> = {
  Add: { compute: tf.add, truth: (x, y) => x + y, ulps: 0.5 },
  Sub: { compute: tf.sub, truth: (x, y) => x - y, ulps: 0.5 },
  Multiply: { compute: tf.mul, truth: (x, y) => x * y, ulps: 0.5 },
  RealDiv: { compute: tf.div, truth: (x, y) => x / y, ulps: 0.5 },
  Maximum: { compute: tf.maximum, truth: Math.max },
  Minimum: { compute: tf.minimum, truth: Math.min },
  SquaredDifference: {
    compute: tf.squaredDifference,
    truth: (x, y) => Math.fround(x - y) ** 2,
    ulps: 0.5,
  },
  Prelu: { compute: tf.prelu, truth: (x, y) => x < 0 ? x * y : x, ulps: 0.5 },
  EluGrad: {
    compute: (dy, y) => tf.engine().runKernel("EluGrad", { dy, y }),
    truth: (dy, y) => y >= 0 ? dy : dy * (y + 1),
    ulps: 1.6,
  },
  Pow: { compute: tf.pow, truth: Math.pow, ulps: 0.6 },
  Mod: { compute: tf.mod, truth: modulo, ulps: 0.5 },
  FloorDiv: {
    compute: tf.floorDiv,
    truth: (x, y) => Math.floor(x / y),
    ulps: 0.5,
  },
  Atan2: { compute: tf.atan2, truth: Math.atan2, ulps: 2.6 },
  Equal: { compute: tf.equal, truth: (x, y) => x === y },
  NotEqual: { compute: tf.notEqual, truth: (x, y) => x !== y },
  Less: { compute: tf.less, truth: (x, y) => x < y },
  LessEqual: { compute: tf.lessEqual, truth: (x, y) => x <= y },
  Greater: { compute: tf.greater, truth: (x, y) => x > y },
  GreaterEqual: { compute: tf.greaterEqual, truth: (x, y) => x >= y },
};

/** The functions of bools, by the names of their kernels. */
export const OF_BOOLS: Readonly<Record<string, Unary | Binary>> = {
  LogicalNot: { compute: tf.logicalNot, truth: (x: number) => x === 0 },
  LogicalAnd: { compute: tf.logicalAnd, truth: (x, y) => x * y === 1 },
  LogicalOr: { compute: tf.logicalOr, truth: (x, y) => x + y > 0 },
  LogicalXor: { compute: tf.logicalXor, truth: (x, y) => x !== y },
};

/** Numbers for which functions have cases of their own. */
export const SPECIAL: readonly number[] = [
  ...[0, 0.5, 1, 1.5, 2, 2.5, 3, 88.7, 88.8, 89.4, 89.5, 103.9, 104, 8192.5],
  ...[1e-45, 1e-40, 1.1754944e-38, 2 ** -24, 1 - 2 ** -24, 1 + 2 ** -23],
  ...[Math.PI / 2, Math.PI, 87.3, 87.4, 2 ** 22 + 0.5, 2 ** 24, 1e10, 1e20],
  ...[3.4028234e38, Infinity],
].flatMap((x) => [x, -x]).concat(NaN).map(Math.fround);

/** A unit in the last place of a float. */
function ulpOf(x: number): number {
  const exponent = Math.floor(Math.log2(Math.abs(x)));
  return 2 ** (Math.max(-126, exponent) - 23);
}

/** Whether a float is a number, to so many units in the last place. */
export function isWithin(
  found: number,
  wanted: number,
  ulps: number,
): boolean {
  const rounded = Math.fround(wanted);
  if (Object.is(found, rounded)) return true;
  if (ulps === 0 || Number.isNaN(rounded) || Number.isNaN(found)) return false;
  // Where nothing is rounded, 0 has its sign; otherwise numbers may be just too small
  // or too large for a float.
  if (found === 0 && wanted === 0) return false;
  if (Math.abs(wanted) === Infinity) return false;
  const overflow = 2 ** 128 * Math.sign(found);
  const value = Number.isFinite(found) ? found : overflow;
  return Math.abs(value - wanted) <= ulps * ulpOf(wanted);
}

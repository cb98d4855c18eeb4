/**
 * What each function of each element computes, as code for vectors.
 *
 * What they compute of arguments in range is in `lib/tfjs/series.ts`, for both backends.
 * What becomes NaN, infinite or -0 is as in JavaScript.
 *
 * @module
 */
import {
  type FunctionName,
  LARGEST_ANGLE,
} from "../../../lib/tfjs/wasm/elementwise/functions.ts";
import { series } from "./series.ts";
import {
  abs,
  add,
  addInteger,
  and,
  andNot,
  ceil,
  div,
  eq,
  f64,
  floor,
  ge,
  gt,
  in64,
  le,
  lower,
  lt,
  madd,
  max,
  min,
  mul,
  ne,
  nearest,
  neg,
  negInteger,
  ofInteger,
  or,
  polynomial,
  raise,
  select,
  shl,
  shr,
  sqrt,
  sub,
  subInteger,
  trunc,
  type Vector,
  xor,
} from "./vector_code.ts";

/** Added to a float below 2^22, it leaves the nearest integer in the low bits. */
const ROUNDER = 12582912;

const LN_2 = 0.6931471805599453;

/** ln 2 in two parts; the first has so few bits that small multiples are exact. */
const LN_2_HIGH = 0.693359375, LN_2_LOW = -2.12194440e-4;

/** π/2 in four parts, of which the first three have eleven bits each. */
const HALF_PI_PARTS = [
  1.5703125,
  0.0004837512969970703,
  7.549533620476723e-8,
  2.5633440682570896e-12,
];

const HALF_PI = Math.PI / 2;

/** The least normal number. */
const LEAST_NORMAL = 2 ** -126;

/** The logarithms of it, and of the largest number. */
const LN_LEAST_NORMAL = -87.33654, LN_LARGEST = 88.72283;

/** Below, functions such as the sine and e^x - 1 are x. */
const TINY = 2 ** -25;

/** The bits of a float, as a constant integer. */
function bits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0]!;
}

const ONE = bits(1), SIGN = bits(-0);

/** x, with the sign of another number where that is negative. */
function withSignOf(x: Vector, other: string): string {
  return or(x, and(other, SIGN));
}

/**
 * x where it is tiny, and otherwise a function of it: products of what is tiny would be
 * subnormal, which take many times as long.
 */
function besideTiny(x: string, compute: (x: string) => string): string {
  const isTiny = lt(abs(x), TINY);
  return select(x, compute(andNot(x, isTiny)), isTiny);
}

/** e^x = 2^n (1 + p) of -150 < n <= 129. */
function powerParts(x: string) {
  const rounded = madd(x, Math.LOG2E, ROUNDER);
  const n = sub(rounded, ROUNDER);
  const r = madd(n, -LN_2_LOW, madd(n, -LN_2_HIGH, x));
  const q = series.power_series(r);
  return { shifted: shl(rounded, 23), p: madd(q, mul(r, r), r) };
}

function exp(x: string): string {
  const { shifted, p } = powerParts(lower(raise(x, -104), 89));
  const power = add(p, 1);
  // Of NaN and beyond the largest power, a product that is as it.
  const normal = select(
    addInteger(power, shifted),
    mul(x, Infinity),
    le(x, LN_LARGEST),
  );
  return select(subnormalOf(power, shifted), normal, lt(x, LN_LEAST_NORMAL));
}

/**
 * A number times a power of two, below the least normal one. Its bits are those that a
 * sum with a larger power leaves of the mantissa: a product would take a hundred times
 * as long.
 */
function subnormalOf(x: string, shifted: string): string {
  const scaled = addInteger(x, addInteger(shifted, 100 << 23));
  return subInteger(add(scaled, 2 ** -26), bits(2 ** -26));
}

/**
 * e^x of x up to 0, in fewer steps than {@link exp}: where it is normal, which is 0
 * elsewhere, and where it is subnormal.
 */
function expBelow(x: string) {
  const { shifted, p } = powerParts(raise(x, -104));
  const power = add(p, 1), isSubnormal = lt(x, LN_LEAST_NORMAL);
  const product = mul(power, addInteger(shifted, ONE));
  return {
    normal: andNot(product, isSubnormal),
    subnormal: and(subnormalOf(power, shifted), isSubnormal),
  };
}

/** e^x - 1 of x up to 89 that is not tiny. */
function expm1(x: string): string {
  const { shifted, p } = powerParts(lower(raise(x, -20), 89));
  const half = addInteger(shifted, bits(0.5));
  const result = madd(half, p, sub(half, 0.5));
  return add(result, result);
}

/** e^x / 2 of x from -80 to 89.5, where e^x is infinite. */
function halfExp(x: string): string {
  const { shifted, p } = powerParts(lower(x, 89.6));
  const quarter = addInteger(shifted, bits(0.25));
  const half = madd(quarter, p, quarter);
  return add(half, half);
}

/** log(u + rest), of a rest below the digits of u. */
function log(u: string, rest?: string): string {
  const isSmall = lt(u, LEAST_NORMAL);
  const positive = rest ? u : select(ofInteger(u), u, isSmall);
  const exponent = shr(subInteger(positive, bits(Math.SQRT1_2)), 23);
  const shifted = shl(exponent, 23);
  let f = sub(subInteger(positive, shifted), 1);
  if (rest) {
    const scale = subInteger(ONE, shifted);
    // Where u is 2^127 or more, the rest is 0.
    f = madd(rest, andNot(scale, shr(scale, 31)), f);
  }
  let e = ofInteger(exponent);
  if (!rest) e = add(e, and(isSmall, bits(-149)));
  const z = mul(f, f);
  const p = series.logarithm_series(f);
  const tail = madd(e, LN_2_LOW, mul(mul(p, f), z));
  const result = madd(e, LN_2_HIGH, add(f, madd(z, -0.5, tail)));
  const usual = and(gt(u, 0), lt(u, Infinity));
  return select(
    result,
    select(-Infinity, or(u, lt(u, 0)), eq(u, 0)),
    usual,
  );
}

function log1p(x: string): string {
  const u = add(x, 1), most = sub(u, 1);
  const rest = add(sub(1, sub(u, most)), sub(x, most));
  return log(u, rest);
}

function softplus(x: string): string {
  const { normal, subnormal } = expBelow(neg(abs(x)));
  const tiny = or(normal, subnormal);
  const result = series.log_of_one_plus(raise(normal, TINY));
  return add(raise(x, 0), select(tiny, result, lt(tiny, TINY)));
}

function elu(x: string): string {
  return select(x, besideTiny(x, expm1), ge(x, 0));
}

function sigmoid(x: string): string {
  const { normal, subnormal } = expBelow(neg(abs(x))), isBelow = lt(x, 0);
  const quotient = div(select(normal, 1, isBelow), add(normal, 1));
  return or(quotient, and(subnormal, isBelow));
}

function tanh(x: string): string {
  return besideTiny(x, (x) => {
    const e = expm1(mul(lower(abs(x), 10), 2));
    return withSignOf(div(e, add(e, 2)), x);
  });
}

function sinh(x: string): string {
  const size = abs(x), e = expm1(size);
  const small = mul(add(e, div(e, add(e, 1))), 0.5);
  return withSignOf(select(halfExp(size), small, gt(size, 80)), x);
}

function cosh(x: string): string {
  const half = halfExp(abs(x));
  return add(half, div(0.25, half));
}

/**
 * The quarter turns in an angle up to {@link LARGEST_ANGLE}, whose products with the
 * parts are exact, and what is left.
 */
function turns(x: string) {
  const rounded = madd(x, 2 / Math.PI, ROUNDER);
  const n = sub(rounded, ROUNDER);
  const r = HALF_PI_PARTS.reduce((rest, part) => madd(n, -part, rest), x);
  return { quarters: rounded, r };
}

/** The cosine of an angle up to π/4. */
function cosineOfRest(r: string): string {
  const z = mul(r, r);
  return add(madd(z, -0.5, mul(mul(z, z), series.cosine_series(z))), 1);
}

/** The sine of an angle and some quarter turns. */
function sineAfter(x: string, quartersMore: number): string {
  const { quarters, r } = turns(x);
  const sine = series.sine_of_rest(r), cosine = cosineOfRest(r);
  const all = quartersMore ? addInteger(quarters, quartersMore) : quarters;
  const swapped = negInteger(and(all, 1));
  const sign = shl(and(all, 2), 30);
  return xor(select(cosine, sine, swapped), sign);
}

function tan(x: string): string {
  const { quarters, r } = turns(x);
  const tangent = series.tangent_of_rest(r);
  const swapped = negInteger(and(quarters, 1));
  return div(select(-1, tangent, swapped), select(tangent, 1, swapped));
}

/** atan(y / x) of 0 <= y <= x. */
function arcTangent(y: Vector, x: Vector): string {
  const isLarge = gt(y, mul(x, Math.SQRT2 - 1));
  const t = div(
    select(sub(y, x), y, isLarge),
    select(add(y, x), x, isLarge),
  );
  const part = series.arc_tangent_of_rest(t);
  const eighth = Math.fround(Math.PI / 4), rest = Math.PI / 4 - eighth;
  return add(
    and(isLarge, bits(eighth)),
    add(and(isLarge, bits(rest)), part),
  );
}

function atan(x: string): string {
  const size = abs(x), isSteep = gt(size, 1);
  const angle = arcTangent(select(1, size, isSteep), select(size, 1, isSteep));
  return withSignOf(select(sub(HALF_PI, angle), angle, isSteep), x);
}

function atan2(y: string, x: string): string {
  const height = abs(y), width = abs(x);
  const least = min(height, width), most = max(height, width);
  const isZero = eq(most, 0), isInfinite = eq(least, Infinity);
  const angle = arcTangent(
    select(1, least, isInfinite),
    select(1, most, or(isZero, isInfinite)),
  );
  const steep = select(sub(HALF_PI, angle), angle, gt(height, width));
  const whole = select(sub(Math.PI, steep), steep, shr(x, 31));
  return withSignOf(whole, y);
}

/** The arc sine of |x|; where it is above a half, of sqrt((1 - |x|) / 2). */
function arcSine(x: string) {
  const size = abs(x);
  return { isLarge: gt(size, 0.5), angle: series.arc_sine(size) };
}

function asin(x: string): string {
  const { isLarge, angle } = arcSine(x);
  const rest = sub(HALF_PI, add(angle, angle));
  return withSignOf(select(rest, angle, isLarge), x);
}

function acos(x: string): string {
  const { isLarge, angle } = arcSine(x);
  const twice = add(angle, angle);
  const large = select(sub(Math.PI, twice), twice, lt(x, 0));
  return select(large, sub(HALF_PI, withSignOf(angle, x)), isLarge);
}

/** Numbers whose squares could be infinite, and to which 1 is nothing. */
const HUGE = 2 ** 30;

function asinh(x: string): string {
  const size = abs(x), square = mul(size, size), isHuge = gt(size, HUGE);
  const root = add(sqrt(add(square, 1)), 1);
  const sum = log1p(select(size, add(size, div(square, root)), isHuge));
  return withSignOf(add(sum, and(isHuge, bits(LN_2))), x);
}

function acosh(x: string): string {
  const isHuge = gt(x, HUGE), t = sub(x, 1);
  const root = sqrt(mul(t, add(t, 2)));
  const result = log1p(select(x, add(t, root), isHuge));
  return or(add(result, and(isHuge, bits(LN_2))), lt(x, 1));
}

function atanh(x: string): string {
  const size = abs(x), ratio = div(add(size, size), sub(1, size));
  return withSignOf(mul(log1p(ratio), 0.5), x);
}

function erf(x: string): string {
  const t = abs(x), atLeast = raise(t, TINY);
  const near = series.error_near(t, mul(atLeast, atLeast));
  const { shifted, p } = powerParts(series.log_of_error_rest(lower(t, 4)));
  const power = madd(addInteger(shifted, ONE), p, addInteger(shifted, ONE));
  return withSignOf(select(sub(1, power), near, gt(t, 0.927734375)), x);
}

/** 1.5 · 2^52: added, it leaves the nearest integer in the low bits. */
const ROUNDER_64 = 6755399441055744;

/** |x|^y in 64 bits, of which a vector has two. */
function power64(x: string, y: string): string {
  // x = 2^e m with m from √½ to √2.
  const offset = 0x3fe6a09e667f3bcdn, bias = 2048n;
  const exponent = f64.shr(
    f64.addInteger(x, (bias << 52n) - offset),
    52,
  );
  const e = f64.sub(
    f64.or(exponent, 0x4330000000000000n),
    2 ** 52 + Number(bias),
  );
  const m = f64.subInteger(
    x,
    f64.shl(f64.subInteger(exponent, bias), 52),
  );
  const s = f64.div(f64.sub(m, 1), f64.add(m, 1)), z = f64.mul(s, s);
  const multiplyAndAdd = (x: Vector, y: Vector, z: Vector) =>
    f64.add(f64.mul(x, y), z);
  // Fitted to 2^-37 of it.
  const series = polynomial(z, [
    ...[0.34072728774823785, 0.4116728846261225, 0.5770835819263388],
    ...[0.961796673359614, 2.8853900817900695],
  ], multiplyAndAdd);
  const log2 = f64.add(f64.mul(series, s), e);
  const exponents = f64.lower(f64.raise(f64.mul(log2, y), -1000), 1000);
  const rounded = f64.add(exponents, ROUNDER_64);
  const r = f64.sub(exponents, f64.sub(rounded, ROUNDER_64));
  // 2^r, fitted to 2^-33 of it.
  const p = polynomial(r, [
    ...[1.5303702537409895e-05, 0.00015461447461850476, 0.0013333478466896157],
    ...[0.009618056669890442, 0.05550410906332166, 0.2402265092234271],
    ...[0.6931471805568316, 1],
  ], multiplyAndAdd);
  return f64.addInteger(p, f64.shl(rounded, 52));
}

function pow(x: string, y: string): string {
  const size = abs(x), isPositive = gt(y, 0);
  const isBound = or(eq(size, 0), eq(size, Infinity));
  const usual = in64(power64, size, y);
  // 0 and ∞ are there, and become each other with a negative exponent.
  const bound = select(
    select(size, div(1, size), isPositive),
    usual,
    isBound,
  );
  const isInteger = eq(trunc(y), y);
  const halved = mul(y, 0.5);
  const isOdd = andNot(isInteger, eq(trunc(halved), halved));
  const signed = or(bound, and(and(x, SIGN), isOdd));
  const isReal = or(or(isInteger, isBound), ge(x, 0));
  const endless = and(eq(size, 1), eq(abs(y), Infinity));
  const isNaN = or(
    or(ne(x, x), ne(y, y)),
    or(andNot(ne(x, Infinity), isReal), endless),
  );
  return select(1, or(signed, isNaN), eq(y, 0));
}

function quotient(x: string, y: string): string {
  return in64((x, y) => f64.floor(f64.div(x, y)), x, y);
}

/** Quotients up to here, of floats, are so exact in 64 bits that their integers are. */
const LARGEST_QUOTIENT = 2 ** 26;

/** What is left of x after whole multiples of y, with the sign of y. */
function mod(x: string, y: string): string {
  const exact = in64(
    (x, y) => f64.sub(x, f64.mul(f64.trunc(f64.div(x, y)), y)),
    x,
    y,
  );
  const rest = withSignOf(select(x, exact, eq(abs(y), Infinity)), x);
  const across = select(and(y, SIGN), add(rest, y), eq(rest, 0));
  const isAcross = shr(xor(and(x, ne(x, 0)), y), 31);
  const result = select(across, rest, isAcross);
  return or(result, ne(sub(result, result), 0));
}

/** e^x of x below 88; 0 below e^-87. */
function expOrZero(x: string): string {
  const { shifted, p } = powerParts(lower(raise(x, -87), 88));
  return andNot(addInteger(add(p, 1), shifted), lt(x, -87));
}

function logSigmoid(x: string): string {
  return sub(min(x, 0), series.log_of_one_plus(expOrZero(neg(abs(x)))));
}

/** Where one is NaN: ones, which are NaN too. */
function areNaN(x: string, y: string): string {
  return or(ne(x, x), ne(y, y));
}

/** x above 0; NaN stays. */
function relu(x: string): string {
  return andNot(x, le(x, 0));
}

/** An alternative to x where a condition does not hold. */
function leaky(x: string, below: string): string {
  return select(below, x, lt(x, 0));
}

/** What each function computes of vectors; a mask is a bool, which is stored as a byte. */
export const COMPUTED: Readonly<
  Record<FunctionName, (...operands: string[]) => Vector>
> = {
  abs,
  neg,
  sqrt,
  rsqrt: (x) => div(1, sqrt(x)),
  square: (x) => mul(x, x),
  cube: (x) => mul(mul(x, x), x),
  reciprocal: (x) => div(1, x),
  floor,
  ceil,
  round: nearest,
  sign: (x) => and(or(and(x, SIGN), ONE), or(lt(x, 0), gt(x, 0))),
  step: (x) => select(1, select(x, "p", ne(x, x)), gt(x, 0)),
  relu,
  relu6: (x) => lower(relu(x), 6),
  leakyRelu: (x) => leaky(x, mul(x, "p")),
  clipByValue: (x) => lower(raise(x, "p"), "q"),
  exp,
  expm1: (x) => besideTiny(x, expm1),
  log,
  log1p: (x) => besideTiny(x, log1p),
  sigmoid,
  softplus,
  elu,
  selu: (x) =>
    select(
      mul(x, 1.0507009873554805),
      mul(besideTiny(x, expm1), 1.7580993408473768),
      ge(x, 0),
    ),
  tanh,
  sinh: (x) => besideTiny(x, sinh),
  cosh,
  sin: (x) => besideTiny(x, (x) => sineAfter(x, 0)),
  cos: (x) => sineAfter(x, 1),
  tan: (x) => besideTiny(x, tan),
  asin: (x) => besideTiny(x, asin),
  acos,
  atan: (x) => besideTiny(x, atan),
  asinh: (x) => besideTiny(x, asinh),
  acosh,
  atanh: (x) => besideTiny(x, atanh),
  erf,
  isNan: (x) => ne(x, x),
  isInf: (x) => eq(abs(x), Infinity),
  isFinite: (x) => lt(abs(x), Infinity),
  add,
  sub,
  multiply: mul,
  realDiv: div,
  maximum: (x, y) => or(and(raise(x, y), raise(y, x)), areNaN(x, y)),
  minimum: (x, y) => or(or(lower(x, y), lower(y, x)), areNaN(x, y)),
  squaredDifference: (x, y) => mul(sub(x, y), sub(x, y)),
  prelu: (x, alpha) => leaky(x, mul(x, alpha)),
  eluGrad: (dy, y) => select(dy, mul(dy, add(y, 1)), ge(y, 0)),
  logSigmoid,
  logSigmoidGradient: (x, dy) => mul(dy, div(1, add(expOrZero(x), 1))),
  atLeast: (x) => max(x, "p"),
  atLeastGradient: (x, dy) => andNot(dy, lt(x, "p")),
  // As tf.dropout does it, to the last bit.
  dropout: (x, uniform) => mul(x, div(floor(add(uniform, "p")), "p")),
  pow,
  mod,
  floorDiv: quotient,
  atan2,
  equal: eq,
  notEqual: ne,
  less: lt,
  lessEqual: le,
  greater: gt,
  greaterEqual: ge,
  logicalNot: (x) => xor(x, 0x01010101),
  logicalAnd: and,
  logicalOr: or,
  logicalXor: xor,
  select: (condition, x, y) => select(x, y, condition),
  toBool: (x) => ne(x, 0),
  ofBool: (x) => and(x, ONE),
};

/** Which arguments a function leaves out: see PARTIAL. */
export const LEFT_OUT: Partial<
  Record<FunctionName, (...operands: string[]) => string>
> = {
  sin: isLargeAngle,
  cos: isLargeAngle,
  tan: isLargeAngle,
  mod: (x, y) => {
    const size = abs(div(x, y));
    return and(gt(size, LARGEST_QUOTIENT), ne(y, 0));
  },
};

function isLargeAngle(x: string): string {
  const size = abs(x);
  return and(gt(size, LARGEST_ANGLE), ne(size, Infinity));
}

// Functions of vectors of four floats, for the loops of layers.
import { exp4, multiplyAdd } from "./simd";

/**
 * log(1 + x) for 0 <= x <= 1, as 2 atanh(x / (2 + x)) by its power series, which
 * ends below the last bit.
 */
// @ts-ignore: decorator
@inline
function logOfOnePlus4(x: v128): v128 {
  const ratio = f32x4.div(x, f32x4.add(f32x4.splat(2), x));
  const square = f32x4.mul(ratio, ratio);
  let series = f32x4.splat(1.0 / 15);
  series = multiplyAdd(series, square, f32x4.splat(1.0 / 13));
  series = multiplyAdd(series, square, f32x4.splat(1.0 / 11));
  series = multiplyAdd(series, square, f32x4.splat(1.0 / 9));
  series = multiplyAdd(series, square, f32x4.splat(1.0 / 7));
  series = multiplyAdd(series, square, f32x4.splat(1.0 / 5));
  series = multiplyAdd(series, square, f32x4.splat(1.0 / 3));
  series = multiplyAdd(series, square, f32x4.splat(1));
  return f32x4.mul(f32x4.add(ratio, ratio), series);
}

/** log(x) of x >= 1; NaN of NaN and infinity. */
export function logFromOne(x: f32): f32 {
  if (!(x < <f32> Infinity)) return <f32> NaN;
  const bits = reinterpret<i32>(x);
  const mantissa = reinterpret<f32>((bits & 0x7fffff) | 0x3f800000);
  const rest = logOfOnePlus4(f32x4.splat(mantissa - 1));
  const exponent = <f32> ((bits >> 23) - 127);
  return exponent * <f32> 0.6931471805599453 + f32x4.extract_lane(rest, 0);
}

/** log(sigmoid(x)) */
// @ts-ignore: decorator
@inline
export function logSigmoid4(x: v128): v128 {
  const far = logOfOnePlus4(exp4(f32x4.neg(f32x4.abs(x))));
  return f32x4.sub(f32x4.min(x, f32x4.splat(0)), far);
}

/** x s + ½, with s = σ(x). */
// @ts-ignore: decorator
@inline
export function shiftedSilu4(x: v128, s: v128): v128 {
  return multiplyAdd(x, s, f32x4.splat(0.5));
}

/**
 * (dy + along · y) inverse · y', with y = x s + ½: the gradient of y over its
 * row's length.
 */
// @ts-ignore: decorator
@inline
export function shiftedSiluGradient4(
  x: v128, s: v128, dy: v128, along: v128, inverse: v128
): v128 {
  const mapped = shiftedSilu4(x, s), one = f32x4.splat(1);
  const across = multiplyAdd(mapped, along, dy);
  // The derivative of x s(x): s + x s (1 - s).
  const derivative = f32x4.mul(s, multiplyAdd(x, f32x4.sub(one, s), one));
  return f32x4.mul(f32x4.mul(across, inverse), derivative);
}

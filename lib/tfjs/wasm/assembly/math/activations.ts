// Functions of vectors of four floats, for the loops of layers.
import { log_of_one_plus } from "./series";
import { exp4, multiplyAdd } from "./simd";

/** log(x) of x >= 1; NaN of NaN and infinity. */
export function logFromOne(x: f32): f32 {
  if (!(x < <f32> Infinity)) return <f32> NaN;
  const bits = reinterpret<i32>(x);
  const mantissa = reinterpret<f32>((bits & 0x7fffff) | 0x3f800000);
  const rest = log_of_one_plus(f32x4.splat(mantissa - 1));
  const exponent = <f32> ((bits >> 23) - 127);
  return exponent * <f32> 0.6931471805599453 + f32x4.extract_lane(rest, 0);
}

/** log(sigmoid(x)) */
// @ts-ignore: decorator
@inline
export function logSigmoid4(x: v128): v128 {
  const far = log_of_one_plus(exp4(f32x4.neg(f32x4.abs(x))));
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

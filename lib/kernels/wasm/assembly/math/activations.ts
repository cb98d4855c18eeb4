// Functions of vectors of four floats, for the loops of layers.
import { exp4, multiplyAdd } from "./simd";

/** e^(-x²/2) */
// @ts-ignore: decorator
@inline
function bell4(x: v128): v128 {
  return exp4(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5)));
}

/** Φ(x), given e^(-x²/2). Abramowitz and Stegun, 7.1.26, off by at most 1.5e-7. */
// @ts-ignore: decorator
@inline
function normal4(x: v128, bell: v128): v128 {
  const one = f32x4.splat(1);
  const z = f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678));
  const t = f32x4.div(one, multiplyAdd(z, f32x4.splat(0.3275911), one));
  let p = f32x4.splat(1.061405429);
  p = multiplyAdd(p, t, f32x4.splat(-1.453152027));
  p = multiplyAdd(p, t, f32x4.splat(1.421413741));
  p = multiplyAdd(p, t, f32x4.splat(-0.284496736));
  p = multiplyAdd(p, t, f32x4.splat(0.254829592));
  const half = f32x4.mul(f32x4.splat(0.5), f32x4.mul(p, f32x4.mul(t, bell)));
  const isNegative = f32x4.lt(x, f32x4.splat(0));
  return v128.bitselect(half, f32x4.sub(one, half), isNegative);
}

/** x Φ(x) */
// @ts-ignore: decorator
@inline
export function gelu4(x: v128): v128 {
  return f32x4.mul(x, normal4(x, bell4(x)));
}

/** The gradient of GELU, dy (Φ(x) + x φ(x)) */
// @ts-ignore: decorator
@inline
export function geluGradient4(x: v128, dy: v128): v128 {
  const bell = bell4(x);
  const weighted = f32x4.mul(x, f32x4.splat(0.39894228));
  return f32x4.mul(dy, multiplyAdd(weighted, bell, normal4(x, bell)));
}

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
  // The slope of x s(x): s + x s (1 - s).
  const slope = f32x4.mul(s, multiplyAdd(x, f32x4.sub(one, s), one));
  return f32x4.mul(f32x4.mul(across, inverse), slope);
}

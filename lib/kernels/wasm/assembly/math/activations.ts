// Functions of vectors of four floats, for the loops of layers.
import { multiplyAdd } from "./simd";

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

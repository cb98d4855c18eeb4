// Vectors of four floats. What is inlined can be done on two of them at a time:
// where two neighbours take the same way, V8 may make one of 256 bits of them.

/** x · y + z, in one rounding where the engine has relaxed SIMD. */
// @ts-ignore: decorator
@inline
export function multiplyAdd(x: v128, y: v128, z: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD
    ? f32x4.relaxed_madd(x, y, z)
    : f32x4.add(f32x4.mul(x, y), z);
}

/** The sum of a vector's four floats. */
export function sum4(x: v128): f32 {
  const y = f32x4.add(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(y, 0) + f32x4.extract_lane(y, 1);
}

/** The sum of each of four vectors. */
// @ts-ignore: decorator
@inline
export function sums4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(
    i32x4.shuffle(a, b, 0, 4, 2, 6), i32x4.shuffle(a, b, 1, 5, 3, 7)
  );
  const cd = f32x4.add(
    i32x4.shuffle(c, d, 0, 4, 2, 6), i32x4.shuffle(c, d, 1, 5, 3, 7)
  );
  return f32x4.add(
    i32x4.shuffle(ab, cd, 0, 1, 4, 5), i32x4.shuffle(ab, cd, 2, 3, 6, 7)
  );
}

/**
 * A number that, added to a float below 2^22, leaves the nearest integer in the
 * low bits.
 */
const ROUNDER: f32 = 12582912;

/** ln 2 in two parts; the first has so few bits that small multiples are exact. */
export const LN_2_HIGH: f32 = 0.693359375, LN_2_LOW: f32 = -2.12194440e-4;

/**
 * e^x to 1 ulp or two for -87 < x < 88, 0 below. Cephes' expf: x = n ln 2 + r,
 * with ln 2 in two parts, and a polynomial for e^r.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const lowest = f32x4.splat(-87), highest = f32x4.splat(88);
  const underflow = f32x4.lt(x, lowest);
  x = f32x4.min(f32x4.max(x, lowest), highest);
  const rounder = f32x4.splat(ROUNDER);
  const rounded = multiplyAdd(x, f32x4.splat(1.44269504), rounder);
  const n = f32x4.sub(rounded, rounder);
  let r = multiplyAdd(n, f32x4.splat(-LN_2_HIGH), x);
  r = multiplyAdd(n, f32x4.splat(-LN_2_LOW), r);
  let p = f32x4.splat(1.9875691500e-4);
  p = multiplyAdd(p, r, f32x4.splat(1.3981999507e-3));
  p = multiplyAdd(p, r, f32x4.splat(8.3334519073e-3));
  p = multiplyAdd(p, r, f32x4.splat(4.1665795894e-2));
  p = multiplyAdd(p, r, f32x4.splat(1.6666665459e-1));
  p = multiplyAdd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), f32x4.splat(1));
  // Multiplies by 2^n: the shift leaves only n, which is added to the exponent's bits.
  const power = i32x4.add(p, i32x4.shl(rounded, 23));
  return v128.andnot(power, underflow);
}

/** Bytes of `floats` floats, padded to whole vectors. */
export function vectorBytes(floats: i32): usize {
  return (<usize> floats * 4 + 15) & ~15;
}

/** Bytes of `floats` floats, padded to whole pairs of vectors. */
export function pairBytes(floats: i32): usize {
  return (<usize> floats * 4 + 31) & ~31;
}

/** A mask with all bits set in the first `count` lanes; `count` may be above four. */
export function firstLanes(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

/** Loads the first `count` floats, at most four; the other lanes are 0. */
export function loadFirst(pointer: usize, count: i32): v128 {
  if (count >= 4) return v128.load(pointer);
  let x = f32x4.replace_lane(f32x4.splat(0), 0, load<f32>(pointer));
  if (count > 1) x = f32x4.replace_lane(x, 1, load<f32>(pointer, 4));
  if (count > 2) x = f32x4.replace_lane(x, 2, load<f32>(pointer, 8));
  return x;
}

/** Stores the first `count` floats, at most four. */
export function storeFirst(pointer: usize, x: v128, count: i32): void {
  if (count >= 4) return v128.store(pointer, x);
  store<f32>(pointer, f32x4.extract_lane(x, 0));
  if (count > 1) store<f32>(pointer, f32x4.extract_lane(x, 1), 4);
  if (count > 2) store<f32>(pointer, f32x4.extract_lane(x, 2), 8);
}

/** 1 / (1 + e^-x); 0 below -88, where e^-x would be infinite. */
// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  const result = f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
  return v128.andnot(result, f32x4.lt(x, f32x4.splat(-88)));
}

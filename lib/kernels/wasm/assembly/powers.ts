// Powers of e of a whole matrix. V8 makes each constant of a loop again at every
// step; what comes from variables it keeps, which halves the time.
import { multiplyAdd } from "./simd";

let lowest: f32 = 0, log2e: f32 = 0, rounder: f32 = 0;
let high: f32 = 0, low: f32 = 0, one: f32 = 0;
let a0: f32 = 0, a1: f32 = 0, a2: f32 = 0, a3: f32 = 0, a4: f32 = 0, a5: f32 = 0;

/** To be called before {@link powers} and {@link powersOf}; the numbers of exp4 in simd.ts. */
export function preparePowers(): void {
  lowest = -87;
  log2e = 1.44269504;
  rounder = 12582912;
  high = -0.693359375;
  low = 2.12194440e-4;
  one = 1;
  a0 = 1.9875691500e-4;
  a1 = 1.3981999507e-3;
  a2 = 8.3334519073e-3;
  a3 = 4.1665795894e-2;
  a4 = 1.6666665459e-1;
  a5 = 5.0000001201e-1;
}

/**
 * x_ij = e^(x_ij - m_j), of numbers up to 0 in the exponent, and sum_j more by
 * their sums over the rows. Rows are whole pairs of vectors.
 *
 * The test is at the loop's end: after a loop that ends at its beginning, V8
 * 15.0 takes the second vector of a pair to be what it was before the loop
 * (`--experimental-wasm-revectorize`, where it unrolls the loop).
 */
export function powers(
  rows: i32,
  x: usize,
  stride: usize,
  maxima: usize,
  sums: usize,
): void {
  const least = f32x4.splat(lowest), scale = f32x4.splat(log2e);
  const round = f32x4.splat(rounder), unit = f32x4.splat(one);
  const ln0 = f32x4.splat(high), ln1 = f32x4.splat(low);
  const c0 = f32x4.splat(a0), c1 = f32x4.splat(a1), c2 = f32x4.splat(a2);
  const c3 = f32x4.splat(a3), c4 = f32x4.splat(a4), c5 = f32x4.splat(a5);
  for (let column: usize = 0; column < stride; column += 32) {
    const m0 = v128.load(maxima + column), m1 = v128.load(maxima + column, 16);
    let sum0 = v128.load(sums + column), sum1 = v128.load(sums + column, 16);
    let cell = x + column;
    const end = cell + rows * stride;
    do {
      const d0 = f32x4.sub(v128.load(cell), m0);
      const d1 = f32x4.sub(v128.load(cell, 16), m1);
      const p0 = power4(d0, least, scale, round, unit, ln0, ln1, c0, c1, c2, c3, c4, c5);
      const p1 = power4(d1, least, scale, round, unit, ln0, ln1, c0, c1, c2, c3, c4, c5);
      v128.store(cell, p0);
      v128.store(cell, p1, 16);
      sum0 = f32x4.add(sum0, p0);
      sum1 = f32x4.add(sum1, p1);
      cell += stride;
    } while (cell < end);
    v128.store(sums + column, sum0);
    v128.store(sums + column, sum1, 16);
  }
}

/** target_i = e^(source_i), of numbers up to 0; so many bytes, in whole vectors. */
export function powersOf(bytes: usize, source: usize, target: usize): void {
  const least = f32x4.splat(lowest), scale = f32x4.splat(log2e);
  const round = f32x4.splat(rounder), unit = f32x4.splat(one);
  const ln0 = f32x4.splat(high), ln1 = f32x4.splat(low);
  const c0 = f32x4.splat(a0), c1 = f32x4.splat(a1), c2 = f32x4.splat(a2);
  const c3 = f32x4.splat(a3), c4 = f32x4.splat(a4), c5 = f32x4.splat(a5);
  const pairs = target + (bytes & ~31), end = target + bytes;
  if (target < pairs) {
    do {
      const x0 = v128.load(source), x1 = v128.load(source, 16);
      const p0 = power4(x0, least, scale, round, unit, ln0, ln1, c0, c1, c2, c3, c4, c5);
      const p1 = power4(x1, least, scale, round, unit, ln0, ln1, c0, c1, c2, c3, c4, c5);
      v128.store(target, p0);
      v128.store(target, p1, 16);
      source += 32;
      target += 32;
    } while (target < pairs);
  }
  if (target < end) {
    const x = v128.load(source);
    v128.store(target, power4(x, least, scale, round, unit, ln0, ln1, c0, c1, c2, c3, c4, c5));
  }
}

/** As exp4 of simd.ts, without an upper bound. */
// @ts-ignore: decorator
@inline
function power4(
  x: v128,
  least: v128,
  scale: v128,
  round: v128,
  unit: v128,
  ln0: v128,
  ln1: v128,
  c0: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
): v128 {
  const underflow = f32x4.lt(x, least);
  const bounded = f32x4.pmax(x, least);
  const rounded = multiplyAdd(bounded, scale, round);
  const n = f32x4.sub(rounded, round);
  const r = multiplyAdd(n, ln1, multiplyAdd(n, ln0, bounded));
  let p = multiplyAdd(c0, r, c1);
  p = multiplyAdd(p, r, c2);
  p = multiplyAdd(p, r, c3);
  p = multiplyAdd(p, r, c4);
  p = multiplyAdd(p, r, c5);
  p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), unit);
  // A product, since a sum of integers makes numbers of some NaN.
  const power = i32x4.add(i32x4.shl(rounded, 23), unit);
  return v128.andnot(f32x4.mul(p, power), underflow);
}

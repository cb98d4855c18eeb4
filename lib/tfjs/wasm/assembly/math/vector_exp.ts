// The exponential of vectors of four floats, fast and for loops over whole matrices.
// V8 makes each constant of a loop again at every step; a vector made of a variable
// before the loop it keeps, which halves the time. So constants are variables here,
// and functions take vectors of them.
//
// The loops' tests are at their ends: after a loop that ends at its beginning, V8
// 15.0 takes the second vector of a pair to be what it was before the loop
// (`--experimental-wasm-revectorize`, where it unrolls the loop).
import { LN_2_HIGH, LN_2_LOW, multiplyAdd } from "./simd";

export let lowest: f32 = 0, leastWeight: f32 = 0, log2e: f32 = 0;
export let leastExponent: f32 = 0, rounder: f32 = 0, one: f32 = 0;
export let a1: f32 = 0, a2: f32 = 0, a3: f32 = 0, a4: f32 = 0, a5: f32 = 0;

/**
 * Sets the constants; call it before any other function. The polynomial is 2^r to
 * 1.6e-7 of it for |r| <= 1/2, fitted to the least of the largest error.
 */
export function prepareExp(): void {
  lowest = -88;
  leastWeight = -72;
  leastExponent = -127;
  log2e = 1.44269504;
  rounder = 12582912;
  one = 1;
  a1 = 0.6931470036506653;
  a2 = 0.24022242426872253;
  a3 = 0.05550733581185341;
  a4 = 0.009671512991189957;
  a5 = 0.001326472614891827;
}

/**
 * x_ij = e^(x_ij - m_j), with exponents up to 0, and sum_j += Σ_i x_ij. Rows are whole
 * pairs of vectors. Below {@link leastWeight}, weights are 0: beside a largest one of 1
 * they are lost, and their products would be denormal numbers, which take a processor
 * a hundred cycles each.
 */
export function expAndSum(
  rows: i32, x: usize, stride: usize, maxima: usize, sums: usize
): void {
  const least = f32x4.splat(leastWeight), scale = f32x4.splat(log2e);
  const round = f32x4.splat(rounder);
  const unit = f32x4.splat(one), c1 = f32x4.splat(a1), c2 = f32x4.splat(a2);
  const c3 = f32x4.splat(a3), c4 = f32x4.splat(a4), c5 = f32x4.splat(a5);
  for (let column: usize = 0; column < stride; column += 32) {
    const m$ = v128.load(maxima + column, 16 * $);
    let sum$ = v128.load(sums + column, 16 * $);
    let cell = x + column;
    const end = cell + rows * stride;
    do {
      const d$ = f32x4.sub(v128.load(cell, 16 * $), m$);
      const e$ = fastExp4(d$, least, scale, round, unit, c1, c2, c3, c4, c5);
      const p$ = v128.andnot(e$, f32x4.lt(d$, least));
      v128.store(cell, p$, 16 * $);
      sum$ = f32x4.add(sum$, p$);
      cell += stride;
    } while (cell < end);
    v128.store(sums + column, sum$, 16 * $);
  }
}

/** x_ij = w_j e^(x_ij - m_j), 0 as above, and then y_ij = x_ij (y_ij - d_j). */
export function expAndGradient(
  rows: i32, x: usize, y: usize, stride: usize, maxima: usize, weights: usize,
  means: usize
): void {
  const least = f32x4.splat(leastWeight), scale = f32x4.splat(log2e);
  const round = f32x4.splat(rounder);
  const unit = f32x4.splat(one), c1 = f32x4.splat(a1), c2 = f32x4.splat(a2);
  const c3 = f32x4.splat(a3), c4 = f32x4.splat(a4), c5 = f32x4.splat(a5);
  for (let column: usize = 0; column < stride; column += 32) {
    const m$ = v128.load(maxima + column, 16 * $);
    const w$ = v128.load(weights + column, 16 * $);
    const d$ = v128.load(means + column, 16 * $);
    let cell = x + column, product = y + column;
    const end = cell + rows * stride;
    do {
      const e$ = f32x4.sub(v128.load(cell, 16 * $), m$);
      const x$ = fastExp4(e$, least, scale, round, unit, c1, c2, c3, c4, c5);
      // Multiplied last: weights that are NaN make NaN of 0 too.
      const p$ = f32x4.mul(v128.andnot(x$, f32x4.lt(e$, least)), w$);
      v128.store(cell, p$, 16 * $);
      const t$ = f32x4.mul(p$, f32x4.sub(v128.load(product, 16 * $), d$));
      v128.store(product, t$, 16 * $);
      cell += stride;
      product += stride;
    } while (cell < end);
  }
}

/** The derivative of SiLU, σ + SiLU (1 - σ), given s = σ(x). */
// @ts-ignore: decorator
@inline
export function siluDerivative4(x: v128, s: v128, unit: v128): v128 {
  return multiplyAdd(f32x4.mul(x, s), f32x4.sub(unit, s), s);
}

/** 1 / (1 + e^-x); 0 below {@link lowest}, where e^-x would be infinite. */
// @ts-ignore: decorator
@inline
export function fastSigmoid4(
  x: v128, least: v128, scale: v128, round: v128, unit: v128,
  c1: v128, c2: v128, c3: v128, c4: v128, c5: v128,
): v128 {
  const exponent = f32x4.neg(f32x4.pmax(x, least));
  const e = fastExp4(exponent, least, scale, round, unit, c1, c2, c3, c4, c5);
  const result = f32x4.div(unit, f32x4.add(unit, e));
  return v128.andnot(result, f32x4.lt(x, least));
}

/** e^x = 2^n 2^r of x up to 88, with n + r = x / ln 2; 0 where it would be denormal. */
// @ts-ignore: decorator
@inline
export function fastExp4(
  x: v128, least: v128, scale: v128, round: v128, unit: v128,
  c1: v128, c2: v128, c3: v128, c4: v128, c5: v128,
): v128 {
  const bounded = f32x4.pmax(x, least);
  const rounded = multiplyAdd(bounded, scale, round);
  if (ASC_FEATURE_RELAXED_SIMD) {
    const r = multiplyAdd(bounded, scale, f32x4.sub(round, rounded));
    return scaleByPower4(rounded, r, unit, c1, c2, c3, c4, c5);
  }
  // Rounded twice, x / ln 2 would be off by 4e-6 at e^-60: ln 2 in two parts.
  const n = f32x4.sub(rounded, round);
  const high = f32x4.sub(bounded, f32x4.mul(n, f32x4.splat(LN_2_HIGH)));
  const rest = f32x4.sub(high, f32x4.mul(n, f32x4.splat(LN_2_LOW)));
  return scaleByPower4(rounded, f32x4.mul(rest, scale), unit, c1, c2, c3, c4, c5);
}

/** 2^x of x up to 127; 0 from `least` = {@link leastExponent} down. */
// @ts-ignore: decorator
@inline
export function fastExp2(
  x: v128, least: v128, round: v128, unit: v128,
  c1: v128, c2: v128, c3: v128, c4: v128, c5: v128
): v128 {
  const bounded = f32x4.pmax(x, least);
  const rounded = f32x4.add(bounded, round);
  const r = f32x4.sub(bounded, f32x4.sub(rounded, round));
  return scaleByPower4(rounded, r, unit, c1, c2, c3, c4, c5);
}

/** 2^n 2^r, with n in the low bits of `rounded`. */
// @ts-ignore: decorator
@inline
function scaleByPower4(
  rounded: v128, r: v128,
  unit: v128, c1: v128, c2: v128, c3: v128, c4: v128, c5: v128
): v128 {
  let p = multiplyAdd(c5, r, c4);
  p = multiplyAdd(p, r, c3);
  p = multiplyAdd(p, r, c2);
  p = multiplyAdd(p, r, c1);
  p = multiplyAdd(p, r, unit);
  // 2^n is 0 for n = -127. It is multiplied, since adding to the exponent
  // would turn some NaN into numbers.
  const power = i32x4.add(i32x4.shl(rounded, 23), unit);
  return f32x4.mul(p, power);
}

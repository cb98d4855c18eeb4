// GELU, x Φ(x), and its gradient. What is said of constants in vector_exp.ts holds
// here, so these are few: they and what is computed take the registers that there are.
import { loadFirst, multiplyAdd, storeFirst } from "./simd";
import {
  a1, a2, a3, a4, a5, fastExp2, leastExponent, one, prepareExp, rounder,
} from "./vector_exp";

let halfLog2e: f32 = 0, density: f32 = 0, nearness: f32 = 0;
let p1: f32 = 0, p2: f32 = 0, p3: f32 = 0, p4: f32 = 0, p5: f32 = 0;

/** Abramowitz and Stegun, 7.1.26: Φ(-|x|) = t p(t) e^(-x²/2), off by at most 8e-8. */
function prepare(): void {
  prepareExp();
  halfLog2e = -0.72134752;
  density = 0.39894228;
  nearness = 0.23164189;
  p1 = 0.127414796;
  p2 = -0.142248368;
  p3 = 0.7107068705;
  p4 = -0.7265760135;
  p5 = 0.5307027145;
}

/** The factor t p(t) of the normal distribution's tail, given |x|. */
// @ts-ignore: decorator
@inline
function tail4(
  x: v128, unit: v128, near: v128,
  q1: v128, q2: v128, q3: v128, q4: v128, q5: v128
): v128 {
  const t = f32x4.div(unit, multiplyAdd(x, near, unit));
  let p = multiplyAdd(q5, t, q4);
  p = multiplyAdd(p, t, q3);
  p = multiplyAdd(p, t, q2);
  p = multiplyAdd(p, t, q1);
  return f32x4.mul(p, t);
}

/** max(x, 0) - |x| Φ(-|x|), where |x| of large numbers is less: Φ is 0 there. */
// @ts-ignore: decorator
@inline
function gelu4(
  x: v128, zero: v128,
  least: v128, round: v128, unit: v128,
  c1: v128, c2: v128, c3: v128, c4: v128, c5: v128,
  scale: v128, near: v128,
  q1: v128, q2: v128, q3: v128, q4: v128, q5: v128
): v128 {
  const e = f32x4.mul(f32x4.mul(x, x), scale);
  const bell = fastExp2(e, least, round, unit, c1, c2, c3, c4, c5);
  const size = f32x4.abs(f32x4.pmin(x, round));
  const tail = tail4(size, unit, near, q1, q2, q3, q4, q5);
  const below = f32x4.mul(f32x4.mul(size, bell), tail);
  return f32x4.sub(f32x4.pmax(x, zero), below);
}

/** GELU's derivative, Φ(x) + x φ(x). */
// @ts-ignore: decorator
@inline
function derivative4(
  x: v128, zero: v128, d: v128,
  least: v128, round: v128, unit: v128,
  c1: v128, c2: v128, c3: v128, c4: v128, c5: v128,
  scale: v128, near: v128,
  q1: v128, q2: v128, q3: v128, q4: v128, q5: v128
): v128 {
  const e = f32x4.mul(f32x4.mul(x, x), scale);
  const bell = fastExp2(e, least, round, unit, c1, c2, c3, c4, c5);
  const size = f32x4.abs(x);
  const tail = f32x4.mul(tail4(size, unit, near, q1, q2, q3, q4, q5), bell);
  const isNegative = f32x4.lt(x, zero);
  const normal = v128.bitselect(tail, f32x4.sub(unit, tail), isNegative);
  return multiplyAdd(f32x4.mul(x, d), bell, normal);
}

/** y = GELU(x) */
export function gelu(count: i32, x: usize, y: usize): void {
  prepare();
  const least = f32x4.splat(leastExponent), round = f32x4.splat(rounder);
  const unit = f32x4.splat(one), c1 = f32x4.splat(a1), c2 = f32x4.splat(a2);
  const c3 = f32x4.splat(a3), c4 = f32x4.splat(a4), c5 = f32x4.splat(a5);
  const scale = f32x4.splat(halfLog2e), near = f32x4.splat(nearness);
  const q1 = f32x4.splat(p1), q2 = f32x4.splat(p2), q3 = f32x4.splat(p3);
  const q4 = f32x4.splat(p4), q5 = f32x4.splat(p5), zero = f32x4.splat(0);
  const pairs = x + (<usize> (count & ~7) << 2);
  if (x < pairs) {
    do {
      const x$ = v128.load(x, 16 * $);
      const y$ = gelu4(
        x$, zero, least, round, unit, c1, c2, c3, c4, c5,
        scale, near, q1, q2, q3, q4, q5
      );
      v128.store(y, y$, 16 * $);
      x += 32;
      y += 32;
    } while (x < pairs);
  }
  for (count &= 7; count > 0; count -= 4) {
    const last = gelu4(
      loadFirst(x, count), zero, least, round, unit, c1, c2, c3, c4, c5,
      scale, near, q1, q2, q3, q4, q5
    );
    storeFirst(y, last, count);
    x += 16;
    y += 16;
  }
}

/** dx = dy GELU'(x) */
export function geluGradient(
  count: i32, x: usize, dy: usize, dx: usize
): void {
  prepare();
  const least = f32x4.splat(leastExponent), round = f32x4.splat(rounder);
  const unit = f32x4.splat(one), c1 = f32x4.splat(a1), c2 = f32x4.splat(a2);
  const c3 = f32x4.splat(a3), c4 = f32x4.splat(a4), c5 = f32x4.splat(a5);
  const scale = f32x4.splat(halfLog2e), near = f32x4.splat(nearness);
  const q1 = f32x4.splat(p1), q2 = f32x4.splat(p2), q3 = f32x4.splat(p3);
  const q4 = f32x4.splat(p4), q5 = f32x4.splat(p5), zero = f32x4.splat(0);
  const d = f32x4.splat(density);
  const pairs = x + (<usize> (count & ~7) << 2);
  if (x < pairs) {
    do {
      const x$ = v128.load(x, 16 * $);
      const g$ = v128.load(dy, 16 * $);
      const s$ = derivative4(
        x$, zero, d, least, round, unit, c1, c2, c3, c4, c5,
        scale, near, q1, q2, q3, q4, q5
      );
      const y$ = f32x4.mul(g$, s$);
      v128.store(dx, y$, 16 * $);
      x += 32;
      dy += 32;
      dx += 32;
    } while (x < pairs);
  }
  for (count &= 7; count > 0; count -= 4) {
    const derivative = derivative4(
      loadFirst(x, count), zero, d, least, round, unit, c1, c2, c3, c4, c5,
      scale, near, q1, q2, q3, q4, q5
    );
    storeFirst(dx, f32x4.mul(loadFirst(dy, count), derivative), count);
    x += 16;
    dy += 16;
    dx += 16;
  }
}

// x Φ(x), and its gradient.
import { elementwise as job } from "../jobs";
import { exp4, loadFirst, multiplyAdd, storeFirst } from "../math/simd";

/** Elements a task. */
const BLOCK = 4096;

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
  return v128.bitselect(
    half,
    f32x4.sub(one, half),
    f32x4.lt(x, f32x4.splat(0)),
  );
}

// @ts-ignore: decorator
@inline
function gelu4(x: v128): v128 {
  return f32x4.mul(x, normal4(x, bell4(x)));
}

/** dy (Φ(x) + x φ(x)) */
// @ts-ignore: decorator
@inline
function gradient4(x: v128, dy: v128): v128 {
  const bell = bell4(x);
  const weighted = f32x4.mul(x, f32x4.splat(0.39894228));
  return f32x4.mul(dy, multiplyAdd(weighted, bell, normal4(x, bell)));
}

export function geluTasks(phase: i32): i32 {
  return phase === 0 ? 0 : (job.size + BLOCK - 1) / BLOCK;
}

export function geluTask(task: i32): void {
  const first = task * BLOCK;
  let count = min(job.size - first, BLOCK);
  let x = job.x + (<usize> first << 2), y = job.y + (<usize> first << 2);
  if (job.dy === 0) {
    for (; count >= 8; count -= 8) {
      const x0 = v128.load(x), x1 = v128.load(x, 16);
      const y0 = gelu4(x0), y1 = gelu4(x1);
      v128.store(y, y0);
      v128.store(y, y1, 16);
      x += 32;
      y += 32;
    }
    for (; count > 0; count -= 4) {
      storeFirst(y, gelu4(loadFirst(x, count)), count);
      x += 16;
      y += 16;
    }
    return;
  }
  let dy = job.dy + (<usize> first << 2);
  for (; count >= 8; count -= 8) {
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    const dy0 = v128.load(dy), dy1 = v128.load(dy, 16);
    const y0 = gradient4(x0, dy0), y1 = gradient4(x1, dy1);
    v128.store(y, y0);
    v128.store(y, y1, 16);
    x += 32;
    dy += 32;
    y += 32;
  }
  for (; count > 0; count -= 4) {
    const slope = gradient4(loadFirst(x, count), loadFirst(dy, count));
    storeFirst(y, slope, count);
    x += 16;
    dy += 16;
    y += 16;
  }
}

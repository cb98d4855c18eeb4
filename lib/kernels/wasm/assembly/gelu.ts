// x Φ(x), and its gradient.
import { gelu as job } from "./jobs";
import { exp4, loadFirst, multiplyAdd, storeFirst } from "./simd";

/** Elements a task. */
const BLOCK = 4096;

let density: v128 = f32x4.splat(0);

/**
 * Φ(x), and e^(-x²/2) beside it. Abramowitz and Stegun, 7.1.26, off by at most
 * 1.5e-7.
 */
function normal4(x: v128): v128 {
  const one = f32x4.splat(1);
  const z = f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678));
  const t = f32x4.div(one, multiplyAdd(z, f32x4.splat(0.3275911), one));
  let p = f32x4.splat(1.061405429);
  p = multiplyAdd(p, t, f32x4.splat(-1.453152027));
  p = multiplyAdd(p, t, f32x4.splat(1.421413741));
  p = multiplyAdd(p, t, f32x4.splat(-0.284496736));
  p = multiplyAdd(p, t, f32x4.splat(0.254829592));
  density = exp4(f32x4.neg(f32x4.mul(z, z)));
  const half = f32x4.mul(f32x4.splat(0.5), f32x4.mul(p, f32x4.mul(t, density)));
  return v128.bitselect(half, f32x4.sub(one, half), f32x4.lt(x, f32x4.splat(0)));
}

export function geluTasks(phase: i32): i32 {
  return phase === 0 ? 0 : (job.size + BLOCK - 1) / BLOCK;
}

export function geluTask(task: i32): void {
  const end = min(job.size, (task + 1) * BLOCK);
  for (let i = task * BLOCK; i < end; i += 4) {
    const count = end - i, at = <usize> i << 2;
    const x = loadFirst(job.x + at, count);
    const below = normal4(x);
    if (job.dy === 0) {
      storeFirst(job.y + at, f32x4.mul(x, below), count);
      continue;
    }
    // Φ(x) + x φ(x)
    const weighted = f32x4.mul(x, f32x4.splat(0.39894228));
    const slope = multiplyAdd(weighted, density, below);
    const dy = loadFirst(job.dy + at, count);
    storeFirst(job.y + at, f32x4.mul(dy, slope), count);
  }
}

// A step of Adam.
import { adam as job } from "../jobs";
import { loadFirst, multiplyAdd, storeFirst } from "../math/simd";
import { partsAtOnce } from "../runtime/parts";

/** Elements a task. */
const BLOCK = 8192;

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.size, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  const beta1 = f32x4.splat(job.beta1), beta2 = f32x4.splat(job.beta2);
  const rest1 = f32x4.splat(job.rest1), rest2 = f32x4.splat(job.rest2);
  const step = f32x4.splat(-job.stepSize), keep = f32x4.splat(job.keep);
  const correction = f32x4.splat(job.rootCorrection);
  const epsilon = f32x4.splat(job.epsilon);
  const end = min(job.size, (task + 1) * BLOCK);
  for (let i = task * BLOCK; i < end; i += 4) {
    const count = end - i, at = <usize> i << 2;
    const gradient = loadFirst(job.gradient + at, count);
    const mean = multiplyAdd(
      loadFirst(job.mean + at, count), beta1, f32x4.mul(gradient, rest1)
    );
    const square = multiplyAdd(
      loadFirst(job.square + at, count), beta2,
      f32x4.mul(f32x4.mul(gradient, gradient), rest2)
    );
    const root = multiplyAdd(f32x4.sqrt(square), correction, epsilon);
    const kept = f32x4.mul(loadFirst(job.value + at, count), keep);
    const value = multiplyAdd(f32x4.div(mean, root), step, kept);
    storeFirst(job.newMean + at, mean, count);
    storeFirst(job.newSquare + at, square, count);
    storeFirst(job.newValue + at, value, count);
  }
}

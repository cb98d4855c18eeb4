// Log decays: those of logits, and those that are finite; and their gradients.
import { elementwise, finiteDecay } from "../jobs";
import { exp4, loadFirst, multiplyAdd, sigmoid4, storeFirst } from "../math/simd";

/** Elements a task. */
const BLOCK = 4096;

function tasks(size: i32, phase: i32): i32 {
  return phase === 0 ? 0 : (size + BLOCK - 1) / BLOCK;
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
function logSigmoid4(x: v128): v128 {
  const far = logOfOnePlus4(exp4(f32x4.neg(f32x4.abs(x))));
  return f32x4.sub(f32x4.min(x, f32x4.splat(0)), far);
}

/** dy sigmoid(-x) */
// @ts-ignore: decorator
@inline
function slope4(x: v128, dy: v128): v128 {
  return f32x4.mul(dy, sigmoid4(f32x4.neg(x)));
}

export function logSigmoidTasks(phase: i32): i32 {
  return tasks(elementwise.size, phase);
}

/** y = log(sigmoid(x)), or dx = dy sigmoid(-x). */
export function logSigmoidTask(task: i32): void {
  const job = elementwise, first = task * BLOCK, offset = <usize> first << 2;
  const isForward = job.dy === 0;
  let x = job.x + offset, y = job.y + offset, dy = job.dy + offset;
  let count = min(job.size - first, BLOCK);
  for (; count >= 8; count -= 8) {
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    let y0: v128, y1: v128;
    if (isForward) {
      y0 = logSigmoid4(x0);
      y1 = logSigmoid4(x1);
    } else {
      y0 = slope4(x0, v128.load(dy));
      y1 = slope4(x1, v128.load(dy, 16));
    }
    v128.store(y, y0);
    v128.store(y, y1, 16);
    x += 32;
    y += 32;
    dy += 32;
  }
  for (; count > 0; count -= 4) {
    const logit = loadFirst(x, count);
    const result = isForward
      ? logSigmoid4(logit)
      : slope4(logit, loadFirst(dy, count));
    storeFirst(y, result, count);
    x += 16;
    y += 16;
    dy += 16;
  }
}

export function finiteDecayTasks(phase: i32): i32 {
  return tasks(finiteDecay.size, phase);
}

/** y = max(x, lowest), or dx = dy where x is not below it; NaN stays. */
export function finiteDecayTask(task: i32): void {
  const job = finiteDecay, first = task * BLOCK, offset = <usize> first << 2;
  const lowest = f32x4.splat(job.lowest), isForward = job.dy === 0;
  let x = job.x + offset, y = job.y + offset, dy = job.dy + offset;
  let count = min(job.size - first, BLOCK);
  for (; count >= 4; count -= 4) {
    const given = v128.load(x);
    const result = isForward
      ? f32x4.max(given, lowest)
      : v128.andnot(v128.load(dy), f32x4.lt(given, lowest));
    v128.store(y, result);
    x += 16;
    y += 16;
    dy += 16;
  }
  if (count === 0) return;
  const given = loadFirst(x, count);
  const result = isForward
    ? f32x4.max(given, lowest)
    : v128.andnot(loadFirst(dy, count), f32x4.lt(given, lowest));
  storeFirst(y, result, count);
}

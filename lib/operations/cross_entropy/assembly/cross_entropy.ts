// The mean cross-entropy of rows of logits and classes, and its gradient.
import { crossEntropy as job } from "./records";
import { queue } from "../../../tfjs/wasm/assembly/runtime/queue";
import { logFromOne } from "../../../tfjs/wasm/assembly/math/activations";
import {
  crossEntropyGradient, sumExp, sumOf
} from "../../../tfjs/wasm/assembly/math/loops";
import { at, put } from "../../../tfjs/wasm/assembly/math/matrix";
import { prepareExp } from "../../../tfjs/wasm/assembly/math/vector_exp";
import { parts } from "../../../tfjs/wasm/assembly/runtime/parts";

/** Classes whose exponentials are added up in 32 bits. */
const BLOCK = 1024;

export function tasks(phase: i32): i32 {
  if (phase === 0) return parts(job.rows, job.rowsPerTask);
  return job.dlogits === 0 ? 1 : 0;
}

/** Bytes of the losses of rows, which the second phase adds up. */
export function extraBytes(): usize {
  return job.dlogits === 0 ? <usize> job.rows << 2 : 0;
}

export function perform(phase: i32, task: i32): void {
  if (phase === 1) return addUp();
  prepareExp();
  const first = task * job.rowsPerTask;
  const end = min(job.rows, first + job.rowsPerTask);
  for (let row = first; row < end; row++) {
    const x = job.logits + (<usize> job.classes << 2) * row;
    const label = labelOf(row);
    const counts = label !== job.notCounted;
    if (job.dlogits !== 0) gradientOf(row, x, label);
    else put(queue.extra, row, counts ? lossOf(row, x, label) : 0);
  }
}

/** -log p of the label, smoothed; leaves the largest logit and the sum of powers. */
function lossOf(row: i32, x: usize, label: i32): f32 {
  const classes = job.classes, largest = maximum(classes, x);
  let powers: f64 = 0, all: f64 = 0;
  for (let i = 0; i < classes; i += BLOCK) {
    const count = min(classes - i, BLOCK), block = x + (<usize> i << 2);
    powers += sumExp(count, largest, block);
    if (job.smoothing !== 0) all += sumOf(count, block);
  }
  put(job.maxima, row, largest);
  put(job.sums, row, <f32> powers);
  if (!isClass(label)) return <f32> NaN;
  let expected = at(x, label);
  if (job.smoothing !== 0) {
    const mean = <f32> (all / <f64> classes);
    expected += job.smoothing * (mean - expected);
  }
  return largest - expected + logFromOne(<f32> powers);
}

/** The label of a row; others than classes may be beyond integers as floats. */
function labelOf(row: i32): i32 {
  return <i32> max<f32>(min<f32>(at(job.labels, row), 16777216), -16777216);
}

function isClass(label: i32): bool {
  return label >= 0 && label < job.classes;
}

/** The largest of `count` floats; NaN if one is NaN. */
function maximum(count: i32, x: usize): f32 {
  let most0 = f32x4.splat(load<f32>(x)), most1 = most0;
  for (; count >= 8; count -= 8) {
    most$ = f32x4.max(most$, v128.load(x, 16 * $));
    x += 32;
  }
  // Beyond the end a vector has zeros, which may be above all floats.
  for (; count > 0; count--) {
    most0 = f32x4.max(most0, v128.load32_splat(x));
    x += 4;
  }
  const most = f32x4.max(most0, most1);
  const half = f32x4.max(most, i32x4.shuffle(most, most, 2, 3, 0, 1));
  return f32x4.extract_lane(
    f32x4.max(half, i32x4.shuffle(half, half, 1, 0, 3, 2)), 0
  );
}

/** dx = dloss · share (p - (1 - smoothing) [label] - smoothing / classes) */
function gradientOf(row: i32, x: usize, label: i32): void {
  const classes = job.classes;
  const dx = job.dlogits + (<usize> classes << 2) * row;
  if (label === job.notCounted) {
    return memory.fill(dx, 0, <usize> classes << 2);
  }
  const weight = load<f32>(job.dloss) * job.share;
  const all = weight * job.smoothing / <f32> classes;
  const largest = at(job.maxima, row), ofPowers = weight / at(job.sums, row);
  crossEntropyGradient(classes, largest, ofPowers, all, x, dx);
  if (!isClass(label)) return;
  put(dx, label, at(dx, label) - weight * (1 - job.smoothing));
}

function addUp(): void {
  let sum: f64 = 0;
  for (let row = 0; row < job.rows; row++) sum += at(queue.extra, row);
  store<f32>(job.loss, <f32> (sum * job.share));
}

// Layer normalisation of rows, and its gradient.
import { layerNorm as job, queue } from "../jobs";
import { sumParts } from "../math/matrix";
import { rowTasks } from "../runtime/parts";
import {
  firstLanes, loadFirst, multiplyAdd, storeFirst, sum4,
} from "../math/simd";

/** The mean of the row. */
let mean: f32 = 0;
/** One over the standard deviation of the row. */
let inverse: f32 = 0;

function measure(x: usize): void {
  const columns = job.columns;
  let sum = f32x4.splat(0);
  for (let i = 0; i < columns; i += 4) {
    sum = f32x4.add(sum, loadFirst(x + (i << 2), columns - i));
  }
  mean = sum4(sum) / <f32> columns;
  const means = f32x4.splat(mean);
  let squares = f32x4.splat(0);
  for (let i = 0; i < columns; i += 4) {
    const centred = f32x4.sub(loadFirst(x + (i << 2), columns - i), means);
    const kept = v128.and(centred, firstLanes(columns - i));
    squares = multiplyAdd(kept, kept, squares);
  }
  const variance = sum4(squares) / <f32> columns;
  inverse = 1 / sqrt<f32>(variance + job.epsilon);
}

export function tasks(phase: i32): i32 {
  return rowTasks(phase, job.rows, job.rowsPerTask, job.dy !== 0);
}

/** Bytes that the tasks of the gradient leave for its second phase. */
export function extraBytes(): usize {
  return job.dy === 0 ? 0 : tasks(0) * 8 * job.columns;
}

export function perform(phase: i32, task: i32): void {
  if (job.dy !== 0 && phase === 1) return sumAllParts();
  const first = task * job.rowsPerTask;
  const end = min(job.rows, first + job.rowsPerTask);
  const part = queue.extra + <usize> (task * job.columns) * 8;
  if (job.dy !== 0) memory.fill(part, 0, job.columns * 8);
  for (let row = first; row < end; row++) {
    if (job.dy === 0) normalize(row);
    else gradientOf(row, part);
  }
}

function normalize(row: i32): void {
  const columns = job.columns, offset = <usize> (row * columns) << 2;
  const x = job.x + offset, y = job.y + offset;
  measure(x);
  const means = f32x4.splat(mean), inverses = f32x4.splat(inverse);
  for (let i = 0; i < columns; i += 4) {
    const count = columns - i, at = <usize> i << 2;
    const centred = f32x4.sub(loadFirst(x + at, count), means);
    const normal = f32x4.mul(centred, inverses);
    const scale = loadFirst(job.scale + at, count);
    const result = multiplyAdd(
      normal, scale, loadFirst(job.offset + at, count)
    );
    storeFirst(y + at, result, count);
  }
}

/**
 * dx = (g - mean(g) - n mean(g n)) / deviation, with n the normal x and g = dy ·
 * scale.
 */
function gradientOf(row: i32, part: usize): void {
  const columns = job.columns, offset = <usize> (row * columns) << 2;
  const x = job.x + offset, dy = job.dy + offset, dx = job.dx + offset;
  const dscale = part, doffset = part + (<usize> columns << 2);
  measure(x);
  const means = f32x4.splat(mean), inverses = f32x4.splat(inverse);
  let sum = f32x4.splat(0), inner = f32x4.splat(0);
  for (let i = 0; i < columns; i += 4) {
    const count = columns - i, at = <usize> i << 2;
    const centred = f32x4.sub(loadFirst(x + at, count), means);
    const normal = f32x4.mul(centred, inverses);
    const gradient = loadFirst(dy + at, count);
    const g = f32x4.mul(gradient, loadFirst(job.scale + at, count));
    sum = f32x4.add(sum, g);
    inner = multiplyAdd(g, normal, inner);
    const scales = loadFirst(dscale + at, count);
    storeFirst(dscale + at, multiplyAdd(gradient, normal, scales), count);
    const offsets = loadFirst(doffset + at, count);
    storeFirst(doffset + at, f32x4.add(offsets, gradient), count);
  }
  const meanG = f32x4.splat(sum4(sum) / <f32> columns);
  const meanInner = f32x4.splat(-sum4(inner) / <f32> columns);
  for (let i = 0; i < columns; i += 4) {
    const count = columns - i, at = <usize> i << 2;
    const centred = f32x4.sub(loadFirst(x + at, count), means);
    const normal = f32x4.mul(centred, inverses);
    const scale = loadFirst(job.scale + at, count);
    const g = f32x4.mul(loadFirst(dy + at, count), scale);
    const rest = multiplyAdd(normal, meanInner, f32x4.sub(g, meanG));
    storeFirst(dx + at, f32x4.mul(rest, inverses), count);
  }
}

function sumAllParts(): void {
  const bytes = <usize> job.columns << 2, count = tasks(0);
  sumParts(job.columns, queue.extra, 2 * bytes, count, job.dscale);
  sumParts(job.columns, queue.extra + bytes, 2 * bytes, count, job.doffset);
}

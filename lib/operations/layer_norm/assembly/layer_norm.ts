// Layer normalisation of rows, or of the sums of two rows each, and its gradient.
import { layerNorm as job } from "./records";
import { queue } from "../../../tfjs/wasm/assembly/runtime/queue";
import {
  addRow, addRows, normalize, normalizedSums, normalizeGradient, sumOf,
  sumSquaresAround
} from "../../../tfjs/wasm/assembly/math/loops";
import { sumParts } from "../../../tfjs/wasm/assembly/math/matrix";
import { rowTasks } from "../../../tfjs/wasm/assembly/runtime/parts";

/** The mean of the row. */
let mean: f32 = 0;
/** One over the standard deviation of the row. */
let inverse: f32 = 0;

function measure(x: usize): void {
  const columns = job.columns;
  mean = sumOf(columns, x) / <f32> columns;
  const variance = sumSquaresAround(columns, mean, x) / <f32> columns;
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
    if (job.dy === 0) normalizeRow(row);
    else gradientOf(row, part);
  }
}

function normalizeRow(row: i32): void {
  const columns = job.columns, offset = <usize> (row * columns) << 2;
  let x = job.x + offset;
  if (job.added !== 0) {
    const sum = job.sum + offset;
    addRows(columns, x, job.added + offset, sum);
    x = sum;
  }
  measure(x);
  normalize(columns, mean, inverse, x, job.scale, job.offset, job.y + offset);
}

/**
 * dx = (g - mean(g) - n mean(g n)) / deviation, with n the normal x and g = dy ·
 * scale.
 */
function gradientOf(row: i32, part: usize): void {
  const columns = job.columns, offset = <usize> (row * columns) << 2;
  const x = job.x + offset, dy = job.dy + offset, dx = job.dx + offset;
  const scale = job.scale, doffset = part + (<usize> columns << 2);
  measure(x);
  const sums = normalizedSums(
    columns, mean, inverse, x, dy, scale, part, doffset
  );
  const along = f32x4.extract_lane(sums, 0) / <f32> columns;
  const across = f32x4.extract_lane(sums, 1) / <f32> columns;
  normalizeGradient(columns, mean, inverse, along, across, x, dy, scale, dx);
  if (job.dsum !== 0) addRow(columns, job.dsum + offset, dx);
}

function sumAllParts(): void {
  const bytes = <usize> job.columns << 2, count = tasks(0);
  sumParts(job.columns, queue.extra, 2 * bytes, count, job.dscale);
  sumParts(job.columns, queue.extra + bytes, 2 * bytes, count, job.doffset);
}

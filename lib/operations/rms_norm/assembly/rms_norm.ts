// Root mean square normalisation of rows, times SiLU of gates if there are any,
// and its gradient.
import { rmsNorm as job } from "./records";
import { queue } from "../../../tfjs/wasm/assembly/runtime/queue";
import {
  normalizeGated, silu, siluGradient, sumSquares
} from "../../../tfjs/wasm/assembly/math/loops";
import { prepareExp } from "../../../tfjs/wasm/assembly/math/vector_exp";
import {
  layoutFrom, allocate
} from "../../../tfjs/wasm/assembly/runtime/scratch";
import { sumParts } from "../../../tfjs/wasm/assembly/math/matrix";
import { rowTasks } from "../../../tfjs/wasm/assembly/runtime/parts";
import {
  firstLanes, loadFirst, multiplyAdd, storeFirst, sum4, vectorBytes
} from "../../../tfjs/wasm/assembly/math/simd";

/** SiLU of a row's gates (ones without gates), and the gradients in that SiLU. */
let gates: usize = 0, gateGradients: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  layoutFrom(base);
  const bytes = vectorBytes(job.columns);
  gates = allocate(bytes);
  if (job.dy !== 0) gateGradients = allocate(bytes);
  return allocate(0);
}

export function tasks(phase: i32): i32 {
  return rowTasks(phase, job.rows, job.rowsPerTask, job.dy !== 0);
}

/** Bytes that the tasks of the gradient leave for its second phase. */
export function extraBytes(): usize {
  return job.dy === 0 ? 0 : <usize> (tasks(0) * job.columns) << 2;
}

export function perform(phase: i32, task: i32): void {
  if (job.dy !== 0 && phase === 1) return sumAllParts();
  prepareExp();
  const first = task * job.rowsPerTask;
  const end = min(job.rows, first + job.rowsPerTask);
  const bytes = <usize> job.columns << 2, part = queue.extra + task * bytes;
  if (job.dy !== 0) memory.fill(part, 0, bytes);
  if (job.gate === 0) {
    for (let i = 0; i < job.columns; i++) {
      store<f32>(gates + (<usize> i << 2), 1);
    }
  }
  for (let row = first; row < end; row++) {
    if (job.gate !== 0) {
      memory.copy(gates, job.gate + row * bytes, bytes);
      silu(job.columns, gates);
    }
    if (job.dy === 0) normalize(row);
    else gradientOf(row, part);
  }
}

/** One over the root of the mean square of a row. */
function inverseOf(x: usize): f32 {
  const squares = sumSquares(job.columns, x);
  return 1 / sqrt<f32>(squares / <f32> job.columns + job.epsilon);
}

function normalize(row: i32): void {
  const offset = row * (<usize> job.columns << 2), x = job.x + offset;
  const inverse = inverseOf(x);
  normalizeGated(job.columns, inverse, x, job.scale, gates, job.y + offset);
}

/**
 * dx = (g - n mean(g n)) / root, with n the normal x and g = dy · scale · SiLU(z);
 * dz = dy · scale · n · SiLU'(z).
 */
function gradientOf(row: i32, dscale: usize): void {
  const bytes = <usize> job.columns << 2, offset = row * bytes;
  const x = job.x + offset, dy = job.dy + offset, dx = job.dx + offset;
  const scale = job.scale;
  const root = inverseOf(x), inverse = f32x4.splat(root);
  let inner = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) {
    const count = <i32> ((bytes - at) >> 2);
    const normal = f32x4.mul(loadFirst(x + at, count), inverse);
    const gradient = loadFirst(dy + at, count), gate = v128.load(gates + at);
    const weight = loadFirst(scale + at, count);
    const along = f32x4.mul(gradient, normal);
    v128.store(gateGradients + at, f32x4.mul(along, weight));
    const gated = f32x4.mul(along, gate);
    // Beyond the row's end, gates are values of earlier rows.
    const kept = v128.and(gated, firstLanes(count));
    inner = multiplyAdd(kept, weight, inner);
    const sum = f32x4.add(loadFirst(dscale + at, count), gated);
    storeFirst(dscale + at, sum, count);
    const g = f32x4.mul(f32x4.mul(gradient, gate), weight);
    storeFirst(dx + at, g, count);
  }
  const mean = f32x4.splat(-root * sum4(inner) / <f32> job.columns);
  for (let at: usize = 0; at < bytes; at += 16) {
    const count = <i32> ((bytes - at) >> 2);
    const own = loadFirst(x + at, count);
    const rest = multiplyAdd(own, mean, loadFirst(dx + at, count));
    storeFirst(dx + at, f32x4.mul(rest, inverse), count);
  }
  if (job.gate === 0) return;
  const dgate = job.dgate + offset;
  memory.copy(dgate, job.gate + offset, bytes);
  siluGradient(job.columns, dgate, gateGradients);
}

function sumAllParts(): void {
  const bytes = <usize> job.columns << 2, count = tasks(0);
  sumParts(job.columns, queue.extra, bytes, count, job.dscale);
}

// Batched matrix products: C_b = f(op(A_b) op(B_b) + bias), any transposes.
import { activate } from "./epilogue";
import { multiply, multiplyTransposed } from "./gemm";
import { matmul as job } from "../jobs";
import { queue } from "../runtime/queue";
import { packPanel, packTransposedPanel, PANEL, panelBytes } from "./panels";
import { vectorBytes } from "./simd";
import { parts } from "../runtime/parts";
import { countProgress } from "../runtime/progress";

/** Columns of C whose sums are made, and activated, at a time. */
const COLUMNS = 64;

/** Rows of B that are packed at a time: 16 KiB of a panel, which stay in the cache. */
const INNER = 256;

let packedA: usize = 0;
let packedB: usize = 0;
let tile: usize = 0;
let paddedBias: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  packedA = (base + 63) & ~63;
  const rowBytes = job.transposeA === 0 ? 0 : vectorBytes(job.rowsPerTask);
  packedB = packedA + INNER * rowBytes;
  tile = packedB + INNER * PANEL * 4;
  paddedBias = tile + <usize> job.rowsPerTask * COLUMNS * 4;
  return paddedBias + COLUMNS * 4;
}

/** Bytes of the table with the place of each pair of matrices. */
export function extraBytes(): usize {
  return job.batch * 8;
}

export function tasks(phase: i32): i32 {
  return phase === 0 ? 0 : job.batch * tasksPerMatrix();
}

function tasksPerMatrix(): i32 {
  const inRows = parts(job.rows, job.rowsPerTask);
  return inRows * parts(job.columns, job.columnsPerTask);
}

/** Computes a task's rows and columns of one product. */
export function perform(_phase: i32, task: i32): void {
  const matrix = task / tasksPerMatrix(), part = task % tasksPerMatrix();
  // Consecutive tasks have the same columns, which stay in the cache.
  const inRows = parts(job.rows, job.rowsPerTask);
  const first = part % inRows * job.rowsPerTask;
  const rows = min(job.rowsPerTask, job.rows - first);
  const from = part / inRows * job.columnsPerTask;
  const end = min(job.columns, from + job.columnsPerTask);
  const a = job.a + <usize> load<i32>(queue.extra + 8 * matrix) * 4;
  const b = job.b + <usize> load<i32>(queue.extra + 8 * matrix, 4) * 4;
  const width = <usize> job.columns * 4;
  const start = <usize> (matrix * job.rows + first) * width;
  // Without a tensor for the sums, they are computed in C, and activated in place.
  const c = start + (job.hidden === 0 ? job.c : job.hidden);
  for (let k = 0; k < job.inner; k += INNER) {
    const inner = min(INNER, job.inner - k);
    const left = packA(a, first, rows, k, inner);
    for (let column = from; column < end; column += COLUMNS) {
      const columns = min(COLUMNS, end - column);
      product(left, b, c, rows, k, inner, column, columns);
      if (job.activation === 0 || k + inner < job.inner) continue;
      const offset = <usize> column << 2;
      activateRows(rows, columns, c + offset, job.c + start + offset);
    }
    countProgress();
  }
}

/** Applies the activation to a block of sums, which is in the cache. */
function activateRows(
  rows: i32, columns: i32, source: usize, target: usize
): void {
  const width = <usize> job.columns * 4;
  for (let i = 0; i < rows; i++) {
    activate(job.activation, columns, source, target);
    source += width;
    target += width;
  }
}

let leftStride: usize = 0;

/**
 * The address of a block of A: packed if A is transposed, as its rows share few sets of
 * the cache.
 */
function packA(a: usize, first: i32, rows: i32, k: i32, inner: i32): usize {
  if (job.transposeA === 0) {
    leftStride = <usize> job.inner * 4;
    return a + <usize> first * leftStride + (<usize> k << 2);
  }
  const stride = <usize> job.rows * 4;
  leftStride = vectorBytes(rows);
  let source = a + <usize> k * stride + (<usize> first << 2);
  for (let i = 0; i < inner; i++) {
    memory.copy(packedA + i * leftStride, source, <usize> rows << 2);
    source += stride;
  }
  return packedA;
}

/** C[:, column …] (+)= A B over `inner` rows of B from `k` on. */
function product(
  left: usize, b: usize, c: usize, rows: i32, k: i32, inner: i32, column: i32,
  columns: i32
): void {
  const width = <usize> job.columns * 4;
  const bytes = <usize> columns << 2, stride = vectorBytes(columns);
  const offset = <usize> column << 2;
  let to = c + offset, from = to, toStride = width, fromStride = width;
  let weight: f32 = 1;
  if (k === 0) {
    from = paddedBias;
    fromStride = 0;
    if (job.bias === 0) weight = 0;
    else memory.copy(paddedBias, job.bias + offset, bytes);
  }
  const ragged = bytes !== stride;
  if (ragged) {
    to = tile;
    toStride = stride;
    if (k > 0) {
      copyRows(rows, bytes, from, width, tile, stride);
      from = tile;
      fromStride = stride;
    }
  }
  for (let at = 0; at < columns; at += PANEL) {
    packB(b, k, inner, column + at, min(PANEL, columns - at));
    const row = panelBytes(at, columns), n = <i32> (row >> 2);
    const begin = <usize> at << 2;
    if (job.transposeA === 0) {
      multiply(
        rows, n, inner,
        left, leftStride, packedB, row,
        to + begin, toStride, weight, from + begin, fromStride
      );
    } else {
      multiplyTransposed(
        rows, n, inner,
        left, leftStride, packedB, row,
        to + begin, toStride, weight, from + begin, fromStride
      );
    }
  }
  if (ragged) copyRows(rows, bytes, tile, stride, c + offset, width);
}

/** Packs a panel of some rows of B. */
function packB(
  b: usize, k: i32, inner: i32, column: i32, columns: i32
): void {
  if (job.transposeB !== 0) {
    const source = <usize> job.inner * 4;
    const from = b + <usize> column * source + (<usize> k << 2);
    packTransposedPanel(inner, columns, from, source, packedB);
  } else {
    const source = <usize> job.columns * 4;
    const from = b + <usize> k * source + (<usize> column << 2);
    packPanel(inner, columns, from, source, packedB);
  }
}

function copyRows(
  rows: i32, bytes: usize, source: usize, sourceStride: usize, target: usize,
  targetStride: usize
): void {
  for (let i = 0; i < rows; i++) {
    memory.copy(target, source, bytes);
    source += sourceStride;
    target += targetStride;
  }
}

// Batched matrix products C_b = op(A_b) op(B_b) + bias where A has few rows, at best
// one (GEMV). They cost what it costs to read B from memory, so B is read once and as
// it lies, by all threads: the first row of A meets it there, the others in the cache.
//
// Where B is not transposed, a task multiplies some of its rows, all along, and
// the second phase adds up what the tasks have made: a task of some columns
// would read parts of rows, at half the speed. Where B is transposed, a task
// makes some columns of C, and there is nothing to add up.
import { gemv as job } from "../jobs";
import { queue } from "../runtime/queue";
import { transpose } from "./matrix";
import { addScaledRow, dotFour } from "./loops";
import { addEach, addTogether, dotEach, EIGHT } from "./row_sums";
import { loadFirst, storeFirst, vectorBytes } from "./simd";
import { parts } from "../runtime/parts";
import { countProgress } from "../runtime/progress";

/**
 * Columns of B up to which its rows are first read one after the other, up to
 * 1.4 times as fast as side by side. With longer ones the sums leave the cache.
 */
const NARROW = 2560;

/** Columns of B that a task multiplies. */
const COLUMNS = 4096;

/** Tasks that have sums of the same columns, in all matrices together. */
const PARTS = 16;

/** Bytes of B a task at least. */
const LEAST_BYTES = 65536;

/** Rows of B a task at least for each of A, beside which its sums are small. */
const LEAST_INNER = 8;

/** Bytes of transposed B a task, about: 10 µs of reading. */
const TASK_BYTES = 262144;

/** Columns a task of the second phase. */
const SUMMED_COLUMNS = 1024;

/** A task's rows of transposed B, which are columns of C in whole vectors. */
function columnsPerTask(): i32 {
  return max(4, (TASK_BYTES / (4 * job.inner)) & ~3);
}

/** The rows of B, not transposed, that a task multiplies. */
function innerPerTask(): i32 {
  const least = LEAST_BYTES / (4 * min(job.columns, COLUMNS));
  const rows = max(parts(job.inner, max(1, PARTS / job.batch)), least);
  return EIGHT * parts(max(rows, LEAST_INNER * job.rows), EIGHT);
}

/** The number of tasks with sums of the same columns; if it is one, the sums are C. */
function sumsEach(): i32 {
  return parts(job.inner, innerPerTask());
}

/** Whether A is transposed first, since its rows must lie one behind the other. */
function hasColumns(): bool {
  return job.transposeA !== 0 && job.transposeB !== 0 && job.rows > 1;
}

/** Bytes of the table with the place of each pair of matrices. */
function tableBytes(): usize {
  return (<usize> job.batch * 8 + 63) & ~63;
}

/** Bytes of a matrix of A's size, its rows whole vectors. */
function rowsBytes(): usize {
  return <usize> job.rows * vectorBytes(job.inner);
}

/** Bytes of a matrix of C's size, its rows whole vectors. */
function sumsBytes(): usize {
  return <usize> job.rows * vectorBytes(job.columns);
}

/** Bytes that all threads share: the table, and the results of the first phase. */
export function extraBytes(): usize {
  if (hasColumns()) return tableBytes() + job.batch * rowsBytes();
  const each = job.transposeB === 0 ? sumsEach() : 1;
  return tableBytes() + (each > 1 ? job.batch * each * sumsBytes() : 0);
}

export function tasks(phase: i32): i32 {
  if (job.transposeB !== 0) {
    if (phase === 0) return hasColumns() ? job.batch : 0;
    return job.batch * parts(job.columns, columnsPerTask());
  }
  const each = sumsEach();
  if (phase === 0) return job.batch * each * parts(job.columns, COLUMNS);
  return each > 1 ? job.batch * parts(job.columns, SUMMED_COLUMNS) : 0;
}

export function perform(phase: i32, task: i32): void {
  countProgress();
  if (job.transposeB !== 0) {
    if (phase === 0) return makeRows(task);
    const blocks = parts(job.columns, columnsPerTask());
    return dotRows(task / blocks, task % blocks);
  }
  if (phase === 1) {
    const blocks = parts(job.columns, SUMMED_COLUMNS);
    return sumPartsOf(task / blocks, task % blocks);
  }
  const blocks = parts(job.columns, COLUMNS), each = sumsEach();
  multiplyPart(task / blocks / each, task / blocks % each, task % blocks);
}

function matrixA(matrix: i32): usize {
  return job.a + (<usize> load<i32>(queue.extra + 8 * matrix) << 2);
}

function matrixB(matrix: i32): usize {
  return job.b + (<usize> load<i32>(queue.extra + 8 * matrix, 4) << 2);
}

/** The address of A's rows, where A has been transposed. */
function rowsOf(matrix: i32): usize {
  return queue.extra + tableBytes() + matrix * rowsBytes();
}

/** The address of a task's sums. */
function sumsOf(matrix: i32, part: i32): usize {
  const index = matrix * sumsEach() + part;
  return queue.extra + tableBytes() + index * sumsBytes();
}

function makeRows(matrix: i32): void {
  const width = <usize> job.rows << 2, stride = vectorBytes(job.inner);
  const from = matrixA(matrix), to = rowsOf(matrix);
  transpose(job.inner, job.rows, from, width, to, stride);
}

/** C[:, block] = A B[block]ᵀ + bias */
function dotRows(matrix: i32, block: i32): void {
  const width = <usize> job.inner << 2, made = hasColumns();
  const a = made ? rowsOf(matrix) : matrixA(matrix);
  const stride = made ? vectorBytes(job.inner) : width;
  const end = min(job.columns, (block + 1) * columnsPerTask());
  for (let column = block * columnsPerTask(); column < end; column += 4) {
    const count = end - column, offset = <usize> column << 2;
    const bias = job.bias === 0
      ? f32x4.splat(0)
      : loadFirst(job.bias + offset, count);
    // If fewer than four rows are left, the last one is repeated, and its
    // extra results dropped.
    const last = matrixB(matrix) + <usize> (job.columns - 1) * width;
    const b0 = matrixB(matrix) + column * width, b1 = min(b0 + width, last);
    const b2 = min(b1 + width, last), b3 = min(b2 + width, last);
    let from = a;
    let c = job.c + <usize> (matrix * job.rows) * (<usize> job.columns << 2);
    for (let row = 0; row < job.rows; row++) {
      const sums = row === 0
        ? dotEach(job.inner, from, b0, b1, b2, b3)
        : dotFour(job.inner, from, b0, b1, b2, b3);
      storeFirst(c + offset, f32x4.add(sums, bias), count);
      from += stride;
      c += <usize> job.columns << 2;
    }
  }
}

/** Multiplies a part of the rows of B, in a block of columns. */
function multiplyPart(matrix: i32, part: i32, block: i32): void {
  const first = part * innerPerTask(), offset = <usize> (block * COLUMNS) << 2;
  const inner = min(innerPerTask(), job.inner - first);
  const columns = min(COLUMNS, job.columns - block * COLUMNS);
  const width = <usize> job.columns << 2;
  // Bytes from one number of a row of A to the next, and from one row to the next.
  const lies = job.transposeA === 0;
  const step: usize = lies ? 4 : <usize> job.rows << 2;
  const next: usize = lies ? <usize> job.inner << 2 : 4;
  let a = matrixA(matrix) + first * step;
  let b = matrixB(matrix) + first * width + offset;
  const alone = sumsEach() === 1;
  const stride = alone ? width : vectorBytes(job.columns);
  const c = offset +
    (alone
      ? job.c + <usize> (matrix * job.rows) * width
      : sumsOf(matrix, part));
  for (let row = 0; row < job.rows; row++) {
    const bytes = <usize> columns << 2, sums = c + row * stride;
    if (alone && job.bias !== 0) memory.copy(sums, job.bias + offset, bytes);
    else memory.fill(sums, 0, bytes);
  }
  let k = 0;
  for (; k + EIGHT <= inner; k += EIGHT) {
    for (let row = 0; row < job.rows; row++) {
      const weights = a + row * next, sums = c + row * stride;
      if (row === 0 && columns <= NARROW) {
        addEach(columns, weights, step, b, width, sums);
      } else addTogether(columns, weights, step, b, width, sums);
    }
    a += EIGHT * step;
    b += EIGHT * width;
  }
  for (; k < inner; k++) {
    for (let row = 0; row < job.rows; row++) {
      addScaledRow(columns, load<f32>(a + row * next), b, c + row * stride);
    }
    a += step;
    b += width;
  }
}

/** C = the sums of all tasks + bias, in a block of columns. */
function sumPartsOf(matrix: i32, block: i32): void {
  const width = <usize> job.columns << 2, stride = vectorBytes(job.columns);
  const first = block * SUMMED_COLUMNS, bytes = sumsBytes();
  const end = min(job.columns, first + SUMMED_COLUMNS);
  const behind = sumsOf(matrix, sumsEach());
  for (let row = 0; row < job.rows; row++) {
    const to = job.c + <usize> (matrix * job.rows + row) * width;
    for (let column = first; column < end; column += 4) {
      const count = end - column, offset = <usize> column << 2;
      let sum = job.bias === 0
        ? f32x4.splat(0)
        : loadFirst(job.bias + offset, count);
      let part = sumsOf(matrix, 0) + row * stride + offset;
      for (; part < behind; part += bytes) {
        sum = f32x4.add(sum, v128.load(part));
      }
      storeFirst(to + offset, sum, count);
    }
  }
}

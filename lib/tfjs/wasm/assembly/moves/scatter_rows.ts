// Rows that are added to those that indices name, or replace them. A task has some
// columns of all rows, so that sums are added up in one order.
import { scatterRows as job } from "../jobs";
import { countProgress } from "../runtime/progress";
import { parts } from "../runtime/parts";
import { copyBytes } from "./planes";
import { rowOf } from "./tuples";

/** Bytes a task of the first phase. */
const BLOCK: usize = 1 << 17;

/** Bytes that hold what an index of each axis is worth. */
export function extraBytes(): usize {
  return <usize> job.depth << 2;
}

function bytesOfY(): usize {
  return <usize> job.rows * job.columns << 2;
}

export function tasks(phase: i32): i32 {
  return phase === 0
    ? <i32> ((bytesOfY() + BLOCK - 1) / BLOCK)
    : parts(job.columns, job.columnsPerTask);
}

export function perform(phase: i32, task: i32): void {
  if (phase === 0) begin(<usize> task * BLOCK);
  else scatter(task * job.columnsPerTask);
  countProgress();
}

/** Writes the values that a part of y begins with. */
function begin(first: usize): void {
  const bytes = min(bytesOfY() - first, BLOCK), y = job.y + first;
  if (job.before === 0) memory.fill(y, 0, bytes);
  else memory.copy(y, job.before + first, bytes);
}

/** Adds or replaces the columns from one on. */
function scatter(first: i32): void {
  const count = min(job.columns - first, job.columnsPerTask);
  const depth = job.depth, rows = job.rows;
  const stride = <usize> job.columns << 2, bytes = <usize> count << 2;
  let x = job.x + (<usize> first << 2), tuple = job.indices;
  const y = job.y + (<usize> first << 2), step = <usize> depth << 2;
  const replace = job.replace !== 0, areIntegers = job.areIntegers !== 0;
  for (let place = job.places; place > 0; place--) {
    const row = rowOf(tuple, depth, rows);
    const to = y + <usize> row * stride;
    if (row < 0) {
      if (job.wrong !== 0) atomic.store<i32>(job.wrong, 1);
    } else if (replace) {
      copyBytes(bytes, x, to);
    } else if (areIntegers) {
      addIntegers(bytes, x, to);
    } else {
      addFloats(bytes, x, to);
    }
    x += stride;
    tuple += step;
  }
}

function addFloats(bytes: usize, x: usize, y: usize): void {
  const end = x + bytes, pairs = x + (bytes & ~31);
  if (x < pairs) do {
    const x$ = v128.load(x, 16 * $);
    const y$ = v128.load(y, 16 * $);
    const sum$ = f32x4.add(y$, x$);
    v128.store(y, sum$, 16 * $);
    x += 32;
    y += 32;
  } while (x < pairs);
  for (; x < end; x += 4) {
    store<f32>(y, load<f32>(y) + load<f32>(x));
    y += 4;
  }
}

function addIntegers(bytes: usize, x: usize, y: usize): void {
  const end = x + bytes;
  for (; x < end; x += 4) {
    store<i32>(y, load<i32>(y) + load<i32>(x));
    y += 4;
  }
}

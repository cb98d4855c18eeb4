// The sums of the squares of many tensors, in columns as if the tensors lay one behind
// the other in rows.
import { squareSums as job } from "../jobs";
import { queue } from "../runtime/queue";
import { addSquares } from "../math/loops";
import { partsAtOnce } from "../runtime/parts";
import { allocate, layoutFrom } from "../runtime/scratch";

/** Columns of a task. */
const BLOCK = 128;

/** Rows that are added up in float32, before their sum goes to one in float64. */
const ROWS = 32;

/** A tensor, as the host describes it in the extra memory. */
@unmanaged class Part {
  size: i32; address: usize;
}

/** Sums in float32 and in float64 of a task's columns. */
let sums: usize = 0, totals: usize = 0;

export function layout(base: usize): usize {
  layoutFrom(base);
  sums = allocate(4 * BLOCK);
  totals = allocate(8 * BLOCK);
  return allocate(0);
}

export function extraBytes(): usize {
  return <usize> job.tensors * offsetof<Part>();
}

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.columns, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  const first = task * BLOCK, width = min(BLOCK, job.columns - first);
  memory.fill(sums, 0, 4 * BLOCK);
  memory.fill(totals, 0, 8 * BLOCK);
  // The index in the tensor of the next number in the task's columns.
  let next = first, row = 0, column = 0;
  for (let i = 0; i < job.tensors; i++) {
    const part = changetype<Part>(queue.extra + <usize> i * offsetof<Part>());
    while (next < part.size) {
      const count = min(width - column, part.size - next);
      addSquares(
        count, part.address + (<usize> next << 2), sums + (<usize> column << 2)
      );
      next += count;
      column += count;
      if (column < width) break;
      column = 0;
      next += job.columns - width;
      if (++row % ROWS === 0) addUp();
    }
    next -= part.size;
  }
  addUp();
  for (let i = 0; i < width; i++) {
    const total = load<f64>(totals + (<usize> i << 3));
    store<f32>(job.y + (<usize> (first + i) << 2), <f32> total);
  }
}

/** Adds the sums in float32 to those in float64. */
function addUp(): void {
  for (let i: usize = 0; i < <usize> BLOCK; i++) {
    const total = totals + (i << 3);
    store<f64>(total, load<f64>(total) + <f64> load<f32>(sums + (i << 2)));
  }
  memory.fill(sums, 0, 4 * BLOCK);
}

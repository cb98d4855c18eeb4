// Functions of each element, with operands that are repeated along some axes.
//
// The innermost axis is a row, along which an operand either advances or stays. The
// loops take eight elements at a time, so an operand that stays is so
// many copies of its element. Short rows are computed together: what does not lie one
// behind the other is written to scratch memory as often as it is repeated.
import { Elementwise, elementwise as job } from "../jobs";
import { queue } from "../runtime/queue";
import {
  perform as performLoop, setConstants,
} from "../math/elementwise_loops";
import { copyRows } from "../moves/planes";
import { allocate, layoutFrom } from "../runtime/scratch";
import { parts, partsAtOnce } from "../runtime/parts";

/** Operands at most, and bytes of eight elements. */
const OPERANDS = 3, COPIES: usize = 32;

/**
 * The most elements of a row of which several are computed together; the most where an
 * operand stays, which takes a while to write; and how many elements are computed together.
 */
const SHORT = 256, SHORT_WITH_STAYING = 128, TOGETHER = 1024;

/** Axes around the innermost one, and the fields in the record for each operand. */
const AXES = 5, FIELDS = 3 + AXES;

/** Copies of some elements of each operand, and results of less than eight. */
let copies: usize = 0, results: usize = 0;

/**
 * Scratch for the short rows of all operands; `SPREAD` are the bytes of one
 * operand's.
 */
let spread: usize = 0;
const SPREAD: usize = 4 * TOGETHER + 64;

/**
 * The addresses of the operands' next elements; the steps are bytes to those
 * eight later.
 */
let x: usize = 0, y: usize = 0, z: usize = 0;
let xStep: usize = 0, yStep: usize = 0, zStep: usize = 0;

export function layout(base: usize): usize {
  setConstants();
  layoutFrom(base);
  copies = allocate(OPERANDS * COPIES);
  results = allocate(COPIES);
  spread = allocate(areShort() ? OPERANDS * SPREAD : 0);
  return allocate(0);
}

/** Bytes of a flag that tells the host whether some elements were left out. */
export function extraBytes(): usize {
  return 4;
}

export function tasks(phase: i32): i32 {
  const across = parts(job.columns, job.columnsPerTask);
  return partsAtOnce(phase, parts(job.rows, job.rowsPerTask) * across, 1);
}

export function perform(_phase: i32, task: i32): void {
  const across = parts(job.columns, job.columnsPerTask);
  const firstRow = task / across * job.rowsPerTask;
  const first = task % across * job.columnsPerTask;
  const count = min(job.columns - first, job.columnsPerTask);
  const rowEnd = min(job.rows, firstRow + job.rowsPerTask);
  if (areShort()) performShort(firstRow, rowEnd);
  else for (let row = firstRow; row < rowEnd; row++) performPart(row, first, count);
}

/** Whether rows are computed together, of which a task has all columns. */
function areShort(): bool {
  if (job.rows === 1 || job.columns > SHORT) return false;
  for (let operand = 0, end = operands(); operand < end; operand++) {
    if (fieldOf(operand, 2) === 0) return job.columns <= SHORT_WITH_STAYING;
  }
  return true;
}

function operands(): i32 {
  return job.y === 0 ? 1 : job.z === 0 ? 2 : OPERANDS;
}

/** A field of an operand: its address, its elements' bytes, how it advances. */
// @ts-ignore: decorator
@inline
function fieldOf(operand: i32, field: i32): i32 {
  return load<i32>(
    changetype<usize>(job) + (operand * FIELDS + field) * 4,
    offsetof<Elementwise>("x")
  );
}

/** The address at which an operand's row begins. */
function rowOf(operand: i32, row: i32): usize {
  const sizes = changetype<usize>(job) + offsetof<Elementwise>("size1");
  let index = 0;
  for (let axis = job.axes - 1; axis > 0; axis--) {
    const size = load<i32>(sizes + 4 * axis);
    index += row % size * fieldOf(operand, 3 + axis);
    row /= size;
  }
  if (job.axes > 0) index += row * fieldOf(operand, 3);
  return fieldOf(operand, 0) + index * fieldOf(operand, 1);
}

/** The address of the result at a row and a column. */
function outOf(row: i32, column: i32): usize {
  return job.out + (<usize> row * job.columns + column) * job.outBytes;
}

/** Sets where an operand's elements are. */
function setOperand(operand: i32, from: usize, step: usize): void {
  if (operand === 0) { x = from; xStep = step; }
  else if (operand === 1) { y = from; yStep = step; }
  else { z = from; zStep = step; }
}

/** Computes a part of a row. */
function performPart(row: i32, first: i32, count: i32): void {
  for (let operand = 0, end = operands(); operand < end; operand++) {
    const bytes = fieldOf(operand, 1), from = rowOf(operand, row);
    if (fieldOf(operand, 2) !== 0) {
      setOperand(operand, from + first * bytes, 8 * bytes);
    } else {
      const to = copies + operand * COPIES;
      repeat(from, bytes, to, COPIES);
      setOperand(operand, to, 0);
    }
  }
  compute(outOf(row, first), count);
}

/** Computes short rows. */
function performShort(first: i32, end: i32): void {
  const together = TOGETHER / job.columns, used = operands();
  for (let row = first; row < end; row += together) {
    const rows = min(end - row, together);
    for (let operand = 0; operand < used; operand++) {
      const bytes = fieldOf(operand, 1);
      let from = rowOf(operand, row);
      if (!advances(operand, true)) {
        from = spread + operand * SPREAD;
        // Operands that are the same for all rows were written for the first row.
        if (row === first || advances(operand, false)) {
          spreadRows(operand, row, rows, from);
        }
      }
      setOperand(operand, from, 8 * bytes);
    }
    compute(outOf(row, 0), rows * job.columns);
  }
}

/** Whether an operand advances along all axes, or along any outer one. */
function advances(operand: i32, alongAll: bool): bool {
  if (alongAll && fieldOf(operand, 2) === 0) return false;
  for (let axis = 0; axis < job.axes; axis++) {
    if ((fieldOf(operand, 3 + axis) !== 0) !== alongAll) return !alongAll;
  }
  return alongAll;
}

/** Writes rows of an operand one behind the other. */
function spreadRows(operand: i32, row: i32, rows: i32, to: usize): void {
  const bytes = fieldOf(operand, 1), stays = fieldOf(operand, 2) === 0;
  const size: usize = job.columns * bytes;
  for (const end = row + rows; row < end; row++) {
    const from = rowOf(operand, row);
    if (stays) {
      // The next row overwrites copies beyond this row's end.
      repeat(from, bytes, to, size);
    } else copyRows(1, size, from, 0, to, 0);
    to += size;
  }
}

/** Repeats an element, up to a whole vector. */
// @ts-ignore: decorator
@inline
function repeat(from: usize, bytes: i32, to: usize, size: usize): void {
  const value = bytes === 1 ? v128.load8_splat(from) : v128.load32_splat(from);
  for (const end = to + size; to < end; to += 16) v128.store(to, value);
}

/** Computes `count` elements from the operands' addresses on. */
function compute(out: usize, count: i32): void {
  const bytes = job.outBytes;
  if (count < 8) {
    for (let operand = 0, end = operands(); operand < end; operand++) {
      const from = operand === 0 ? x : operand === 1 ? y : z;
      const step = operand === 0 ? xStep : operand === 1 ? yStep : zStep;
      if (step !== 0) setOperand(operand, copyOf(operand, from, count), step);
    }
    run(results, results + 8 * bytes, 0);
    for (let i = 0; i < count; i++) copy(out, results, i, i, bytes);
    return;
  }
  const whole = count & ~7;
  run(out, out + whole * bytes, 0);
  if (whole === count) return;
  // The last eight elements are computed together, though some were before.
  run(out + (count - 8) * bytes, out + count * bytes, count - 8);
}

/** Runs the loop of the function from an element on. */
function run(out: usize, end: usize, first: usize): void {
  const someLeft = performLoop(
    job.operation, end, out, x + first * (xStep >> 3), xStep,
    y + first * (yStep >> 3), yStep, z + first * (zStep >> 3), zStep, job.p, job.q
  );
  if (someLeft) store<i32>(queue.extra, 1);
}

/**
 * Copies `count` elements of an operand, less than eight, and fills up with
 * copies of the last.
 */
function copyOf(operand: i32, from: usize, count: i32): usize {
  const to = copies + operand * COPIES, bytes = fieldOf(operand, 1);
  for (let i = 0; i < 8; i++) copy(to, from, i, min(i, count - 1), bytes);
  return to;
}

/** Copies an element, of one byte or four. */
function copy(to: usize, from: usize, i: i32, j: i32, bytes: usize): void {
  if (bytes === 1) store<u8>(to + i, load<u8>(from + j));
  else store<i32>(to + 4 * i, load<i32>(from + 4 * j));
}

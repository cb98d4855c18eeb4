// Functions of each element, with operands that are repeated along some axes.
//
// The innermost axis is a row, along which an operand either advances or stays. The
// loops take eight elements at a time, or twice as many; an operand that stays is so
// many copies of its element, and rows that are shorter are copied to scratch memory.
import { Elementwise, elementwise as job, queue } from "../jobs";
import { perform as performLoop, setConstants } from "../math/elementwise_loops";
import { allocate, layoutFrom } from "../runtime/scratch";
import { parts, partsAtOnce } from "../runtime/parts";

/** Operands at most, and bytes of twice eight of their elements. */
const OPERANDS = 3, COPIES: usize = 64;

/** Axes around the innermost one, and the fields in the record for each operand. */
const AXES = 5, FIELDS = 3 + AXES;

/** Where copies of some elements of each operand are, and of the result. */
let copies: usize = 0;

export function layout(base: usize): usize {
  setConstants();
  layoutFrom(base);
  copies = allocate((OPERANDS + 1) * COPIES);
  return allocate(0);
}

/** Whether some elements were left out. */
export function extraBytes(): usize {
  return 4;
}

export function tasks(phase: i32): i32 {
  return partsAtOnce(
    phase, parts(job.rows, job.rowsPerTask) * parts(job.columns, job.columnsPerTask), 1
  );
}

export function perform(_phase: i32, task: i32): void {
  const across = parts(job.columns, job.columnsPerTask);
  const firstRow = task / across * job.rowsPerTask;
  const first = task % across * job.columnsPerTask;
  const count = min(job.columns - first, job.columnsPerTask);
  const rowEnd = min(job.rows, firstRow + job.rowsPerTask);
  for (let row = firstRow; row < rowEnd; row++) performPart(row, first, count);
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

/** Where an operand's row begins. */
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

/** Computes a part of a row. */
function performPart(row: i32, first: i32, count: i32): void {
  const operands = job.y === 0 ? 1 : job.z === 0 ? 2 : OPERANDS;
  const outBytes = job.outBytes;
  const out = job.out + (<usize> row * job.columns + first) * outBytes;
  let x: usize = 0, y: usize = 0, z: usize = 0;
  let xStep: usize = 0, yStep: usize = 0, zStep: usize = 0;
  for (let operand = 0; operand < operands; operand++) {
    const bytes = fieldOf(operand, 1);
    let from = rowOf(operand, row), step: usize = 0;
    if (fieldOf(operand, 2) !== 0) {
      from += first * bytes;
      step = 8 * bytes;
    }
    if (step === 0 || count < 8) {
      const copied = copies + operand * COPIES;
      fill(copied, from, step === 0 ? 1 : count, bytes);
      from = copied;
    }
    if (operand === 0) { x = from; xStep = step; }
    else if (operand === 1) { y = from; yStep = step; }
    else { z = from; zStep = step; }
  }
  if (count < 8) {
    const result = copies + OPERANDS * COPIES;
    run(result, result + 8 * outBytes, x, xStep, y, yStep, z, zStep);
    for (let i = 0; i < count; i++) copy(out, result, i, i, outBytes);
    return;
  }
  const whole = count & ~7, left = count - whole;
  run(out, out + whole * outBytes, x, xStep, y, yStep, z, zStep);
  if (left === 0) return;
  // The last eight, some of them again.
  const end = out + count * outBytes, skipped = count - 8;
  run(
    end - 8 * outBytes, end, x + skipped * (xStep >> 3), xStep,
    y + skipped * (yStep >> 3), yStep, z + skipped * (zStep >> 3), zStep
  );
}

function run(
  out: usize, end: usize, x: usize, xStep: usize, y: usize, yStep: usize, z: usize,
  zStep: usize
): void {
  const someLeft = performLoop(
    job.operation, end, out, x, xStep, y, yStep, z, zStep, job.p, job.q
  );
  if (someLeft) store<i32>(queue.extra, 1);
}

/** Makes twice eight elements of less than eight, the last one again and again. */
function fill(to: usize, from: usize, count: i32, bytes: usize): void {
  for (let i = 0; i < 16; i++) copy(to, from, i, min(i, count - 1), bytes);
}

/** Copies an element, of one byte or four. */
function copy(to: usize, from: usize, i: i32, j: i32, bytes: usize): void {
  if (bytes === 1) store<u8>(to + i, load<u8>(from + j));
  else store<i32>(to + 4 * i, load<i32>(from + 4 * j));
}

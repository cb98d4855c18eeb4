// The mean of the tokens of a sequence that are not padding, and its gradient.
import { tokenMean as job } from "./records";
import { addRow, scaleRow } from "../../../tfjs/wasm/assembly/math/loops";
import { at } from "../../../tfjs/wasm/assembly/math/matrix";
import {
  allocate, layoutFrom
} from "../../../tfjs/wasm/assembly/runtime/scratch";
import { partsAtOnce } from "../../../tfjs/wasm/assembly/runtime/parts";
import { vectorBytes } from "../../../tfjs/wasm/assembly/math/simd";

/** The columns of a task. */
const BLOCK = 128;
/** Tokens that are added up before their sum is added to the sum of all tokens. */
const TOKENS = 64;

/** The sum of some tokens. */
let part: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  layoutFrom(base);
  part = allocate(vectorBytes(BLOCK));
  return allocate(0);
}

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.batch * blocks() * BLOCK, BLOCK);
}

/** The number of blocks of columns. */
function blocks(): i32 {
  return (job.columns + BLOCK - 1) / BLOCK;
}

export function perform(_phase: i32, task: i32): void {
  const sequence = task / blocks(), column = task % blocks() * BLOCK;
  const count = min(job.columns - column, BLOCK);
  const tokens = tokensOf(sequence);
  // Without a mask, the mean of no tokens is NaN, like all means of empty tensors.
  const inverse: f32 = 1 / <f32> (job.mask === 0 ? tokens : max(tokens, 1));
  const row = <usize> (sequence * job.columns + column) << 2;
  const place = sequence * job.length * job.columns + column;
  const first = <usize> place << 2;
  if (job.dy === 0) mean(sequence, count, inverse, job.x + first, job.y + row);
  else spread(sequence, count, inverse, job.dy + row, job.dx + first);
}

/** Whether a token is no padding. */
// @ts-ignore: decorator
@inline
function isRead(sequence: i32, token: i32): bool {
  return job.mask === 0 || at(job.mask, sequence * job.length + token) !== 0;
}

/** The number of tokens of a sequence that are not padding. */
function tokensOf(sequence: i32): i32 {
  if (job.mask === 0) return job.length;
  let count = 0;
  for (let i = 0; i < job.length; i++) count += <i32> isRead(sequence, i);
  return count;
}

function mean(
  sequence: i32, count: i32, inverse: f32, x: usize, y: usize
): void {
  const bytes = <usize> count << 2, stride = <usize> job.columns << 2;
  memory.fill(y, 0, bytes);
  for (let first = 0; first < job.length; first += TOKENS) {
    memory.fill(part, 0, bytes);
    const end = min(job.length, first + TOKENS);
    for (let token = first; token < end; token++) {
      if (isRead(sequence, token)) addRow(count, x + token * stride, part);
    }
    addRow(count, part, y);
  }
  scaleRow(count, inverse, y, y);
}

/** dx = dy / count, and 0 at padding. */
function spread(
  sequence: i32, count: i32, inverse: f32, dy: usize, dx: usize
): void {
  const stride = <usize> job.columns << 2;
  for (let token = 0; token < job.length; token++) {
    if (isRead(sequence, token)) scaleRow(count, inverse, dy, dx);
    else memory.fill(dx, 0, <usize> count << 2);
    dx += stride;
  }
}

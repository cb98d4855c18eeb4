// What both passes of the recurrent form share: its states, and the two sweeps.
//
// A sweep has one state [lines, headDim]: a line for each column of the values,
// and one for the normaliser. It goes through the tokens by their positions from
// its own end, so that one piece of code serves both directions: a token reads
// what those before it wrote, decayed on arrival, and its own part is added once,
// by the forward sweep.
import * as sizes from "./attention";
import { decayOf } from "./decay";
import { attention as job, queue } from "./jobs";
import { paddedRows, put } from "./matrix";
import { multiplyAdd, sum4 } from "./simd";

/** Lines of a state; whole groups of four. */
export let lines: i32 = 0;
/** Bytes of a line; whole pairs of vectors. */
export let lineBytes: usize = 0;
/** Bytes of a state. */
export let sweepBytes: usize = 0;

let rowQ: usize = 0;
let rowK: usize = 0;
/** A token's (v, 1). */
export let values: usize = 0;

/** Sizes of states; after those of the job. */
export function setSweepSizes(): void {
  const columns = job.normalize !== 0 ? sizes.columnsStride : sizes.valueStride;
  lines = <i32> (columns >> 2);
  lineBytes = (sizes.headBytes + 31) & ~31;
  sweepBytes = (<usize> lines * lineBytes + 63) & ~63;
}

/** Lays out a thread's scratch; returns its end. */
export function layoutSweep(base: usize): usize {
  setSweepSizes();
  rowQ = (base + 63) & ~63;
  rowK = rowQ + lineBytes;
  values = rowK + lineBytes;
  return values + <usize> lines * 4;
}

/** Sweeps of a sequence; causal attention has one. */
export function sweeps(): i32 {
  return sizes.causal ? 1 : 2;
}

/** Where a sweep keeps so many bytes between the phases. */
export function sweepRecord(sequence: i32, isBack: bool, bytes: usize): usize {
  return queue.extra + <usize> (sequence * sweeps() + i32(isBack)) * bytes;
}

/** Whether the sweep goes from the last token to the first. */
export let back: bool = false;
/** The sequence's first token, among those of all sequences. */
let start: i32 = 0;

/** Begins, or goes on, with a sweep. */
export function openSweep(sequence: i32, isBack: bool): void {
  start = sequence * sizes.length;
  back = isBack;
  memory.fill(values, 0, <usize> lines * 4);
  if (job.normalize !== 0) put(values, sizes.valueDim, 1);
}

/** The token at hand, among those of all sequences; its q and k are padded. */
export let token: i32 = 0;
export let q: usize = 0, k: usize = 0;
/** What the state pays on arriving at it. */
export let decay: f32 = 0;

/** Points to the token at a position of the sweep. */
export function openToken(position: i32): void {
  token = start + (back ? sizes.length - 1 - position : position);
  const offset = <usize> token * sizes.headBytes;
  q = paddedRows(1, job.q + offset, sizes.headBytes, rowQ, lineBytes);
  k = paddedRows(1, job.k + offset, sizes.headBytes, rowK, lineBytes);
  copyRow(job.v + <usize> token * sizes.valueBytes, values);
  const log = sizes.logDecay(back ? job.b : job.f, token);
  // Before the first token there is nothing that could decay.
  decay = position === 0 ? 0 : log === 0 ? 1 : decayOf(log);
}

/** Copies as many floats as a value has. */
export function copyRow(source: usize, target: usize): void {
  let i: usize = 0;
  for (; i + 16 <= sizes.valueBytes; i += 16) {
    v128.store(target + i, v128.load(source + i));
  }
  for (; i < sizes.valueBytes; i += 4) {
    store<f32>(target + i, load<f32>(source + i));
  }
}

/**
 * The first position of a phase: both sweeps go to the middle, wait for each
 * other, and then add to what the other wrote.
 */
export function middle(): i32 {
  if (sizes.causal) return sizes.length;
  const half = sizes.length >> 1;
  return back ? sizes.length - half : half;
}

/** to = decay · from + (v, 1) kᵀ */
export function write(from: usize, to: usize): void {
  const a = f32x4.splat(decay);
  for (let line = 0; line < lines; line++) {
    const value = v128.load32_splat(values + 4 * line);
    for (let c: usize = 0; c < lineBytes; c += 32) {
      const s0 = v128.load(from + c), s1 = v128.load(from + c, 16);
      const k0 = v128.load(k + c), k1 = v128.load(k + c, 16);
      const t0 = multiplyAdd(s0, a, f32x4.mul(k0, value));
      const t1 = multiplyAdd(s1, a, f32x4.mul(k1, value));
      v128.store(to + c, t0);
      v128.store(to + c, t1, 16);
    }
    from += lineBytes;
    to += lineBytes;
  }
}

/** q · k of the token. */
export function ownScore(): f32 {
  let sum = f32x4.splat(0);
  for (let c: usize = 0; c < lineBytes; c += 16) {
    sum = multiplyAdd(v128.load(q + c), v128.load(k + c), sum);
  }
  return sum4(sum);
}

// The recurrent form: token by token, with one state for each direction. Its
// gradient is that of the chunkwise form.
//
// A sweep has one state [lines, headDim]: a line for each column of the values,
// and one for the normaliser. It goes through the tokens by their positions from
// its own end, so that one text serves both directions: a token reads
// what those before it wrote, decayed on arrival, and its self term, (q · k) v, is
// added once, by the forward sweep. The sweeps add to the same outputs: each writes
// those that it meets first, and in the second phase completes the other's.
import * as sizes from "../chunkwise/sizes";
import { decayOf } from "../chunkwise/decay";
import { factorOf } from "../chunkwise/intra_chunk";
import { attention as job } from "../jobs";
import { queue } from "../../../../tfjs/wasm/assembly/runtime/queue";
import {
  at, paddedRows, put
} from "../../../../tfjs/wasm/assembly/math/matrix";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";
import {
  multiplyAdd, sum4, sums4
} from "../../../../tfjs/wasm/assembly/math/simd";

/** Lines of a state; whole groups of four. */
let lines: i32 = 0;
/** Bytes of a line; whole pairs of vectors. */
let lineBytes: usize = 0;
/** Bytes of a sweep's state. */
let sweepBytes: usize = 0;

let rowQ: usize = 0;
let rowK: usize = 0;
/** The open token's (v, 1), `[lines]`. */
let values: usize = 0;

/** The output of the token's reading: a number for each line of the state. */
let reading: usize = 0;
/** The output that the other sweep has written for the token. */
let written: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  sizes.readAttention();
  const columns = job.normalize !== 0 ? sizes.columnsStride : sizes.valueStride;
  lines = <i32> (columns >> 2);
  lineBytes = (sizes.headBytes + 31) & ~31;
  sweepBytes = (<usize> lines * lineBytes + 63) & ~63;
  rowQ = (base + 63) & ~63;
  rowK = rowQ + lineBytes;
  values = rowK + lineBytes;
  reading = (values + <usize> lines * 4 + 63) & ~63;
  written = reading + <usize> lines * 4;
  return written + <usize> lines * 4;
}

/** The number of sweeps of a sequence: two, or one in causal attention. */
function sweeps(): i32 {
  return sizes.causal ? 1 : 2;
}

/** Bytes of the states that sweeps keep between the phases. */
export function extraBytes(): usize {
  return job.sequences * sweeps() * sweepBytes;
}

export function tasks(phase: i32): i32 {
  // Causal attention has one sweep, which no other completes in the second phase.
  if (phase === 1 && sizes.causal) return 0;
  return job.sequences * sweeps();
}

/** Whether the sweep goes from the last token to the first. */
let back: bool = false;
/** The sequence's first token, by its index among the tokens of all sequences. */
let start: i32 = 0;

/** Opens a sweep, in its first or second phase. */
function openRecurrentSweep(sequence: i32, isBack: bool): void {
  start = sequence * sizes.length;
  back = isBack;
  memory.fill(values, 0, <usize> lines * 4);
  if (job.normalize !== 0) put(values, sizes.valueDim, 1);
}

/** The open token, by its index among the tokens of all sequences, and its padded q and k. */
let token: i32 = 0;
let q: usize = 0, k: usize = 0;
/** The decay of the state on arriving at the open token. */
let tokenDecay: f32 = 0;

/** Opens the token at a position of the sweep. */
function openToken(position: i32): void {
  token = start + (back ? sizes.length - 1 - position : position);
  const offset = <usize> token * sizes.headBytes;
  q = paddedRows(1, job.q + offset, sizes.headBytes, rowQ, lineBytes);
  k = paddedRows(1, job.k + offset, sizes.headBytes, rowK, lineBytes);
  copyRow(job.v + <usize> token * sizes.valueBytes, values);
  const log = sizes.logDecay(back ? job.b : job.f, token);
  // The first token decays nothing: the state before it is zero.
  tokenDecay = position === 0 ? 0 : log === 0 ? 1 : decayOf(log);
}

/** Copies a row of `valueDim` floats. */
function copyRow(source: usize, target: usize): void {
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
function middle(): i32 {
  if (sizes.causal) return sizes.length;
  const half = sizes.length >> 1;
  return back ? sizes.length - half : half;
}

/** The open token's score with itself, q · k. */
function selfScore(): f32 {
  let sum = f32x4.splat(0);
  for (let c: usize = 0; c < lineBytes; c += 16) {
    sum = multiplyAdd(v128.load(q + c), v128.load(k + c), sum);
  }
  return sum4(sum);
}

/** Runs one phase of a sweep. */
export function perform(phase: i32, task: i32): void {
  openRecurrentSweep(task / sweeps(), task % sweeps() === 1);
  const state = queue.extra + <usize> task * sweepBytes;
  if (phase === 0) memory.fill(state, 0, sweepBytes);
  const end = phase === 0 ? middle() : sizes.length;
  for (
    let position = phase === 0 ? 0 : middle();
    position < end;
    position++
  ) {
    openToken(position);
    readAndWrite(state);
    if (!back) addSelfTerm();
    if (phase === 1) addWritten();
    if (phase === 1 || sizes.causal) finishRow();
    else put(job.rowSums, token, rowSum());
    copyRow(reading, job.y + <usize> token * sizes.valueBytes);
    if ((position & 63) === 0) countProgress();
  }
}

/** reading = decay · state q; then state = decay · state + (v, 1) kᵀ */
function readAndWrite(state: usize): void {
  const a = f32x4.splat(tokenDecay);
  for (let line = 0; line < lines; line += 4) {
    each4: {
      const value$i = v128.load32_splat(values + 4 * line, 4 * $i);
      let sum$i_$ = f32x4.splat(0);
    }
    for (let c: usize = 0; c < lineBytes; c += 32) {
      const q$ = v128.load(q + c, 16 * $);
      const k$ = v128.load(k + c, 16 * $);
      const line0 = state + c, line1 = line0 + lineBytes;
      const line2 = line1 + lineBytes, line3 = line2 + lineBytes;
      each4: {
        const kept$i_$ = f32x4.mul(v128.load(line$i, 16 * $), a);
        sum$i_$ = multiplyAdd(kept$i_$, q$, sum$i_$);
        const new$i_$ = multiplyAdd(k$, value$i, kept$i_$);
        v128.store(line$i, new$i_$, 16 * $);
      }
    }
    each4: {
      const total$i = f32x4.add(sum$i_0, sum$i_1);
    }
    v128.store(reading + 4 * line, sums4(total0, total1, total2, total3));
    state += 4 * lineBytes;
  }
}

/** reading += (q · k) (v, 1) */
function addSelfTerm(): void {
  const score = f32x4.splat(selfScore());
  for (let i: usize = 0; i < <usize> lines * 4; i += 16) {
    const sum = multiplyAdd(
      v128.load(values + i), score, v128.load(reading + i)
    );
    v128.store(reading + i, sum);
  }
}

/** Adds the output of the other sweep to this sweep's. */
function addWritten(): void {
  copyRow(job.y + <usize> token * sizes.valueBytes, written);
  if (job.normalize !== 0) put(written, sizes.valueDim, at(job.rowSums, token));
  for (let i: usize = 0; i < <usize> lines * 4; i += 16) {
    const sum = f32x4.add(v128.load(reading + i), v128.load(written + i));
    v128.store(reading + i, sum);
  }
}

/** The sum of the token's weights, from the normaliser's line; 0 without a normaliser. */
function rowSum(): f32 {
  return job.normalize !== 0 ? at(reading, sizes.valueDim) : 0;
}

/** Scales and divides, and stores the row's sum. */
function finishRow(): void {
  const sum = job.scale * rowSum();
  put(job.rowSums, token, sum);
  const factor = f32x4.splat(factorOf(sum));
  for (let i: usize = 0; i < <usize> lines * 4; i += 16) {
    v128.store(reading + i, f32x4.mul(v128.load(reading + i), factor));
  }
}

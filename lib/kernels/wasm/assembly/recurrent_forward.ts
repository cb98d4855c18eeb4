// The recurrent form's forward pass: token by token, with one state for each
// direction. The sweeps add to the same outputs: each writes those that it meets
// first, and in the second phase completes what the other has written.
import { causal, length, valueBytes, valueDim } from "./attention";
import { factorOf } from "./inside";
import { attention as job } from "./jobs";
import { at, put } from "./matrix";
import * as sweep from "./recurrent";
import { multiplyAdd, sums4 } from "./simd";
import { countProgress } from "./progress";

/** What a token reads: a number for each line of the state. */
let reading: usize = 0;
/** What the other sweep has read. */
let written: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutRecurrent(base: usize): usize {
  reading = (sweep.layoutSweep(base) + 63) & ~63;
  written = reading + <usize> sweep.lines * 4;
  return written + <usize> sweep.lines * 4;
}

/** One phase of a sweep. */
export function attendRecurrent(sequence: i32, isBack: bool, phase: i32): void {
  sweep.openSweep(sequence, isBack);
  const state = sweep.sweepRecord(sequence, isBack, sweep.sweepBytes);
  if (phase === 0) memory.fill(state, 0, sweep.sweepBytes);
  const end = phase === 0 ? sweep.middle() : length;
  for (
    let position = phase === 0 ? 0 : sweep.middle();
    position < end;
    position++
  ) {
    sweep.openToken(position);
    readAndWrite(state);
    if (!sweep.back) addOwn();
    if (phase === 1) addWritten();
    if (phase === 1 || causal) finishRow();
    else put(job.rowSums, sweep.token, rowSum());
    sweep.copyRow(reading, job.y + <usize> sweep.token * valueBytes);
    if ((position & 63) === 0) countProgress();
  }
}

/** reading = decay · state q; state = decay · state + (v, 1) kᵀ */
function readAndWrite(state: usize): void {
  const a = f32x4.splat(sweep.decay);
  for (let line = 0; line < sweep.lines; line += 4) {
    const value0 = v128.load32_splat(sweep.values + 4 * line);
    const value1 = v128.load32_splat(sweep.values + 4 * line, 4);
    const value2 = v128.load32_splat(sweep.values + 4 * line, 8);
    const value3 = v128.load32_splat(sweep.values + 4 * line, 12);
    let sum00 = f32x4.splat(0), sum01 = sum00, sum10 = sum00, sum11 = sum00;
    let sum20 = sum00, sum21 = sum00, sum30 = sum00, sum31 = sum00;
    const next = state + sweep.lineBytes;
    for (let c: usize = 0; c < sweep.lineBytes; c += 32) {
      const q0 = v128.load(sweep.q + c), q1 = v128.load(sweep.q + c, 16);
      const k0 = v128.load(sweep.k + c), k1 = v128.load(sweep.k + c, 16);
      const line0 = state + c, line1 = line0 + sweep.lineBytes;
      const line2 = line1 + sweep.lineBytes, line3 = line2 + sweep.lineBytes;
      const a0 = f32x4.mul(v128.load(line0), a);
      const a1 = f32x4.mul(v128.load(line0, 16), a);
      sum00 = multiplyAdd(a0, q0, sum00);
      sum01 = multiplyAdd(a1, q1, sum01);
      const w0 = multiplyAdd(k0, value0, a0);
      const w1 = multiplyAdd(k1, value0, a1);
      v128.store(line0, w0);
      v128.store(line0, w1, 16);
      const b0 = f32x4.mul(v128.load(line1), a);
      const b1 = f32x4.mul(v128.load(line1, 16), a);
      sum10 = multiplyAdd(b0, q0, sum10);
      sum11 = multiplyAdd(b1, q1, sum11);
      const x0 = multiplyAdd(k0, value1, b0);
      const x1 = multiplyAdd(k1, value1, b1);
      v128.store(line1, x0);
      v128.store(line1, x1, 16);
      const c0 = f32x4.mul(v128.load(line2), a);
      const c1 = f32x4.mul(v128.load(line2, 16), a);
      sum20 = multiplyAdd(c0, q0, sum20);
      sum21 = multiplyAdd(c1, q1, sum21);
      const y0 = multiplyAdd(k0, value2, c0);
      const y1 = multiplyAdd(k1, value2, c1);
      v128.store(line2, y0);
      v128.store(line2, y1, 16);
      const d0 = f32x4.mul(v128.load(line3), a);
      const d1 = f32x4.mul(v128.load(line3, 16), a);
      sum30 = multiplyAdd(d0, q0, sum30);
      sum31 = multiplyAdd(d1, q1, sum31);
      const z0 = multiplyAdd(k0, value3, d0);
      const z1 = multiplyAdd(k1, value3, d1);
      v128.store(line3, z0);
      v128.store(line3, z1, 16);
    }
    v128.store(
      reading + 4 * line,
      sums4(
        f32x4.add(sum00, sum01),
        f32x4.add(sum10, sum11),
        f32x4.add(sum20, sum21),
        f32x4.add(sum30, sum31),
      ),
    );
    state += 4 * sweep.lineBytes;
  }
}

/** reading += (q · k) (v, 1) */
function addOwn(): void {
  const score = f32x4.splat(sweep.ownScore());
  for (let i: usize = 0; i < <usize> sweep.lines * 4; i += 16) {
    const sum = multiplyAdd(
      v128.load(sweep.values + i),
      score,
      v128.load(reading + i),
    );
    v128.store(reading + i, sum);
  }
}

/** Adds what the other sweep has written. */
function addWritten(): void {
  sweep.copyRow(job.y + <usize> sweep.token * valueBytes, written);
  if (job.normalize !== 0) put(written, valueDim, at(job.rowSums, sweep.token));
  for (let i: usize = 0; i < <usize> sweep.lines * 4; i += 16) {
    const sum = f32x4.add(v128.load(reading + i), v128.load(written + i));
    v128.store(reading + i, sum);
  }
}

/** What the token read of the normaliser, if there is one. */
function rowSum(): f32 {
  return job.normalize !== 0 ? at(reading, valueDim) : 0;
}

/** Scales and divides, and stores the row's sum. */
function finishRow(): void {
  const sum = job.scale * rowSum();
  put(job.rowSums, sweep.token, sum);
  const factor = f32x4.splat(factorOf(sum));
  for (let i: usize = 0; i < <usize> sweep.lines * 4; i += 16) {
    v128.store(reading + i, f32x4.mul(v128.load(reading + i), factor));
  }
}

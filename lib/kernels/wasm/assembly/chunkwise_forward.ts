// The chunkwise form's forward pass: y_i = Σ_j M_ij s (q_i · k_j) v_j, divided by
// its row sum; other chunks are read from two states.
import {
  after,
  before,
  causal,
  chunkOf,
  chunks,
  decays,
  filledSegments,
  headDim,
  headStride,
  segments,
  stateBytes,
  sums,
  valueStride,
} from "./attention";
import { loadState, storeState } from "./borders";
import { multiply, multiplyTransposed } from "./gemm";
import {
  attendInside,
  count,
  finish,
  k,
  openChunk,
  openQueries,
  openSweep,
  openTokens,
  outputRows,
  q,
  v,
} from "./inside";
import { attention as job, queue } from "./jobs";
import { scaleAndAdd } from "./matrix";
import {
  carried,
  extendPass,
  keysOut,
  openPass,
  passBytes,
  passOn,
  queriesInAndDot,
  through,
} from "./preparation";
import { vectorBytes } from "./simd";
import { countProgress } from "./threads";

/** to = through ∘ from + Koutᵀ (V, 1) of the open chunk; without `from` the second alone. */
function write(to: usize, from: usize, back: bool): void {
  const keys = keysOut(count, back, k);
  const decay: f32 = from === 0 ? 0 : through(count, back);
  const old = from === 0 ? 0 : carried(back, from, to);
  multiplyTransposed(
    headDim,
    <i32> (valueStride >> 2),
    count,
    keys,
    headStride,
    v,
    valueStride,
    to,
    valueStride,
    decay,
    old,
    valueStride,
  );
  const keySum = headDim * valueStride, columns = <i32> (headStride >> 2);
  const to1 = to + keySum, old1 = old + keySum;
  if (from !== 0) {
    for (let i: usize = 0; i < headStride; i += 16) {
      const sum = v128.load(old1 + i);
      v128.store(to1 + i, f32x4.mul(sum, f32x4.splat(decay)));
    }
  } else memory.fill(to1, 0, headStride);
  addRows(columns, keys, to1);
}

/** target += Σ_j row_j */
function addRows(columns: i32, rows: usize, target: usize): void {
  for (let c: usize = 0; c < <usize> columns * 4; c += 16) {
    let sum = v128.load(target + c), row = rows + c;
    for (let j = 0; j < count; j++) {
      sum = f32x4.add(sum, v128.load(row));
      row += headStride;
    }
    v128.store(target + c, sum);
  }
}

/** A segment's record: both states, and what is left of one that passes through. */
export function forwardRecordBytes(): usize {
  return 2 * (stateBytes + passBytes());
}

function recordOf(sequence: i32, segment: i32): usize {
  return queue.extra +
    <usize> (sequence * segments + segment) * forwardRecordBytes();
}

/** What a segment by itself adds to the states that pass it. */
export function summarizeForward(sequence: i32, segment: i32): void {
  const first = chunkOf(segment), end = chunkOf(segment + 1);
  const state = recordOf(sequence, segment), stateBack = state + stateBytes;
  const pass = stateBack + stateBytes, passBack = pass + passBytes();
  openPass(pass);
  openPass(passBack);
  for (let chunk = first; chunk < end; chunk++) {
    openSweep(sequence, chunk, false);
    write(state, chunk > first ? state : 0, false);
    extendPass(pass, count, false);
    countProgress();
  }
  if (!decays || causal) return;
  for (let chunk = end - 1; chunk >= first; chunk--) {
    openSweep(sequence, chunk, true);
    write(stateBack, chunk < end - 1 ? stateBack : 0, true);
    extendPass(passBack, count, true);
    countProgress();
  }
}

/** The state that reaches a segment from the border and the segments before it, or after it. */
function gather(
  sequence: i32,
  segment: i32,
  afterwards: bool,
  to: usize,
): void {
  const last = filledSegments() - 1;
  const step = afterwards ? -1 : 1;
  const first = afterwards ? last : 0;
  const border = afterwards ? job.after : job.before;
  if (border !== 0) loadState(border, sequence, to);
  for (let s = first; s !== segment; s += step) {
    const record = recordOf(sequence, s);
    const state = afterwards ? record + stateBytes : record;
    const passes = record + 2 * stateBytes;
    const pass = afterwards ? passes + passBytes() : passes;
    if (s === first && border === 0) memory.copy(to, state, stateBytes);
    else passOn(stateBytes, to, pass, state);
  }
}

/** The output of a segment. */
export function attendForward(sequence: i32, segment: i32): void {
  const first = chunkOf(segment), end = chunkOf(segment + 1);
  if (first >= end) return;
  if (!decays) return attendWithoutDecay(sequence, first, end);
  gather(sequence, segment, false, before);
  let state = after + (end - 1 - first) * stateBytes;
  if (!causal) {
    gather(sequence, segment, true, state);
    for (let chunk = end - 1; chunk > first; chunk--) {
      openSweep(sequence, chunk, true);
      write(state - stateBytes, isFollowed(chunk) ? state : 0, true);
      state -= stateBytes;
      countProgress();
    }
  }
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    openQueries();
    const y = outputRows();
    attendInside(y);
    const some = chunk > 0 || job.before !== 0;
    if (some) readState(before, false, y);
    if (!causal && isFollowed(chunk)) readState(state, true, y);
    finish(y);
    const isLast = chunk === chunks - 1 && job.forward !== 0;
    if (chunk < end - 1 || isLast) write(before, some ? before : 0, false);
    if (isLast) storeState(before, job.forward, sequence);
    if (chunk === 0 && job.backward !== 0) {
      write(state, isFollowed(chunk) ? state : 0, true);
      storeState(state, job.backward, sequence);
    }
    state += stateBytes;
    countProgress();
  }
}

/** Whether a state comes from after a chunk. */
function isFollowed(chunk: i32): bool {
  return chunk < chunks - 1 || job.after !== 0;
}

/** Every token reads the same state, the sum over all segments. */
function attendWithoutDecay(sequence: i32, first: i32, end: i32): void {
  for (let s = 0; s < filledSegments(); s++) {
    const state = recordOf(sequence, s);
    if (s === 0) memory.copy(before, state, stateBytes);
    else scaleAndAdd(stateBytes, before, 1, state);
  }
  if (first === 0) {
    passWithoutDecay(sequence, job.before, job.forward);
    passWithoutDecay(sequence, job.after, job.backward);
  }
  addBorder(sequence, job.before, before);
  addBorder(sequence, job.after, before);
  for (let chunk = first; chunk < end; chunk++) {
    openTokens(sequence, chunk);
    openQueries();
    const y = outputRows();
    memory.fill(sums, 0, vectorBytes(count));
    memory.fill(y, 0, count * valueStride);
    readState(before, false, y);
    finish(y);
    countProgress();
  }
}

/** Hands a border's state on, with what the sequence adds. */
function passWithoutDecay(sequence: i32, from: usize, to: usize): void {
  if (to === 0) return;
  const written = before, sum = after;
  if (from !== 0) loadState(from, sequence, sum);
  else memory.fill(sum, 0, stateBytes);
  scaleAndAdd(stateBytes, sum, 1, written);
  storeState(sum, to, sequence);
}

/** state += the state at a border, if there is one. */
function addBorder(sequence: i32, border: usize, state: usize): void {
  if (border === 0) return;
  loadState(border, sequence, after);
  scaleAndAdd(stateBytes, state, 1, after);
}

/** Y += Qin state; sums likewise. */
function readState(state: usize, back: bool, y: usize): void {
  const keySum = state + headDim * valueStride;
  const queries = queriesInAndDot(count, back, q, keySum, sums);
  const width = <i32> (valueStride >> 2);
  multiply(
    count,
    width,
    headDim,
    queries,
    headStride,
    state,
    valueStride,
    y,
    valueStride,
    1,
    y,
    valueStride,
  );
}

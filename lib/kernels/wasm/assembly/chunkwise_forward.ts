// The chunkwise form's forward pass: y_i = Σ_j M_ij s (q_i · k_j) v_j, divided by
// its row sum; other chunks are read from two states.
import {
  after,
  before,
  causal,
  chunkOf,
  chunks,
  chunkSize,
  decays,
  filledSegments,
  headDim,
  headStride,
  scaled,
  segments,
  stateBytes,
  sums,
  valueStride,
} from "./attention";
import { loadState, storeState } from "./borders";
import {
  entering,
  enteringBack,
  leaving,
  leavingBack,
  through,
  throughBack,
} from "./decay";
import { multiply, multiplyTransposed } from "./gemm";
import {
  attendInside,
  count,
  finish,
  k,
  openChunk,
  openQueries,
  openTokens,
  outputRows,
  q,
  v,
} from "./inside";
import { attention as job, queue } from "./jobs";
import { at, put, scaleAndAdd, scaleRows, scaleRowsAndDot } from "./matrix";
import { vectorBytes } from "./simd";
import { countProgress } from "./threads";

/** to = decay · from + Σ_j weight_j k_j (v_j, 1)ᵀ; without weights they are 1. */
function write(
  to: usize,
  decay: f32,
  from: usize,
  weightVector: usize,
): void {
  let keys = k;
  if (weightVector !== 0) {
    scaleRows(count, headStride, weightVector, k, scaled);
    keys = scaled;
  }
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
    from,
    valueStride,
  );
  const keySum = headDim * valueStride, columns = <i32> (headStride >> 2);
  const to1 = to + keySum, from1 = from + keySum;
  if (decay !== 0) {
    for (let i: usize = 0; i < headStride; i += 16) {
      const old = v128.load(from1 + i);
      v128.store(to1 + i, f32x4.mul(old, f32x4.splat(decay)));
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

export function forwardRecordBytes(): usize {
  return 2 * stateBytes + 64;
}

function recordOf(sequence: i32, segment: i32): usize {
  return queue.extra +
    <usize> (sequence * segments + segment) * forwardRecordBytes();
}

/** What a segment by itself adds to the states that pass it. */
export function summarizeForward(sequence: i32, segment: i32): void {
  const first = chunkOf(segment), end = chunkOf(segment + 1);
  const state = recordOf(sequence, segment), stateBack = state + stateBytes;
  let total: f32 = 1, totalBack: f32 = 1;
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    const decay: f32 = decays ? through(count) : 1;
    const old: f32 = chunk > first ? decay : 0;
    write(state, old, state, decays ? leaving : 0);
    total *= decay;
    countProgress();
  }
  if (decays && !causal) {
    for (let chunk = end - 1; chunk >= first; chunk--) {
      openChunk(sequence, chunk);
      const old: f32 = chunk < end - 1 ? throughBack() : 0;
      write(stateBack, old, stateBack, leavingBack);
      totalBack *= throughBack();
      countProgress();
    }
  }
  put(state + 2 * stateBytes, 0, total);
  put(state + 2 * stateBytes, 1, totalBack);
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
    const total = at(record + 2 * stateBytes, afterwards ? 1 : 0);
    if (s === first && border === 0) memory.copy(to, state, stateBytes);
    else scaleAndAdd(stateBytes, to, total, state);
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
      openChunk(sequence, chunk);
      const old: f32 = isFollowed(chunk) ? throughBack() : 0;
      write(state - stateBytes, old, state, leavingBack);
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
    if (some) readState(before, entering, y);
    if (!causal && isFollowed(chunk)) readState(state, enteringBack, y);
    finish(y);
    const old: f32 = some ? through(count) : 0;
    const isLast = chunk === chunks - 1 && job.forward !== 0;
    if (chunk < end - 1 || isLast) write(before, old, before, leaving);
    if (isLast) storeState(before, job.forward, sequence);
    if (chunk === 0 && job.backward !== 0) {
      const oldBack: f32 = isFollowed(chunk) ? throughBack() : 0;
      write(state, oldBack, state, leavingBack);
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
  const one: f32 = 1;
  for (let i = 0; i < chunkSize; i++) put(entering, i, one);
  for (let chunk = first; chunk < end; chunk++) {
    openTokens(sequence, chunk);
    openQueries();
    const y = outputRows();
    memory.fill(sums, 0, vectorBytes(count));
    memory.fill(y, 0, count * valueStride);
    readState(before, entering, y);
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

/** y_i += weight_i q_iᵀ state; sums_i likewise. */
function readState(state: usize, weightVector: usize, y: usize): void {
  const keySum = state + headDim * valueStride;
  scaleRowsAndDot(count, headStride, weightVector, q, scaled, keySum, sums);
  const width = <i32> (valueStride >> 2);
  multiply(
    count,
    width,
    headDim,
    scaled,
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

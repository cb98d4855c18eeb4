// The chunkwise form's backward pass, in one sweep, from states that are
// recomputed.
import {
  after,
  before,
  causal,
  chunkOf,
  chunks,
  columnsStride,
  decays,
  filledSegments,
  headDim,
  headStride,
  rowsV,
  segments,
  stateBytes,
  take,
  transposed,
  valueDim,
  valueStride,
} from "./attention";
import {
  gather,
  recordOf,
  write,
  writeGradient,
  writeKeys,
} from "./chunkwise_states";
import { multiply } from "./gemm";
import {
  count,
  gradientsInside,
  k,
  layoutGradients,
  openChunk,
  read,
  rowsDk,
  rowsDq,
  rowsG,
  storeKeyRows,
  storeRows,
  wholeRows,
  wholeValueRows,
} from "./inside_gradient";
import { attention as job } from "./jobs";
import { scaleAndAdd, transpose } from "./matrix";
import { keysOut } from "./preparation";
import {
  addKeyGradient,
  addQueryGradient,
  addThroughGradient,
  openGradient,
  storeDecayGradients,
} from "./preparation_gradient";
import { countProgress } from "./threads";

let gradientBefore: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutBackward(base: usize): usize {
  layoutGradients(base, 2);
  gradientBefore = take(stateBytes);
  return take(0);
}

/** The gradients of a segment. */
export function attendBackward(sequence: i32, segment: i32): void {
  const first = chunkOf(segment), end = chunkOf(segment + 1);
  if (first >= end) return;
  if (!decays) return attendWithoutDecay(sequence, first, end);
  let state = after + (end - 1 - first) * 2 * stateBytes;
  if (segments > 1) {
    gather(sequence, segment, false, 0, false, before);
    gather(sequence, segment, true, 2, false, state + stateBytes);
    if (!causal) {
      gather(sequence, segment, true, 1, true, state);
      gather(sequence, segment, false, 3, true, gradientBefore);
    }
  }
  for (let chunk = end - 1; chunk > first; chunk--) {
    openChunk(sequence, chunk);
    const some = chunk < chunks - 1;
    const stateAfter = state, gradientAfter = state + stateBytes;
    state -= 2 * stateBytes;
    writeGradient(state + stateBytes, some ? gradientAfter : 0, false);
    if (!causal) write(state, some ? stateAfter : 0, true);
    countProgress();
  }
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    gradientsOf(chunk, state, state + stateBytes, chunk < end - 1);
    state += 2 * stateBytes;
    countProgress();
  }
}

/** All gradients of a chunk; then, if another follows, the states before it. */
function gradientsOf(
  chunk: i32,
  stateAfter: usize,
  gradientAfter: usize,
  follows: bool,
): void {
  const dq = wholeRows(job.dq, rowsDq), dk = wholeRows(job.dk, rowsDk);
  const dv = wholeValueRows();
  const some = chunk > 0, more = chunk < chunks - 1;
  const width = <i32> (valueStride >> 2);
  openGradient();
  gradientsInside(dq, dk, dv);

  const bytes = (valueDim + 1) * headStride;
  if (some) {
    addQueryGradient(false, readState(rowsG, before), dq);
    if (!causal) addKeyGradient(true, readState(rowsV, gradientBefore), dk);
  }
  if (more) {
    addKeyGradient(false, readState(rowsV, gradientAfter), dk);
    if (!causal) addQueryGradient(true, readState(rowsG, stateAfter), dq);
  }
  if (some && more) {
    addThroughGradient(false, bytes, before, gradientAfter);
    if (!causal) addThroughGradient(true, bytes, stateAfter, gradientBefore);
  }
  if (some && !causal) {
    readTransposed(keysOut(count, true, k), gradientBefore, dv, width);
  }
  if (more || follows) {
    const keys = keysOut(count, false, k);
    if (more) readTransposed(keys, gradientAfter, dv, width);
    if (follows) writeKeys(before, some ? before : 0, false, keys);
  }
  if (follows && !causal) {
    writeGradient(gradientBefore, some ? gradientBefore : 0, true);
  }

  storeRows(dq, job.dq);
  storeKeyRows(dk, dv);
  storeDecayGradients();
}

/** What rows read of a state: their products with its columns, in scratch. */
function readState(rows: usize, state: usize): usize {
  const head = <i32> (headStride >> 2);
  multiply(
    count,
    head,
    valueDim + 1,
    rows,
    columnsStride,
    state,
    headStride,
    read,
    headStride,
    0,
    0,
    0,
  );
  return read;
}

/** dv += Kout stateᵀ */
function readTransposed(
  keys: usize,
  state: usize,
  dv: usize,
  width: i32,
): void {
  transpose(valueDim, headDim, state, headStride, transposed, valueStride);
  multiply(
    count,
    width,
    headDim,
    keys,
    headStride,
    transposed,
    valueStride,
    dv,
    valueStride,
    1,
    dv,
    valueStride,
  );
}

/** Every token reads the sums over all segments. */
function attendWithoutDecay(sequence: i32, first: i32, end: i32): void {
  for (let s = 0; s < filledSegments(); s++) {
    const state = recordOf(sequence, s), sum = state + 2 * stateBytes;
    if (s === 0) {
      memory.copy(before, state, stateBytes);
      memory.copy(gradientBefore, sum, stateBytes);
    } else {
      scaleAndAdd(stateBytes, before, 1, state);
      scaleAndAdd(stateBytes, gradientBefore, 1, sum);
    }
  }
  const head = <i32> (headStride >> 2), width = <i32> (valueStride >> 2);
  transpose(
    valueDim,
    headDim,
    gradientBefore,
    headStride,
    transposed,
    valueStride,
  );
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    const dq = wholeRows(job.dq, rowsDq), dk = wholeRows(job.dk, rowsDk);
    const dv = wholeValueRows();
    multiply(
      count,
      head,
      valueDim + 1,
      rowsG,
      columnsStride,
      before,
      headStride,
      dq,
      headStride,
      0,
      0,
      0,
    );
    multiply(
      count,
      head,
      valueDim + 1,
      rowsV,
      columnsStride,
      gradientBefore,
      headStride,
      dk,
      headStride,
      0,
      0,
      0,
    );
    multiply(
      count,
      width,
      headDim,
      k,
      headStride,
      transposed,
      valueStride,
      dv,
      valueStride,
      0,
      0,
      0,
    );
    storeRows(dq, job.dq);
    storeKeyRows(dk, dv);
    countProgress();
  }
}

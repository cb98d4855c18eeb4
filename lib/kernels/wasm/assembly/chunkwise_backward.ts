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
  headBytes,
  headDim,
  headStride,
  rowsV,
  scaled,
  segments,
  stateBytes,
  take,
  transposed,
  valueDim,
  valueStride,
} from "./attention";
import { gather, recordOf, write, writeWeighted } from "./chunkwise_states";
import {
  entering,
  enteringBack,
  leaving,
  leavingBack,
  through,
  throughBack,
} from "./decay";
import { multiply } from "./gemm";
import {
  count,
  decayGradients,
  gradientsInside,
  k,
  layoutGradients,
  lowerRows,
  openChunk,
  q,
  read,
  readAfter,
  readBefore,
  rowsDk,
  rowsDq,
  rowsG,
  storeKeyRows,
  sumsBytes,
  token,
  wholeRows,
  wholeValueRows,
  writtenAfter,
  writtenBefore,
} from "./inside_gradient";
import { attention as job } from "./jobs";
import {
  addScaledRowsAndDot,
  dot,
  scaleAndAdd,
  scaleRows,
  transpose,
  unpadRows,
} from "./matrix";
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
    gather(sequence, segment, false, 0, 0, before);
    gather(sequence, segment, true, 2, 0, state + stateBytes);
    if (!causal) {
      gather(sequence, segment, true, 1, 1, state);
      gather(sequence, segment, false, 3, 1, gradientBefore);
    }
  }
  for (let chunk = end - 1; chunk > first; chunk--) {
    openChunk(sequence, chunk);
    const last = chunk === chunks - 1;
    const old: f32 = last ? 0 : through(count);
    const gradientAfter = state + stateBytes;
    state -= 2 * stateBytes;
    write(state + stateBytes, old, gradientAfter, entering, rowsG, q);
    if (!causal) {
      const oldBack: f32 = last ? 0 : throughBack();
      write(state, oldBack, state + 2 * stateBytes, leavingBack, rowsV, k);
    }
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
  memory.fill(lowerRows, 0, sumsBytes);
  gradientsInside(dq, dk, dv);

  let cross: f32 = 0, crossBack: f32 = 0;
  const decay = through(count), bytes = (valueDim + 1) * headStride;
  const decayBack: f32 = causal ? 1 : throughBack();
  if (some) {
    readState(rowsG, before, entering, q, dq, readBefore);
    if (!causal) {
      readState(rowsV, gradientBefore, leavingBack, k, dk, writtenBefore);
    }
  }
  if (more) {
    readState(rowsV, gradientAfter, leaving, k, dk, writtenAfter);
    if (!causal) readState(rowsG, stateAfter, enteringBack, q, dq, readAfter);
  }
  if (some && more) {
    cross = decay * dot(bytes, before, gradientAfter);
    if (!causal) crossBack = decayBack * dot(bytes, stateAfter, gradientBefore);
  }
  if (some && !causal) {
    scaleRows(count, headStride, leavingBack, k, scaled);
    readTransposed(gradientBefore, dv, width);
  }
  if (more || follows) scaleRows(count, headStride, leaving, k, scaled);
  if (more) readTransposed(gradientAfter, dv, width);
  if (follows) {
    writeWeighted(before, some ? decay : 0, before, rowsV, scaled);
    if (!causal) {
      const old: f32 = some ? decayBack : 0;
      write(gradientBefore, old, gradientBefore, enteringBack, rowsG, q);
    }
  }

  unpadRows(count, dq, headStride, job.dq + token * headBytes, headBytes);
  storeKeyRows(dk, dv);
  decayGradients(cross, crossBack);
}

/** target_i += weight_i columns_i state; dots_i = that times row_i. */
function readState(
  columns: usize,
  state: usize,
  weightVector: usize,
  rows: usize,
  target: usize,
  dots: usize,
): void {
  const head = <i32> (headStride >> 2);
  multiply(
    count,
    head,
    valueDim + 1,
    columns,
    columnsStride,
    state,
    headStride,
    read,
    headStride,
    0,
    0,
    0,
  );
  addScaledRowsAndDot(
    count,
    headStride,
    weightVector,
    read,
    rows,
    target,
    dots,
  );
}

/** dv_i += scaled_i stateᵀ */
function readTransposed(state: usize, dv: usize, width: i32): void {
  transpose(valueDim, headDim, state, headStride, transposed, valueStride);
  multiply(
    count,
    width,
    headDim,
    scaled,
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
    unpadRows(count, dq, headStride, job.dq + token * headBytes, headBytes);
    storeKeyRows(dk, dv);
    countProgress();
  }
}

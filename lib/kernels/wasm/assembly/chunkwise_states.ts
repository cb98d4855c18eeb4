// The states of the chunkwise form's backward pass, with the loss gradients in
// them: [valueDim + 1, headDim], the last row for the normaliser.
import {
  causal,
  chunkOf,
  columnsStride,
  decays,
  filledSegments,
  headStride,
  rowsV,
  scaled,
  segments,
  stateBytes,
  valueDim,
} from "./attention";
import {
  entering,
  enteringBack,
  leaving,
  leavingBack,
  through,
  throughBack,
} from "./decay";
import { multiplyTransposed } from "./gemm";
import { count, k, openChunk, q, rowsG } from "./inside_gradient";
import { queue } from "./jobs";
import { at, put, scaleAndAdd, scaleRows } from "./matrix";
import { countProgress } from "./threads";

/** to = decay · from + Σ_j weight_j columns_j rows_jᵀ; without weights they are 1. */
export function write(
  to: usize,
  decay: f32,
  from: usize,
  weightVector: usize,
  columns: usize,
  rows: usize,
): void {
  let weighted = rows;
  if (weightVector !== 0) {
    scaleRows(count, headStride, weightVector, rows, scaled);
    weighted = scaled;
  }
  writeWeighted(to, decay, from, columns, weighted);
}

export function writeWeighted(
  to: usize,
  decay: f32,
  from: usize,
  columns: usize,
  rows: usize,
): void {
  multiplyTransposed(
    valueDim + 1,
    <i32> (headStride >> 2),
    count,
    columns,
    columnsStride,
    rows,
    headStride,
    to,
    headStride,
    decay,
    from,
    headStride,
  );
}

export function backwardRecordBytes(): usize {
  return 4 * stateBytes + 64;
}

/** A segment's record: states H and T, their gradients after and before it, total decays. */
export function recordOf(sequence: i32, segment: i32): usize {
  return queue.extra +
    <usize> (sequence * segments + segment) * backwardRecordBytes();
}

/** What a segment by itself adds to the states and gradients that pass it. */
export function summarizeBackward(sequence: i32, segment: i32): void {
  const first = chunkOf(segment), end = chunkOf(segment + 1);
  const record = recordOf(sequence, segment);
  const stateBack = record + stateBytes;
  const gradientAfter = record + 2 * stateBytes;
  const gradientBack = record + 3 * stateBytes;
  let total: f32 = 1, totalBack: f32 = 1;
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    const decay: f32 = decays ? through(count) : 1;
    const old: f32 = chunk > first ? decay : 0;
    write(record, old, record, decays ? leaving : 0, rowsV, k);
    total *= decay;
    if (!decays) {
      write(gradientAfter, old, gradientAfter, 0, rowsG, q);
    } else if (!causal) {
      const oldBack: f32 = chunk > first ? throughBack() : 0;
      write(gradientBack, oldBack, gradientBack, enteringBack, rowsG, q);
      totalBack *= throughBack();
    }
    countProgress();
  }
  put(record + 4 * stateBytes, 0, total);
  put(record + 4 * stateBytes, 1, totalBack);
  if (!decays) return;
  for (let chunk = end - 1; chunk >= first; chunk--) {
    openChunk(sequence, chunk);
    const old: f32 = chunk < end - 1 ? through(count) : 0;
    write(gradientAfter, old, gradientAfter, entering, rowsG, q);
    if (!causal) {
      const oldBack: f32 = chunk < end - 1 ? throughBack() : 0;
      write(stateBack, oldBack, stateBack, leavingBack, rowsV, k);
    }
    countProgress();
  }
}

/** Sums up one of the four states of the segments on one side of a segment. */
export function gather(
  sequence: i32,
  segment: i32,
  fromRight: bool,
  which: i32,
  total: i32,
  to: usize,
): void {
  const first = fromRight ? filledSegments() - 1 : 0;
  const step = fromRight ? -1 : 1;
  for (let s = first; s !== segment; s += step) {
    const record = recordOf(sequence, s);
    const state = record + which * stateBytes;
    if (s === first) memory.copy(to, state, stateBytes);
    else {
      scaleAndAdd(stateBytes, to, at(record + 4 * stateBytes, total), state);
    }
  }
}

// The chunkwise form's backward pass, in one sweep, from states that are
// recomputed.
import * as sizes from "./sizes";
import * as states from "./chunkwise_states";
import { multiply } from "../math/gemm";
import * as intra from "./intra_chunk_backward";
import { attention as job } from "../jobs";
import { scaleAndAdd } from "../math/loops";
import { transpose } from "../math/matrix";
import { keysOut } from "./chunk_operands";
import * as operands from "./chunk_operands_backward";
import { countProgress } from "../runtime/progress";

let gradientBefore: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutBackward(base: usize): usize {
  intra.layoutGradients(base, 2);
  gradientBefore = sizes.allocate(sizes.stateBytes);
  return sizes.allocate(0);
}

/** The gradients of a segment. */
export function attendBackward(sequence: i32, split: i32): void {
  const first = sizes.firstChunkOf(split), end = sizes.firstChunkOf(split + 1);
  if (first >= end) return;
  if (!sizes.decays) return attendWithoutDecay(sequence, first, end);
  let state = sizes.statesAfter + (end - 1 - first) * 2 * sizes.stateBytes;
  if (sizes.splits > 1) {
    states.sumStates(sequence, split, false, 0, false, sizes.stateBefore);
    states.sumStates(sequence, split, true, 2, false, state + sizes.stateBytes);
    if (!sizes.causal) {
      states.sumStates(sequence, split, true, 1, true, state);
      states.sumStates(sequence, split, false, 3, true, gradientBefore);
    }
  }
  for (let chunk = end - 1; chunk > first; chunk--) {
    intra.openChunkBackward(sequence, chunk);
    const some = chunk < sizes.chunks - 1;
    const stateAfter = state, gradientAfter = state + sizes.stateBytes;
    state -= 2 * sizes.stateBytes;
    states.writeGradient(
      state + sizes.stateBytes, some ? gradientAfter : 0, false
    );
    if (!sizes.causal) states.write(state, some ? stateAfter : 0, true);
    countProgress();
  }
  for (let chunk = first; chunk < end; chunk++) {
    intra.openChunkBackward(sequence, chunk);
    gradientsOf(chunk, state, state + sizes.stateBytes, chunk < end - 1);
    state += 2 * sizes.stateBytes;
    countProgress();
  }
}

/** All gradients of a chunk; then, if another follows, the states before it. */
function gradientsOf(
  chunk: i32, stateAfter: usize, gradientAfter: usize, follows: bool
): void {
  const dq = intra.wholeRows(job.dq, intra.rowsDq),
    dk = intra.wholeRows(job.dk, intra.rowsDk);
  const dv = intra.wholeValueRows();
  const some = chunk > 0, more = chunk < sizes.chunks - 1;
  const width = <i32> (sizes.valueStride >> 2);
  operands.openGradient();
  intra.intraChunkGradients(dq, dk, dv);

  const bytes = (sizes.valueDim + 1) * sizes.headStride;
  if (some) {
    operands.addQueryGradient(false, readState(intra.rowsG, sizes.stateBefore), dq);
    if (!sizes.causal) {
      operands.addKeyGradient(true, readState(sizes.rowsV, gradientBefore), dk);
    }
  }
  if (more) {
    operands.addKeyGradient(false, readState(sizes.rowsV, gradientAfter), dk);
    if (!sizes.causal) {
      operands.addQueryGradient(true, readState(intra.rowsG, stateAfter), dq);
    }
  }
  if (some && more) {
    operands.addChunkDecayGradient(false, bytes, sizes.stateBefore, gradientAfter);
    if (!sizes.causal) {
      operands.addChunkDecayGradient(true, bytes, stateAfter, gradientBefore);
    }
  }
  if (some && !sizes.causal) {
    readTransposed(
      keysOut(intra.count, true, intra.k), gradientBefore, dv, width
    );
  }
  if (more || follows) {
    const keys = keysOut(intra.count, false, intra.k);
    if (more) readTransposed(keys, gradientAfter, dv, width);
    if (follows) {
      states.writeKeys(sizes.stateBefore, some ? sizes.stateBefore : 0, false, keys);
    }
  }
  if (follows && !sizes.causal) {
    states.writeGradient(gradientBefore, some ? gradientBefore : 0, true);
  }

  intra.storeRows(dq, job.dq);
  intra.storeKeyRows(dk, dv);
  operands.storeDecayGradients();
}

/** What rows read of a state: their products with its columns, in scratch. */
function readState(rows: usize, state: usize): usize {
  const head = <i32> (sizes.headStride >> 2);
  multiply(
    intra.count, head, sizes.valueDim + 1,
    rows, sizes.columnsStride, state, sizes.headStride,
    intra.read, sizes.headStride, 0, 0, 0
  );
  return intra.read;
}

/** dv += Kout stateᵀ */
function readTransposed(
  keys: usize, state: usize, dv: usize, width: i32
): void {
  transpose(
    sizes.valueDim, sizes.headDim, state, sizes.headStride, sizes.transposed,
    sizes.valueStride
  );
  multiply(
    intra.count, width, sizes.headDim,
    keys, sizes.headStride, sizes.transposed, sizes.valueStride,
    dv, sizes.valueStride, 1, dv, sizes.valueStride
  );
}

/** Every token reads the sums over all segments. */
function attendWithoutDecay(sequence: i32, first: i32, end: i32): void {
  for (let s = 0; s < sizes.filledSplits(); s++) {
    const state = states.recordOf(sequence, s),
      sum = state + 2 * sizes.stateBytes;
    if (s === 0) {
      memory.copy(sizes.stateBefore, state, sizes.stateBytes);
      memory.copy(gradientBefore, sum, sizes.stateBytes);
    } else {
      scaleAndAdd(sizes.stateBytes, 1, sizes.stateBefore, state);
      scaleAndAdd(sizes.stateBytes, 1, gradientBefore, sum);
    }
  }
  const head = <i32> (sizes.headStride >> 2),
    width = <i32> (sizes.valueStride >> 2);
  transpose(
    sizes.valueDim, sizes.headDim, gradientBefore, sizes.headStride,
    sizes.transposed, sizes.valueStride
  );
  for (let chunk = first; chunk < end; chunk++) {
    intra.openChunkBackward(sequence, chunk);
    const dq = intra.wholeRows(job.dq, intra.rowsDq),
      dk = intra.wholeRows(job.dk, intra.rowsDk);
    const dv = intra.wholeValueRows();
    multiply(
      intra.count, head, sizes.valueDim + 1,
      intra.rowsG, sizes.columnsStride, sizes.stateBefore, sizes.headStride,
      dq, sizes.headStride, 0, 0, 0
    );
    multiply(
      intra.count, head, sizes.valueDim + 1,
      sizes.rowsV, sizes.columnsStride, gradientBefore, sizes.headStride,
      dk, sizes.headStride, 0, 0, 0
    );
    multiply(
      intra.count, width, sizes.headDim,
      intra.k, sizes.headStride, sizes.transposed, sizes.valueStride,
      dv, sizes.valueStride, 0, 0, 0
    );
    intra.storeRows(dq, job.dq);
    intra.storeKeyRows(dk, dv);
    countProgress();
  }
}

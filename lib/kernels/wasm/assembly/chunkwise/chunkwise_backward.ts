// The chunkwise form's backward pass. A task has a split of a sequence: it sweeps
// once from the right, and keeps the states T from after each chunk and the
// gradients in the states H; then from the left, with H and the gradients in T,
// where it has all four of a chunk at hand and makes its gradients.
import * as sizes from "./sizes";
import * as states from "./chunkwise_states";
import { multiply } from "../../../../tfjs/wasm/assembly/math/gemm";
import * as chunk from "./backward_chunk";
import * as intra from "./intra_chunk_backward";
import { attention as job } from "../jobs";
import { scaleAndAdd } from "../../../../tfjs/wasm/assembly/math/loops";
import { transpose } from "../../../../tfjs/wasm/assembly/math/matrix";
import { keysOut } from "./chunk_operands";
import * as operands from "./chunk_operands_backward";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

/** The gradient in the state T that leaves the open chunk to the left. */
let gradientBefore: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutBackward(base: usize): usize {
  intra.layoutIntraChunkBackward(base, 2);
  gradientBefore = sizes.allocate(sizes.stateBytes);
  return sizes.allocate(0);
}

/** Computes the gradients of a split of a sequence. */
export function attendBackward(sequence: i32, split: i32): void {
  const first = sizes.firstChunkOf(split), end = sizes.firstChunkOf(split + 1);
  if (first >= end) return;
  if (!sizes.decays) return attendWithoutDecay(sequence, first, end);
  let state = sizes.statesAfter + (end - 1 - first) * 2 * sizes.stateBytes;
  if (sizes.splits > 1) {
    states.sumStates(
      sequence, split, false, states.FORWARD_STATE, false, sizes.stateBefore
    );
    states.sumStates(
      sequence, split, true, states.FORWARD_GRADIENT, false,
      state + sizes.stateBytes
    );
    if (!sizes.causal) {
      states.sumStates(sequence, split, true, states.BACK_STATE, true, state);
      states.sumStates(
        sequence, split, false, states.BACK_GRADIENT, true, gradientBefore
      );
    }
  }
  for (let index = end - 1; index > first; index--) {
    chunk.openBackwardChunk(sequence, index);
    const some = index < sizes.chunks - 1;
    const stateAfter = state, gradientAfter = state + sizes.stateBytes;
    state -= 2 * sizes.stateBytes;
    states.writeGradient(
      state + sizes.stateBytes, some ? gradientAfter : 0, false
    );
    if (!sizes.causal) states.writeState(state, some ? stateAfter : 0, true);
    countProgress();
  }
  for (let index = first; index < end; index++) {
    chunk.openBackwardChunk(sequence, index);
    gradientsOf(index, state, state + sizes.stateBytes, index < end - 1);
    state += 2 * sizes.stateBytes;
    countProgress();
  }
}

/**
 * All gradients of the open chunk, given T and the gradient in H from after it; then,
 * if the split goes on, H and the gradient in T for the next chunk.
 */
function gradientsOf(
  index: i32, stateAfter: usize, gradientAfter: usize, follows: bool
): void {
  const dq = chunk.headGradientRows(job.dq, chunk.rowsDq);
  const dk = chunk.headGradientRows(job.dk, chunk.rowsDk);
  const dv = chunk.valueGradientRows();
  const some = index > 0, more = index < sizes.chunks - 1;
  const width = <i32> (sizes.valueStride >> 2);
  operands.clearDecayGradients();
  intra.intraChunkGradients(index, dq, dk, dv);

  const bytes = (sizes.valueDim + 1) * sizes.headStride;
  const before = sizes.stateBefore, g = chunk.outputGradients;
  if (some) {
    operands.addQueryGradient(false, readState(g, before), dq);
    if (!sizes.causal) {
      operands.addKeyGradient(true, readState(sizes.rowsV, gradientBefore), dk);
    }
  }
  if (more) {
    operands.addKeyGradient(false, readState(sizes.rowsV, gradientAfter), dk);
    if (!sizes.causal) {
      operands.addQueryGradient(true, readState(g, stateAfter), dq);
    }
  }
  if (some && more) {
    operands.addChunkDecayGradient(false, bytes, before, gradientAfter);
    if (!sizes.causal) {
      operands.addChunkDecayGradient(true, bytes, stateAfter, gradientBefore);
    }
  }
  if (some && !sizes.causal) {
    readTransposed(
      keysOut(chunk.count, true, chunk.k), gradientBefore, dv, width
    );
  }
  if (more || follows) {
    const keys = keysOut(chunk.count, false, chunk.k);
    if (more) readTransposed(keys, gradientAfter, dv, width);
    if (follows) {
      states.writeStateOf(before, some ? before : 0, false, keys);
    }
  }
  if (follows && !sizes.causal) {
    states.writeGradient(gradientBefore, some ? gradientBefore : 0, true);
  }

  chunk.storeHeadGradient(dq, job.dq);
  chunk.storeHeadGradient(dk, job.dk);
  chunk.storeValueGradient(dv);
  operands.storeDecayGradients();
}

/** Returns the product of the chunk's rows and a state, in scratch. */
function readState(rows: usize, state: usize): usize {
  const head = <i32> (sizes.headStride >> 2);
  multiply(
    chunk.count, head, sizes.valueDim + 1,
    rows, sizes.columnsStride, state, sizes.headStride,
    intra.scratch, sizes.headStride, 0, 0, 0
  );
  return intra.scratch;
}

/** dv += Kout stateᵀ, `[count, valueDim]` */
function readTransposed(
  keys: usize, state: usize, dv: usize, width: i32
): void {
  transpose(
    sizes.valueDim, sizes.headDim, state, sizes.headStride, sizes.transposed,
    sizes.valueStride
  );
  multiply(
    chunk.count, width, sizes.headDim,
    keys, sizes.headStride, sizes.transposed, sizes.valueStride,
    dv, sizes.valueStride, 1, dv, sizes.valueStride
  );
}

/**
 * The gradients without decays: every token reads the same states, the sums over
 * all splits.
 */
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
  for (let index = first; index < end; index++) {
    chunk.openBackwardChunk(sequence, index);
    const dq = chunk.headGradientRows(job.dq, chunk.rowsDq);
    const dk = chunk.headGradientRows(job.dk, chunk.rowsDk);
    const dv = chunk.valueGradientRows();
    multiply(
      chunk.count, head, sizes.valueDim + 1,
      chunk.outputGradients, sizes.columnsStride,
      sizes.stateBefore, sizes.headStride,
      dq, sizes.headStride, 0, 0, 0
    );
    multiply(
      chunk.count, head, sizes.valueDim + 1,
      sizes.rowsV, sizes.columnsStride, gradientBefore, sizes.headStride,
      dk, sizes.headStride, 0, 0, 0
    );
    multiply(
      chunk.count, width, sizes.headDim,
      chunk.k, sizes.headStride, sizes.transposed, sizes.valueStride,
      dv, sizes.valueStride, 0, 0, 0
    );
    chunk.storeHeadGradient(dq, job.dq);
    chunk.storeHeadGradient(dk, job.dk);
    chunk.storeValueGradient(dv);
    countProgress();
  }
}

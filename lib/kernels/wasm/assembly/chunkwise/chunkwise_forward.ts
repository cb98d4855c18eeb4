// The chunkwise form's forward pass: y_i = Σ_j M_ij s (q_i · k_j) v_j, divided by
// the sum of its row of weights. A token reads its chunk pair by pair, all chunks
// before it from the state H, and all after it from T (chunk_operands.ts).
import * as sizes from "./sizes";
import { loadBorderState, storeBorderState } from "./borders";
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import * as intra from "./intra_chunk";
import { attention as job } from "../jobs";
import { queue } from "../../../../tfjs/wasm/assembly/runtime/queue";
import { scaleAndAdd } from "../../../../tfjs/wasm/assembly/math/loops";
import { addRowSum } from "../../../../tfjs/wasm/assembly/math/matrix";
import * as operands from "./chunk_operands";
import { vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

/**
 * Takes a state through the open chunk: to = chunkDecay ∘ from + Koutᵀ (V, 1); `from`
 * is 0 where no state comes to the chunk.
 */
function write(to: usize, from: usize, back: bool): void {
  const keys = operands.keysOut(intra.count, back, intra.k);
  const decay: f32 = from === 0 ? 0 : operands.chunkDecay(intra.count, back);
  const old = from === 0 ? 0 : operands.decayedState(back, from, to);
  multiplyTransposed(
    sizes.headDim, <i32> (sizes.valueStride >> 2), intra.count,
    keys, sizes.headStride, intra.v, sizes.valueStride,
    to, sizes.valueStride, decay, old, sizes.valueStride
  );
  const keySum = sizes.headDim * sizes.valueStride;
  const to1 = to + keySum, old1 = old + keySum;
  if (from !== 0) {
    for (let i: usize = 0; i < sizes.headStride; i += 16) {
      const sum = v128.load(old1 + i);
      v128.store(to1 + i, f32x4.mul(sum, f32x4.splat(decay)));
    }
  } else memory.fill(to1, 0, sizes.headStride);
  addRowSum(intra.count, sizes.headStride, sizes.headStride, keys, to1);
}

/**
 * Bytes of a split's record: both states that it leaves, and its decays forward
 * and back.
 */
export function forwardRecordBytes(): usize {
  return 2 * (sizes.stateBytes + operands.splitDecayBytes());
}

function recordOf(sequence: i32, split: i32): usize {
  return queue.extra +
    <usize> (sequence * sizes.splits + split) * forwardRecordBytes();
}

/**
 * Fills a split's record with the part of the states that the split's own
 * chunks write.
 */
export function summarizeForward(sequence: i32, split: i32): void {
  const first = sizes.firstChunkOf(split), end = sizes.firstChunkOf(split + 1);
  const state = recordOf(sequence, split),
    stateBack = state + sizes.stateBytes;
  const decay = stateBack + sizes.stateBytes,
    decayBack = decay + operands.splitDecayBytes();
  operands.openSplitDecay(decay);
  operands.openSplitDecay(decayBack);
  for (let chunk = first; chunk < end; chunk++) {
    intra.openDirection(sequence, chunk, false);
    write(state, chunk > first ? state : 0, false);
    operands.extendSplitDecay(decay, intra.count, false);
    countProgress();
  }
  if (!sizes.decays || sizes.causal) return;
  for (let chunk = end - 1; chunk >= first; chunk--) {
    intra.openDirection(sequence, chunk, true);
    write(stateBack, chunk < end - 1 ? stateBack : 0, true);
    operands.extendSplitDecay(decayBack, intra.count, true);
    countProgress();
  }
}

/**
 * to = the state that reaches a split from the border and all splits before it,
 * or after it.
 */
function sumStates(
  sequence: i32, split: i32, afterwards: bool, to: usize
): void {
  const last = sizes.filledSplits() - 1;
  const step = afterwards ? -1 : 1;
  const first = afterwards ? last : 0;
  const border = afterwards ? job.after : job.before;
  if (border !== 0) loadBorderState(border, sequence, to);
  for (let s = first; s !== split; s += step) {
    const record = recordOf(sequence, s);
    const state = afterwards ? record + sizes.stateBytes : record;
    const decays = record + 2 * sizes.stateBytes;
    const decay = afterwards ? decays + operands.splitDecayBytes() : decays;
    if (s === first && border === 0) memory.copy(to, state, sizes.stateBytes);
    else operands.carryState(sizes.stateBytes, to, decay, state);
  }
}

/** Computes the output of a split of a sequence. */
export function attendForward(sequence: i32, split: i32): void {
  const first = sizes.firstChunkOf(split), end = sizes.firstChunkOf(split + 1);
  if (first >= end) return;
  if (!sizes.decays) return attendWithoutDecay(sequence, first, end);
  sumStates(sequence, split, false, sizes.stateBefore);
  let state = sizes.statesAfter + (end - 1 - first) * sizes.stateBytes;
  if (!sizes.causal) {
    sumStates(sequence, split, true, state);
    for (let chunk = end - 1; chunk > first; chunk--) {
      intra.openDirection(sequence, chunk, true);
      write(state - sizes.stateBytes, isFollowed(chunk) ? state : 0, true);
      state -= sizes.stateBytes;
      countProgress();
    }
  }
  for (let chunk = first; chunk < end; chunk++) {
    intra.openChunk(sequence, chunk);
    intra.openQueries();
    const y = intra.outputRows();
    intra.attendIntraChunk(y);
    const isPreceded = chunk > 0 || job.before !== 0;
    if (isPreceded) readState(sizes.stateBefore, false, y);
    if (!sizes.causal && isFollowed(chunk)) readState(state, true, y);
    intra.finishRows(y);
    // The state after the whole sequence is an output, where one asks for it.
    const leaves = chunk === sizes.chunks - 1 && job.forward !== 0;
    if (chunk < end - 1 || leaves) {
      write(sizes.stateBefore, isPreceded ? sizes.stateBefore : 0, false);
    }
    if (leaves) storeBorderState(sizes.stateBefore, job.forward, sequence);
    if (chunk === 0 && job.backward !== 0) {
      write(state, isFollowed(chunk) ? state : 0, true);
      storeBorderState(state, job.backward, sequence);
    }
    state += sizes.stateBytes;
    countProgress();
  }
}

/** Whether a chunk reads a state from the tokens after it. */
function isFollowed(chunk: i32): bool {
  return chunk < sizes.chunks - 1 || job.after !== 0;
}

/**
 * The output without decays: every token reads the same state, the sum over all
 * splits.
 */
function attendWithoutDecay(sequence: i32, first: i32, end: i32): void {
  for (let s = 0; s < sizes.filledSplits(); s++) {
    const state = recordOf(sequence, s);
    if (s === 0) memory.copy(sizes.stateBefore, state, sizes.stateBytes);
    else scaleAndAdd(sizes.stateBytes, 1, sizes.stateBefore, state);
  }
  if (first === 0) {
    passWithoutDecay(sequence, job.before, job.forward);
    passWithoutDecay(sequence, job.after, job.backward);
  }
  addBorder(sequence, job.before, sizes.stateBefore);
  addBorder(sequence, job.after, sizes.stateBefore);
  for (let chunk = first; chunk < end; chunk++) {
    intra.openTokens(sequence, chunk);
    intra.openQueries();
    const y = intra.outputRows();
    memory.fill(sizes.rowSums, 0, vectorBytes(intra.count));
    memory.fill(y, 0, intra.count * sizes.valueStride);
    readState(sizes.stateBefore, false, y);
    intra.finishRows(y);
    countProgress();
  }
}

/** Stores the state at a border plus what the sequence adds, without decays. */
function passWithoutDecay(sequence: i32, from: usize, to: usize): void {
  if (to === 0) return;
  const written = sizes.stateBefore, sum = sizes.statesAfter;
  if (from !== 0) loadBorderState(from, sequence, sum);
  else memory.fill(sum, 0, sizes.stateBytes);
  scaleAndAdd(sizes.stateBytes, 1, sum, written);
  storeBorderState(sum, to, sequence);
}

/** state += the initial state at a border, if there is one. */
function addBorder(sequence: i32, border: usize, state: usize): void {
  if (border === 0) return;
  loadBorderState(border, sequence, sizes.statesAfter);
  scaleAndAdd(sizes.stateBytes, 1, state, sizes.statesAfter);
}

/** Y += Qin state, and the row sums get the normaliser's part. */
function readState(state: usize, back: bool, y: usize): void {
  const keySum = state + sizes.headDim * sizes.valueStride;
  const queries = operands.queriesInAndDot(
    intra.count, back, intra.q, keySum, sizes.rowSums
  );
  const width = <i32> (sizes.valueStride >> 2);
  multiply(
    intra.count, width, sizes.headDim,
    queries, sizes.headStride, state, sizes.valueStride,
    y, sizes.valueStride, 1, y, sizes.valueStride
  );
}

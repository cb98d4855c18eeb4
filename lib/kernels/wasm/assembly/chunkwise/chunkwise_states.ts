// The states of the chunkwise form's backward pass, with the loss gradients in
// them: [valueDim + 1, headDim], the last row for the normaliser.
import * as sizes from "./sizes";
import { multiplyTransposed } from "../../../../tfjs/wasm/assembly/math/gemm";
import * as chunk from "./backward_chunk";
import { queue } from "../../../../tfjs/wasm/assembly/runtime/queue";
import * as operands from "./chunk_operands";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

/**
 * Takes a state H through the open chunk: to = chunkDecay ∘ from + (V, 1)ᵀ Kout;
 * `from` is 0 where no state comes to the chunk.
 */
export function writeState(to: usize, from: usize, back: bool): void {
  const keys = operands.keysOut(chunk.count, back, chunk.k);
  writeStateOf(to, from, back, keys);
}

/** Takes a state through the open chunk, like {@link writeState}, given Kout. */
export function writeStateOf(
  to: usize, from: usize, back: bool, keys: usize
): void {
  writeRows(to, from, back, sizes.rowsV, keys);
}

/**
 * Takes the gradient in a state through the open chunk: to = chunkDecay ∘ from +
 * Gᵀ Qin.
 */
export function writeGradient(to: usize, from: usize, back: bool): void {
  const queries = operands.queriesIn(chunk.count, back, chunk.q);
  writeRows(to, from, back, chunk.outputGradients, queries);
}

/** to = chunkDecay ∘ from + columnsᵀ rows */
function writeRows(
  to: usize, from: usize, back: bool, columns: usize, rows: usize
): void {
  multiplyTransposed(
    sizes.valueDim + 1, <i32> (sizes.headStride >> 2), chunk.count,
    columns, sizes.columnsStride, rows, sizes.headStride,
    to, sizes.headStride,
    from === 0 ? 0 : operands.chunkDecay(chunk.count, back),
    from === 0 ? 0 : operands.decayedState(back, from, to), sizes.headStride
  );
}

// A split's record: four states, of the order below, and what is left of a state
// that goes through the split, forward and back.
/**
 * The record's states that the split leaves to the splits after it, and to
 * those before it.
 */
export const FORWARD_STATE = 0, BACK_STATE = 1;
/**
 * The gradients in the states that come to the split: from before it, and from
 * after it.
 */
export const FORWARD_GRADIENT = 2, BACK_GRADIENT = 3;

/** Bytes of a split's record. */
export function backwardRecordBytes(): usize {
  return 4 * sizes.stateBytes + 2 * operands.splitDecayBytes();
}

export function recordOf(sequence: i32, split: i32): usize {
  return queue.extra +
    <usize> (sequence * sizes.splits + split) * backwardRecordBytes();
}

/**
 * Fills a split's record with the parts of states and gradients that its own
 * chunks write.
 */
export function summarizeBackward(sequence: i32, split: i32): void {
  const first = sizes.firstChunkOf(split), end = sizes.firstChunkOf(split + 1);
  const record = recordOf(sequence, split);
  const stateBack = record + BACK_STATE * sizes.stateBytes;
  const gradient = record + FORWARD_GRADIENT * sizes.stateBytes;
  const gradientBack = record + BACK_GRADIENT * sizes.stateBytes;
  const decay = record + 4 * sizes.stateBytes;
  const decayBack = decay + operands.splitDecayBytes();
  operands.openSplitDecay(decay);
  operands.openSplitDecay(decayBack);
  for (let index = first; index < end; index++) {
    chunk.openBackwardChunk(sequence, index);
    const some = index > first;
    writeState(record, some ? record : 0, false);
    operands.extendSplitDecay(decay, chunk.count, false);
    if (!sizes.decays) {
      writeGradient(gradient, some ? gradient : 0, false);
    } else if (!sizes.causal) {
      writeGradient(gradientBack, some ? gradientBack : 0, true);
      operands.extendSplitDecay(decayBack, chunk.count, true);
    }
    countProgress();
  }
  if (!sizes.decays) return;
  for (let index = end - 1; index >= first; index--) {
    chunk.openBackwardChunk(sequence, index);
    const some = index < end - 1;
    writeGradient(gradient, some ? gradient : 0, false);
    if (!sizes.causal) writeState(stateBack, some ? stateBack : 0, true);
    countProgress();
  }
}

/**
 * to = one of the four states of a record, summed over the splits on one side of a
 * split, each decayed (`back` by the decays of that direction) through those between.
 */
export function sumStates(
  sequence: i32, split: i32, fromRight: bool, which: i32, back: bool, to: usize
): void {
  const first = fromRight ? sizes.filledSplits() - 1 : 0;
  const step = fromRight ? -1 : 1;
  for (let s = first; s !== split; s += step) {
    const record = recordOf(sequence, s);
    const state = record + which * sizes.stateBytes;
    const decays = record + 4 * sizes.stateBytes;
    const decay = back ? decays + operands.splitDecayBytes() : decays;
    if (s === first) memory.copy(to, state, sizes.stateBytes);
    else operands.carryState(sizes.stateBytes, to, decay, state);
  }
}

// The states of the chunkwise form's backward pass, with the loss gradients in
// them: [valueDim + 1, headDim], the last row for the normaliser.
import * as sizes from "./sizes";
import { multiplyTransposed } from "../math/gemm";
import { count, k, openChunkBackward, q, rowsG } from "./intra_chunk_backward";
import { queue } from "../jobs";
import * as operands from "./chunk_operands";
import { countProgress } from "../runtime/progress";

/** to = through ∘ from + (V, 1)ᵀ Kout of the open chunk; without `from` the second alone. */
export function write(to: usize, from: usize, back: bool): void {
  writeKeys(to, from, back, operands.keysOut(count, back, k));
}

/** The same, with Kout at hand. */
export function writeKeys(
  to: usize, from: usize, back: bool, keys: usize
): void {
  writeRows(to, from, back, sizes.rowsV, keys);
}

/** As {@link write} for the gradient in a state: through ∘ from + g'ᵀ Qin. */
export function writeGradient(to: usize, from: usize, back: bool): void {
  writeRows(to, from, back, rowsG, operands.queriesIn(count, back, q));
}

function writeRows(
  to: usize, from: usize, back: bool, columns: usize, rows: usize
): void {
  multiplyTransposed(
    sizes.valueDim + 1, <i32> (sizes.headStride >> 2), count,
    columns, sizes.columnsStride, rows, sizes.headStride,
    to, sizes.headStride,
    from === 0 ? 0 : operands.chunkDecay(count, back),
    from === 0 ? 0 : operands.decayedState(back, from, to), sizes.headStride
  );
}

export function backwardRecordBytes(): usize {
  return 4 * sizes.stateBytes + 2 * operands.splitDecayBytes();
}

/** A segment's record: states H and T, their gradients after and before it, and both passes. */
export function recordOf(sequence: i32, split: i32): usize {
  return queue.extra +
    <usize> (sequence * sizes.splits + split) * backwardRecordBytes();
}

/** What a segment by itself adds to the states and gradients that pass it. */
export function summarizeBackward(sequence: i32, split: i32): void {
  const first = sizes.firstChunkOf(split), end = sizes.firstChunkOf(split + 1);
  const record = recordOf(sequence, split);
  const stateBack = record + sizes.stateBytes;
  const gradientAfter = record + 2 * sizes.stateBytes;
  const gradientBack = record + 3 * sizes.stateBytes;
  const pass = record + 4 * sizes.stateBytes,
    passBack = pass + operands.splitDecayBytes();
  operands.openSplitDecay(pass);
  operands.openSplitDecay(passBack);
  for (let chunk = first; chunk < end; chunk++) {
    openChunkBackward(sequence, chunk);
    const some = chunk > first;
    write(record, some ? record : 0, false);
    operands.extendSplitDecay(pass, count, false);
    if (!sizes.decays) {
      writeGradient(gradientAfter, some ? gradientAfter : 0, false);
    } else if (!sizes.causal) {
      writeGradient(gradientBack, some ? gradientBack : 0, true);
      operands.extendSplitDecay(passBack, count, true);
    }
    countProgress();
  }
  if (!sizes.decays) return;
  for (let chunk = end - 1; chunk >= first; chunk--) {
    openChunkBackward(sequence, chunk);
    const some = chunk < end - 1;
    writeGradient(gradientAfter, some ? gradientAfter : 0, false);
    if (!sizes.causal) write(stateBack, some ? stateBack : 0, true);
    countProgress();
  }
}

/** Sums up one of the four states of the segments on one side of a segment. */
export function sumStates(
  sequence: i32, split: i32, fromRight: bool, which: i32, back: bool, to: usize
): void {
  const first = fromRight ? sizes.filledSplits() - 1 : 0;
  const step = fromRight ? -1 : 1;
  for (let s = first; s !== split; s += step) {
    const record = recordOf(sequence, s);
    const state = record + which * sizes.stateBytes;
    const passes = record + 4 * sizes.stateBytes;
    const pass = back ? passes + operands.splitDecayBytes() : passes;
    if (s === first) memory.copy(to, state, sizes.stateBytes);
    else operands.carryState(sizes.stateBytes, to, pass, state);
  }
}

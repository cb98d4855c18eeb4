// The states of the chunkwise form's backward pass, with the loss gradients in
// them: [valueDim + 1, headDim], the last row for the normaliser.
import * as sizes from "./sizes";
import { multiplyTransposed } from "../math/gemm";
import { count, k, openChunk, q, rowsG } from "./intra_chunk_backward";
import { queue } from "../jobs";
import * as operands from "./chunk_operands";
import { countProgress } from "../runtime/progress";

/** to = through ∘ from + (V, 1)ᵀ Kout of the open chunk; without `from` the second alone. */
export function write(to: usize, from: usize, back: bool): void {
  writeKeys(to, from, back, operands.keysOut(count, back, k));
}

/** The same, with Kout at hand. */
export function writeKeys(
  to: usize,
  from: usize,
  back: bool,
  keys: usize,
): void {
  writeRows(to, from, back, sizes.rowsV, keys);
}

/** As {@link write} for the gradient in a state: through ∘ from + g'ᵀ Qin. */
export function writeGradient(to: usize, from: usize, back: bool): void {
  writeRows(to, from, back, rowsG, operands.queriesIn(count, back, q));
}

function writeRows(
  to: usize,
  from: usize,
  back: bool,
  columns: usize,
  rows: usize,
): void {
  multiplyTransposed(
    sizes.valueDim + 1, <i32> (sizes.headStride >> 2), count,
    columns, sizes.columnsStride, rows, sizes.headStride,
    to, sizes.headStride,
    from === 0 ? 0 : operands.through(count, back),
    from === 0 ? 0 : operands.carried(back, from, to), sizes.headStride
  );
}

export function backwardRecordBytes(): usize {
  return 4 * sizes.stateBytes + 2 * operands.passBytes();
}

/** A segment's record: states H and T, their gradients after and before it, and both passes. */
export function recordOf(sequence: i32, segment: i32): usize {
  return queue.extra +
    <usize> (sequence * sizes.segments + segment) * backwardRecordBytes();
}

/** What a segment by itself adds to the states and gradients that pass it. */
export function summarizeBackward(sequence: i32, segment: i32): void {
  const first = sizes.chunkOf(segment), end = sizes.chunkOf(segment + 1);
  const record = recordOf(sequence, segment);
  const stateBack = record + sizes.stateBytes;
  const gradientAfter = record + 2 * sizes.stateBytes;
  const gradientBack = record + 3 * sizes.stateBytes;
  const pass = record + 4 * sizes.stateBytes,
    passBack = pass + operands.passBytes();
  operands.openPass(pass);
  operands.openPass(passBack);
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    const some = chunk > first;
    write(record, some ? record : 0, false);
    operands.extendPass(pass, count, false);
    if (!sizes.decays) {
      writeGradient(gradientAfter, some ? gradientAfter : 0, false);
    } else if (!sizes.causal) {
      writeGradient(gradientBack, some ? gradientBack : 0, true);
      operands.extendPass(passBack, count, true);
    }
    countProgress();
  }
  if (!sizes.decays) return;
  for (let chunk = end - 1; chunk >= first; chunk--) {
    openChunk(sequence, chunk);
    const some = chunk < end - 1;
    writeGradient(gradientAfter, some ? gradientAfter : 0, false);
    if (!sizes.causal) write(stateBack, some ? stateBack : 0, true);
    countProgress();
  }
}

/** Sums up one of the four states of the segments on one side of a segment. */
export function gather(
  sequence: i32,
  segment: i32,
  fromRight: bool,
  which: i32,
  back: bool,
  to: usize,
): void {
  const first = fromRight ? sizes.filledSegments() - 1 : 0;
  const step = fromRight ? -1 : 1;
  for (let s = first; s !== segment; s += step) {
    const record = recordOf(sequence, s);
    const state = record + which * sizes.stateBytes;
    const passes = record + 4 * sizes.stateBytes;
    const pass = back ? passes + operands.passBytes() : passes;
    if (s === first) memory.copy(to, state, sizes.stateBytes);
    else operands.passOn(sizes.stateBytes, to, pass, state);
  }
}

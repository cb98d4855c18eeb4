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
  segments,
  stateBytes,
  valueDim,
} from "./attention";
import { multiplyTransposed } from "./gemm";
import { count, k, openChunk, q, rowsG } from "./inside_gradient";
import { queue } from "./jobs";
import {
  carried,
  extendPass,
  keysOut,
  openPass,
  passBytes,
  passOn,
  queriesIn,
  through,
} from "./preparation";
import { countProgress } from "./threads";

/** to = through ∘ from + (V, 1)ᵀ Kout of the open chunk; without `from` the second alone. */
export function write(to: usize, from: usize, back: bool): void {
  writeKeys(to, from, back, keysOut(count, back, k));
}

/** The same, with Kout at hand. */
export function writeKeys(
  to: usize,
  from: usize,
  back: bool,
  keys: usize,
): void {
  writeRows(to, from, back, rowsV, keys);
}

/** As {@link write} for the gradient in a state: through ∘ from + g'ᵀ Qin. */
export function writeGradient(to: usize, from: usize, back: bool): void {
  writeRows(to, from, back, rowsG, queriesIn(count, back, q));
}

function writeRows(
  to: usize,
  from: usize,
  back: bool,
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
    from === 0 ? 0 : through(count, back),
    from === 0 ? 0 : carried(back, from, to),
    headStride,
  );
}

export function backwardRecordBytes(): usize {
  return 4 * stateBytes + 2 * passBytes();
}

/** A segment's record: states H and T, their gradients after and before it, and both passes. */
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
  const pass = record + 4 * stateBytes, passBack = pass + passBytes();
  openPass(pass);
  openPass(passBack);
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    const some = chunk > first;
    write(record, some ? record : 0, false);
    extendPass(pass, count, false);
    if (!decays) {
      writeGradient(gradientAfter, some ? gradientAfter : 0, false);
    } else if (!causal) {
      writeGradient(gradientBack, some ? gradientBack : 0, true);
      extendPass(passBack, count, true);
    }
    countProgress();
  }
  if (!decays) return;
  for (let chunk = end - 1; chunk >= first; chunk--) {
    openChunk(sequence, chunk);
    const some = chunk < end - 1;
    writeGradient(gradientAfter, some ? gradientAfter : 0, false);
    if (!causal) write(stateBack, some ? stateBack : 0, true);
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
  const first = fromRight ? filledSegments() - 1 : 0;
  const step = fromRight ? -1 : 1;
  for (let s = first; s !== segment; s += step) {
    const record = recordOf(sequence, s);
    const state = record + which * stateBytes;
    const passes = record + 4 * stateBytes;
    const pass = back ? passes + passBytes() : passes;
    if (s === first) memory.copy(to, state, stateBytes);
    else passOn(stateBytes, to, pass, state);
  }
}

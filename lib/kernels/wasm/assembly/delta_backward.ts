// The delta rule's backward pass. A sweep goes once as in the forward pass, and
// keeps W of each chunk and the state before every second one: a state is more
// than all else of a chunk, and making one again takes less time than the memory
// would. Then it comes back with the gradient G in the state. With dY the loss
// gradient in the sums,
//
//     (I + β S)ᵀ dR = Pᵀ dY + (out ∘ K) G        dV = β ∘ dR
//     G' = e_last G + (e ∘ Q)ᵀ dY - (β e ∘ K)ᵀ dR
//
// and the rest is in delta_gradient.ts. Where sweeps meet, the second phase comes
// back through the first half of the sweep, whose states it makes again.
import {
  chunks,
  chunkSize,
  diagonal,
  headDim,
  headStride,
  valueStride,
} from "./attention";
import { through } from "./decay";
import {
  bordered,
  clearRest,
  count,
  deltaStateBytes,
  giveKeys,
  giveValues,
  isPreceded,
  keyScores,
  layoutDelta,
  loadState,
  meets,
  middle,
  minusBeta,
  openChunk,
  openQueries,
  openSweep,
  rows,
  scores,
  storeState,
  sweepsOfSequence,
  system,
  takeValues,
} from "./delta";
import {
  findErrors,
  findWritten,
  keysOut,
  read,
  score,
  write,
} from "./delta_chunk";
import { passThrough } from "./delta_diagonal";
import {
  dk,
  dq,
  dr,
  dy,
  finishValues,
  gradientsInside,
  gradientsThrough,
  gradientsWith,
  layoutDeltaGradient,
  openGradients,
  openRows,
  storeTokens,
  weighEntries,
} from "./delta_gradient";
import { multiply, multiplyTransposed } from "./gemm";
import { scaleRows } from "./matrix";
import { delta as job } from "./jobs";
import { take } from "./scratch";
import { vectorBytes } from "./simd";
import { solveUp } from "./triangular";
import { countProgress } from "./threads";

/** Records of two chunks: the state before them, and W of each. */
let kept: usize = 0;
let keptBytes: usize = 0;
let valuesBytes: usize = 0;
/** The state between two chunks of a record. */
let between: usize = 0;
/** The record of chunks that are not kept. */
let passing: usize = 0;
/** U of a chunk. */
let written: usize = 0;
/** The first position that is. */
let firstKept: i32 = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutDeltaBackward(base: usize): usize {
  layoutDelta(base);
  layoutDeltaGradient();
  valuesBytes = <usize> chunkSize * valueStride;
  keptBytes = deltaStateBytes + 2 * valuesBytes;
  between = take(deltaStateBytes);
  passing = take(keptBytes);
  written = take(valuesBytes);
  const positions = meets ? chunks - (chunks >> 1) : chunks;
  kept = take(<usize> ((positions + 1) >> 1) * keptBytes);
  return take(0);
}

function recordOf(position: i32): usize {
  if (position < firstKept) return passing;
  return kept + <usize> ((position - firstKept) >> 1) * keptBytes;
}

/** Whether a chunk is the second of its record. */
function isSecond(position: i32): bool {
  return position > firstKept && ((position - firstKept) & 1) === 1;
}

/** The state before a chunk; of a second one, while it is at hand. */
function stateBefore(position: i32): usize {
  return isSecond(position) ? between : recordOf(position);
}

/** W of a chunk. */
function errorsOf(position: i32): usize {
  const errors = recordOf(position) + deltaStateBytes;
  return isSecond(position) ? errors + valuesBytes : errors;
}

/** One phase of a sweep, back through its second half or the first; or all sweeps of a sequence. */
export function differentiateDelta(task: i32, phase: i32): void {
  const sweeps = job.whole !== 0 ? sweepsOfSequence() : 1;
  for (let s = 0; s < sweeps; s++) {
    const gradient = openSweep(task * sweeps + s), half = middle();
    if (phase === 1) differentiateChunks(0, half, gradient, true);
    else differentiateChunks(meets ? half : 0, chunks, gradient, s > 0);
  }
}

/** Back through some chunks of a sweep, whose gradients are put in place or added. */
function differentiateChunks(
  first: i32,
  end: i32,
  gradient: usize,
  adds: bool,
): void {
  if (job.dforward !== 0) loadState(job.dforward, gradient);
  keepStates(first, end);
  for (let position = end - 1; position >= first; position--) {
    if (isSecond(position) && position < end - 1) bringStateBack(position);
    openChunk(position);
    openQueries();
    differentiateChunk(position, gradient);
    giveKeys(job.dk, dk, adds);
    giveKeys(job.dq, dq, adds);
    giveValues(job.dv, dr, 1, adds);
    storeTokens(adds);
    countProgress();
  }
  if (job.dbefore !== 0) storeState(gradient, job.dbefore);
}

/** Makes the state before the second chunk of a record again. */
function bringStateBack(position: i32): void {
  const first = position - 1;
  openChunk(first);
  findWritten(errorsOf(first), written);
  write(isPreceded(first) ? recordOf(first) : 0, between, written);
}

/** Goes to a position, and keeps what is from another one on. */
function keepStates(first: i32, end: i32): void {
  firstKept = first;
  if (job.before !== 0) loadState(job.before, recordOf(0));
  for (let position = 0; position < end; position++) {
    const state = stateBefore(position), some = isPreceded(position);
    const errors = errorsOf(position), next = position + 1;
    openChunk(position);
    score(false);
    if (some) read(state, false);
    findErrors(some, errors);
    if (next < end) {
      findWritten(errors, written);
      write(some ? state : 0, stateBefore(next), written);
    }
    countProgress();
  }
}

/** All gradients of a chunk, and the one in the state before it. */
function differentiateChunk(position: i32, gradient: usize): void {
  const state = stateBefore(position), some = isPreceded(position);
  const errors = errorsOf(position);
  const more = position < chunks - 1 || job.dforward !== 0;
  const row = vectorBytes(count), width = <i32> (valueStride >> 2);
  score(true);
  findWritten(errors, written);
  scaleRows(count, row, minusBeta, keyScores, system);
  openRows();
  takeValues(job.dy, dy);
  openGradients();
  multiplyTransposed(
    count,
    width,
    count,
    scores,
    row,
    dy,
    valueStride,
    dr,
    valueStride,
    0,
    0,
    0,
  );
  if (more) {
    multiply(
      count,
      width,
      headDim,
      keysOut(),
      headStride,
      gradient,
      valueStride,
      dr,
      valueStride,
      1,
      dr,
      valueStride,
    );
  }
  solveUp(count, system, row, dr, valueStride);
  clearRest(dr, valueStride);

  gradientsInside(errors, written);
  if (some) gradientsWith(state);
  if (more) gradientsThrough(written, state, gradient, some);
  if (some) {
    weighEntries();
    if (diagonal && more) passThrough(gradient, gradient);
    multiplyTransposed(
      headDim,
      width,
      rows + count,
      bordered,
      headStride,
      dr,
      valueStride,
      gradient,
      valueStride,
      more ? through(count) : 0,
      more ? gradient : 0,
      valueStride,
    );
  }
  finishValues();
}

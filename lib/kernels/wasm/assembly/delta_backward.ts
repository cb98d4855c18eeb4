// The delta rule's backward pass. A sweep goes once as in the forward pass, and
// keeps the state before each chunk and what it wrote; then it comes back with
// the gradient G in the state. With dY the loss gradient in the sums,
//
//     (I + β S)ᵀ dR = Pᵀ dY + (out ∘ K) G        dV = β ∘ dR
//     G' = e_last G + (e ∘ Q)ᵀ dY - (β e ∘ K)ᵀ dR
//
// and the rest is in delta_gradient.ts. The second phase comes back through the
// first half of the sweep, whose states it makes again.
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
  layoutDelta,
  loadState,
  middle,
  openChunk,
  openQueries,
  openSweep,
  rows,
  scores,
  storeState,
  system,
  takeValues,
  twoSided,
} from "./delta";
import {
  findNews,
  keysOut,
  read,
  score,
  solveWritten,
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
import { delta as job } from "./jobs";
import { take } from "./scratch";
import { vectorBytes } from "./simd";
import { solveUp } from "./triangular";
import { countProgress } from "./threads";

/** Records of chunks: the state before it, its news, and what it writes. */
let kept: usize = 0;
let keptBytes: usize = 0;
let valuesBytes: usize = 0;
/** The record of a chunk that is not kept. */
let passing: usize = 0;
/** The first position that is. */
let firstKept: i32 = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutDeltaBackward(base: usize): usize {
  layoutDelta(base);
  layoutDeltaGradient();
  valuesBytes = <usize> chunkSize * valueStride;
  keptBytes = deltaStateBytes + 2 * valuesBytes;
  passing = take(keptBytes);
  kept = take(<usize> (twoSided ? chunks - (chunks >> 1) : chunks) * keptBytes);
  return take(0);
}

function recordOf(position: i32): usize {
  if (position < firstKept) return passing;
  return kept + <usize> (position - firstKept) * keptBytes;
}

/** One phase of a sweep: back through its second half, or the first. */
export function differentiateDelta(sweep: i32, phase: i32): void {
  const gradient = openSweep(sweep);
  const first = phase === 0 && twoSided ? middle() : 0;
  const end = phase === 0 ? chunks : middle();
  if (job.dforward !== 0) loadState(job.dforward, gradient);
  keepStates(first, end);
  for (let position = end - 1; position >= first; position--) {
    openChunk(position);
    openQueries();
    differentiateChunk(position, gradient);
    giveKeys(job.dk, dk, phase === 1);
    giveKeys(job.dq, dq, phase === 1);
    giveValues(job.dv, dr, 1, phase === 1);
    storeTokens(phase === 1);
    countProgress();
  }
  if (job.dbefore !== 0) storeState(gradient, job.dbefore);
}

/** Goes to a position, and keeps what is from another one on. */
function keepStates(first: i32, end: i32): void {
  firstKept = first;
  if (job.before !== 0) loadState(job.before, recordOf(0));
  for (let position = 0; position < end; position++) {
    const state = recordOf(position), some = isPreceded(position);
    const news = state + deltaStateBytes, written = news + valuesBytes;
    openChunk(position);
    score(false);
    if (some) read(state, false);
    findNews(some, news);
    solveWritten(news, written);
    const next = position + 1;
    if (next < end) write(some ? state : 0, recordOf(next), written);
    countProgress();
  }
}

/** All gradients of a chunk, and the one in the state before it. */
function differentiateChunk(position: i32, gradient: usize): void {
  const state = recordOf(position), some = isPreceded(position);
  const news = state + deltaStateBytes, written = news + valuesBytes;
  const more = position < chunks - 1 || job.dforward !== 0;
  const row = vectorBytes(count), width = <i32> (valueStride >> 2);
  score(true);
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

  gradientsInside(news, written);
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

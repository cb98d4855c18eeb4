// The delta rule's backward pass. A sweep goes once as in the forward pass (delta.ts)
// and keeps W of each chunk and the state before every second one: a state is more
// than all else of a chunk, and to make one again takes less time than the memory
// would. Then it comes back with the gradient G in the state. With dY the loss
// gradient in the output before its scale,
//
//     (I + β S)ᵀ dR = Pᵀ dY + (out ∘ K) G        dV = β ∘ dR
//     G' = e_last G + (e ∘ Q)ᵀ dY - (β e ∘ K)ᵀ dR
//
// and dQ, dK, dβ and the gradients in log decays are in delta_gradient.ts. Where two
// sweeps meet in the middle, the second phase comes back through the first half of
// the sweep, whose states it makes again.
import * as sizes from "../chunkwise/sizes";
import { chunkDecay, keysOut } from "../chunkwise/chunk_operands";
import * as delta from "./delta";
import * as chunk from "./delta_chunk";
import { decayState } from "./delta_diagonal";
import * as deltaGradient from "./delta_gradient";
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import { scaleRows } from "../../../../tfjs/wasm/assembly/math/loops";
import { delta as job } from "../jobs";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";
import { solveUp } from "./triangular";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

/** Records of two chunks each: the state before the two, and the W of either. */
let kept: usize = 0;
let keptBytes: usize = 0;
let valuesBytes: usize = 0;
/** The state between two chunks of a record. */
let between: usize = 0;
/** The record of chunks before the first one that is kept. */
let discarded: usize = 0;
/** The open chunk's U, `[chunkSize, valueDim]`. */
let vNew: usize = 0;
/** The first position that is kept. */
let firstKept: i32 = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutDeltaBackward(base: usize): usize {
  delta.layoutDelta(base);
  deltaGradient.layoutDeltaGradient();
  valuesBytes = <usize> sizes.chunkSize * sizes.valueStride;
  keptBytes = delta.deltaStateBytes + 2 * valuesBytes;
  between = allocate(delta.deltaStateBytes);
  discarded = allocate(keptBytes);
  vNew = allocate(valuesBytes);
  const positions = delta.meetInMiddle
    ? sizes.chunks - (sizes.chunks >> 1)
    : sizes.chunks;
  kept = allocate(<usize> ((positions + 1) >> 1) * keptBytes);
  return allocate(0);
}

function recordOf(position: i32): usize {
  if (position < firstKept) return discarded;
  return kept + <usize> ((position - firstKept) >> 1) * keptBytes;
}

/** Whether a chunk is the second of its record. */
function isSecond(position: i32): bool {
  return position > firstKept && ((position - firstKept) & 1) === 1;
}

/**
 * The state before a chunk; before a record's second chunk, it is there while the
 * record is open.
 */
function stateBefore(position: i32): usize {
  return isSecond(position) ? between : recordOf(position);
}

/** The address of a chunk's W, `[chunkSize, valueDim]`. */
function errorsOf(position: i32): usize {
  const errors = recordOf(position) + delta.deltaStateBytes;
  return isSecond(position) ? errors + valuesBytes : errors;
}

/**
 * Differentiates the half of a sweep that belongs to a phase, or all sweeps of a
 * sequence.
 */
export function differentiateDelta(task: i32, phase: i32): void {
  const sweeps = job.whole !== 0 ? delta.sweepsOfSequence() : 1;
  for (let s = 0; s < sweeps; s++) {
    const gradient = delta.openDeltaSweep(task * sweeps + s);
    const half = delta.middle();
    if (phase === 0) {
      const first = delta.meetInMiddle ? half : 0;
      differentiateChunks(first, sizes.chunks, gradient, s > 0);
    } else differentiateChunks(0, half, gradient, true);
  }
}

/**
 * Differentiates the chunks of a sweep from `end` back to `first`; stores
 * gradients or adds them.
 */
function differentiateChunks(
  first: i32, end: i32, gradient: usize, adds: bool
): void {
  if (job.dforward !== 0) delta.loadDeltaState(job.dforward, gradient);
  keepStates(first, end);
  for (let position = end - 1; position >= first; position--) {
    if (isSecond(position) && position < end - 1) recomputeState(position);
    delta.openDeltaChunk(position);
    delta.openDeltaQueries();
    differentiateChunk(position, gradient);
    delta.scatterKeys(job.dk, deltaGradient.dk, adds);
    delta.scatterKeys(job.dq, deltaGradient.dq, adds);
    delta.scatterValues(job.dv, deltaGradient.dr, 1, adds);
    deltaGradient.storeTokens(adds);
    countProgress();
  }
  if (job.dbefore !== 0) delta.storeDeltaState(gradient, job.dbefore);
}

/** Computes the state before the second chunk of a record again. */
function recomputeState(position: i32): void {
  const first = position - 1;
  delta.openDeltaChunk(first);
  chunk.findVNew(errorsOf(first), vNew);
  chunk.write(delta.isPreceded(first) ? recordOf(first) : 0, between, vNew);
}

/** Runs the sweep forward to before position `end`, and keeps errors and states from `first` on. */
function keepStates(first: i32, end: i32): void {
  firstKept = first;
  if (job.before !== 0) delta.loadDeltaState(job.before, recordOf(0));
  for (let position = 0; position < end; position++) {
    const state = stateBefore(position), some = delta.isPreceded(position);
    const errors = errorsOf(position), next = position + 1;
    delta.openDeltaChunk(position);
    chunk.score(false);
    if (some) chunk.read(state, false);
    chunk.findErrors(some, errors);
    if (next < end) {
      chunk.findVNew(errors, vNew);
      chunk.write(some ? state : 0, stateBefore(next), vNew);
    }
    countProgress();
  }
}

/**
 * Computes all gradients of the open chunk, and turns G into that of the state
 * before it.
 */
function differentiateChunk(position: i32, gradient: usize): void {
  const state = stateBefore(position), some = delta.isPreceded(position);
  const errors = errorsOf(position);
  const more = position < sizes.chunks - 1 || job.dforward !== 0;
  const row = vectorBytes(delta.count), width = <i32> (sizes.valueStride >> 2);
  chunk.score(true);
  chunk.findVNew(errors, vNew);
  scaleRows(delta.count, row, delta.minusBeta, delta.keyScores, delta.wyMatrix);
  deltaGradient.openRows();
  delta.gatherValues(job.dy, deltaGradient.dy);
  deltaGradient.openGradients();
  multiplyTransposed(
    delta.count, width, delta.count,
    delta.scores, row, deltaGradient.dy, sizes.valueStride,
    deltaGradient.dr, sizes.valueStride, 0, 0, 0
  );
  if (more) {
    multiply(
      delta.count, width, sizes.headDim,
      keysOut(delta.count, false, delta.k), sizes.headStride,
      gradient, sizes.valueStride,
      deltaGradient.dr, sizes.valueStride,
      1, deltaGradient.dr, sizes.valueStride
    );
  }
  solveUp(delta.count, delta.wyMatrix, row, deltaGradient.dr, sizes.valueStride);
  delta.clearRest(deltaGradient.dr, sizes.valueStride);

  deltaGradient.pairGradients(errors, vNew);
  if (some) deltaGradient.stateGradients(state);
  if (more) deltaGradient.nextStateGradients(vNew, state, gradient, some);
  if (some) {
    deltaGradient.decayEntries();
    if (sizes.diagonal && more) decayState(gradient, gradient);
    multiplyTransposed(
      sizes.headDim, width, delta.rows + delta.count,
      delta.decayedRows, sizes.headStride, deltaGradient.dr, sizes.valueStride,
      gradient, sizes.valueStride,
      more ? chunkDecay(delta.count, false) : 0,
      more ? gradient : 0, sizes.valueStride
    );
  }
  deltaGradient.finishValues();
}

// The backward pass of transitions. A sweep goes once as in the forward pass
// (transition.ts) and keeps Z of each chunk and the state before every second one: a
// state is more than all else of a chunk, and to make one again takes less time than
// the memory would. Then it comes back with the gradient G in the state; what it does
// in a chunk is in chunk_gradient.ts. Where two sweeps meet in the middle, the second
// phase comes back through the first half of the sweep, whose states it makes again.
import { chunks, chunkSize, valueStride } from "../chunkwise/sizes";
import { differentiateChunk, layoutGradient } from "./chunk_gradient";
import * as values from "./chunk_values";
import { openChunk, openOnes, score } from "./scores";
import * as transition from "./transition";
import { transition as job } from "../jobs";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

/** Records of two chunks each: the state before the two, and the Z of either. */
let kept: usize = 0;
let keptBytes: usize = 0;
let valuesBytes: usize = 0;
/** The state between two chunks of a record. */
let between: usize = 0;
/** The record of chunks before the first one that is kept. */
let discarded: usize = 0;
/** The first position that is kept. */
let firstKept: i32 = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutBackward(base: usize): usize {
  values.layoutChunks(base);
  layoutGradient();
  valuesBytes = <usize> chunkSize * valueStride;
  keptBytes = transition.transitionStateBytes + 2 * valuesBytes;
  between = allocate(transition.transitionStateBytes);
  discarded = allocate(keptBytes);
  const positions = transition.meetInMiddle ? chunks - (chunks >> 1) : chunks;
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
 * Where the state before a chunk is kept; before a record's second chunk, it is there
 * while the record is open.
 */
function stateBefore(position: i32): usize {
  return isSecond(position) ? between : recordOf(position);
}

/** The state before a chunk, or 0 where none reaches it. */
function stateReaching(position: i32): usize {
  return transition.isPreceded(position) ? stateBefore(position) : 0;
}

/** The address of a chunk's Z, `[chunkSize, valueDim]`. */
function solutionOf(position: i32): usize {
  const z = recordOf(position) + transition.transitionStateBytes;
  return isSecond(position) ? z + valuesBytes : z;
}

/**
 * Differentiates the half of a sweep that belongs to a phase, or all sweeps of a
 * sequence.
 */
export function differentiateSweeps(task: i32, phase: i32): void {
  const sweeps = job.whole !== 0 ? transition.sweepsOfSequence() : 1;
  for (let s = 0; s < sweeps; s++) {
    const gradient = transition.openSweep(task * sweeps + s);
    openOnes();
    const half = transition.middle();
    if (phase === 0) {
      const first = transition.meetInMiddle ? half : 0;
      differentiateChunks(first, chunks, gradient, s > 0);
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
  if (job.dforward !== 0) transition.loadState(job.dforward, gradient);
  keepStates(first, end);
  for (let position = end - 1; position >= first; position--) {
    if (isSecond(position) && position < end - 1) recomputeState(position);
    openChunk(position, true, true);
    const more = position < chunks - 1 || job.dforward !== 0;
    differentiateChunk(
      stateReaching(position), solutionOf(position), more ? gradient : 0,
      gradient, adds
    );
    countProgress();
  }
  if (job.dbefore !== 0) transition.storeState(gradient, job.dbefore);
}

/** Computes the state before the second chunk of a record again. */
function recomputeState(position: i32): void {
  const first = position - 1;
  openChunk(first, false, false);
  values.write(
    stateReaching(first), between, values.writtenWith(solutionOf(first))
  );
}

/** Runs the sweep forward to before position `end`, and keeps Z and states from `first` on. */
function keepStates(first: i32, end: i32): void {
  firstKept = first;
  if (job.before !== 0) transition.loadState(job.before, recordOf(0));
  for (let position = 0; position < end; position++) {
    openChunk(position, true, false);
    score();
    const before = stateReaching(position), next = position + 1;
    const written = values.solve(before, solutionOf(position));
    if (next < end) values.write(before, stateBefore(next), written);
    countProgress();
  }
}

// The delta rule's forward pass: each sweep adds to the outputs what it reads.
import { chunks, chunkSize, valueStride } from "./attention";
import {
  back,
  betaOf,
  count,
  giveValues,
  isPreceded,
  layoutDelta,
  loadState,
  middle,
  openChunk,
  openQueries,
  openSweep,
  readings,
  rows,
  scores,
  storeState,
  v,
} from "./delta";
import {
  findErrors,
  findWritten,
  read,
  score,
  write,
} from "./delta_chunk";
import { entering } from "./decay";
import { multiply } from "./gemm";
import { delta as job } from "./jobs";
import { at, scaleRows } from "./matrix";
import { take } from "./scratch";
import { multiplyAdd, vectorBytes } from "./simd";
import { countProgress } from "./threads";

let errors: usize = 0, written: usize = 0, y: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutDeltaForward(base: usize): usize {
  layoutDelta(base);
  const bytes = <usize> chunkSize * valueStride;
  errors = take(bytes);
  written = take(bytes);
  y = take(bytes);
  return take(0);
}

/** One phase of a sweep. */
export function attendDelta(sweep: i32, phase: i32): void {
  const state = openSweep(sweep);
  const first = phase === 0 ? 0 : middle();
  const end = phase === 0 ? middle() : chunks;
  if (job.before !== 0) loadState(job.before, state);
  for (let position = first; position < end; position++) {
    openChunk(position);
    openQueries();
    score(true);
    const some = isPreceded(position);
    if (some) read(state, true);
    findErrors(some, errors);
    findWritten(errors, written);
    attendChunk(some);
    // What a token has written itself, the other sweep has read.
    if (back) subtractOwn();
    giveValues(job.y, y, job.scale, phase === 1);
    const isRead = position < chunks - 1 || job.forward !== 0;
    if (isRead) write(some ? state : 0, state, written);
    countProgress();
  }
  if (job.forward !== 0) storeState(state, job.forward);
}

/** y = e ∘ Q H + P U */
function attendChunk(some: bool): void {
  const ofState = readings + rows * valueStride;
  if (some) scaleRows(count, valueStride, entering, ofState, ofState);
  multiply(
    count,
    <i32> (valueStride >> 2),
    count,
    scores,
    vectorBytes(count),
    written,
    valueStride,
    y,
    valueStride,
    some ? 1 : 0,
    ofState,
    valueStride,
  );
}

/** y_i -= β_i (q_i · k_i) v_i */
function subtractOwn(): void {
  let target = y, value = v;
  for (let i = 0; i < count; i++) {
    const own = at(scores + i * vectorBytes(count), i);
    const weight = f32x4.splat(-betaOf(i) * own);
    for (const end = target + valueStride; target < end; target += 16) {
      const sum = multiplyAdd(weight, v128.load(value), v128.load(target));
      v128.store(target, sum);
      value += 16;
    }
  }
}

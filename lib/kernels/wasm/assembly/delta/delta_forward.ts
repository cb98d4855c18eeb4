// The delta rule's forward pass (delta.ts): each sweep adds its part of the outputs.
import { chunks, chunkSize, valueStride } from "../chunkwise/sizes";
import * as delta from "./delta";
import * as chunk from "./delta_chunk";
import { decayFromStart } from "../chunkwise/decay";
import { multiply } from "../../../../tfjs/wasm/assembly/math/gemm";
import { delta as job } from "../jobs";
import { scaleRows } from "../../../../tfjs/wasm/assembly/math/loops";
import { at } from "../../../../tfjs/wasm/assembly/math/matrix";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import {
  multiplyAdd, vectorBytes
} from "../../../../tfjs/wasm/assembly/math/simd";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

let errors: usize = 0, vNew: usize = 0, y: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutDeltaForward(base: usize): usize {
  delta.layoutDelta(base);
  const bytes = <usize> chunkSize * valueStride;
  errors = allocate(bytes);
  vNew = allocate(bytes);
  y = allocate(bytes);
  return allocate(0);
}

export function attendDelta(sweep: i32, phase: i32): void {
  const state = delta.openDeltaSweep(sweep);
  const first = phase === 0 ? 0 : delta.middle();
  const end = phase === 0 ? delta.middle() : chunks;
  if (job.before !== 0) delta.loadDeltaState(job.before, state);
  for (let position = first; position < end; position++) {
    delta.openDeltaChunk(position);
    delta.openDeltaQueries();
    chunk.score(true);
    const some = delta.isPreceded(position);
    if (some) chunk.read(state, true);
    chunk.findErrors(some, errors);
    chunk.findVNew(errors, vNew);
    attendChunk(some);
    // A token's own β v is read in both sweeps, and counts in the forward one.
    if (delta.back) subtractSelfTerm();
    delta.scatterValues(job.y, y, job.scale, phase === 1);
    const isRead = position < chunks - 1 || job.forward !== 0;
    if (isRead) chunk.write(some ? state : 0, state, vNew);
    countProgress();
  }
  if (job.forward !== 0) delta.storeDeltaState(state, job.forward);
}

/** y = e ∘ Q H + P U */
function attendChunk(some: bool): void {
  const ofState = delta.stateProducts + delta.rows * valueStride;
  if (some) scaleRows(delta.count, valueStride, decayFromStart, ofState, ofState);
  multiply(
    delta.count, <i32> (valueStride >> 2), delta.count,
    delta.scores, vectorBytes(delta.count), vNew, valueStride,
    y, valueStride, some ? 1 : 0, ofState, valueStride
  );
}

/** y_i -= β_i (q_i · k_i) v_i, the self term of a token. */
function subtractSelfTerm(): void {
  let target = y, value = delta.v;
  for (let i = 0; i < delta.count; i++) {
    const own = at(delta.scores + i * vectorBytes(delta.count), i);
    const weight = f32x4.splat(-delta.betaOf(i) * own);
    for (const end = target + valueStride; target < end; target += 16) {
      const sum = multiplyAdd(weight, v128.load(value), v128.load(target));
      v128.store(target, sum);
      value += 16;
    }
  }
}

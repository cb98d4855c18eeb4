// The forward pass of transitions (transition.ts): each sweep adds its part of the
// outputs.
import {
  chunks, chunkSize, headDim, headStride, valueStride
} from "../chunkwise/sizes";
import * as values from "./chunk_values";
import * as chunk from "./open_chunk";
import * as scores from "./scores";
import { multiplyFrom } from "./staircase";
import * as transition from "./transition";
import { multiply } from "../../../../tfjs/wasm/assembly/math/gemm";
import { transition as job } from "../jobs";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

let z: usize = 0, y: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutForward(base: usize): usize {
  values.layoutChunks(base);
  z = allocate(<usize> chunkSize * valueStride);
  y = allocate(<usize> chunkSize * valueStride);
  return allocate(0);
}

export function attendSweep(sweep: i32, phase: i32): void {
  const state = transition.openSweep(sweep), middle = transition.middle();
  scores.openOnes();
  if (job.before !== 0) transition.loadState(job.before, state);
  const end = phase === 0 ? middle : chunks;
  for (let position = phase === 0 ? 0 : middle; position < end; position++) {
    scores.openChunk(position, true, true);
    scores.score();
    const before = transition.isPreceded(position) ? state : 0;
    const written = values.solve(before, z);
    attendChunk(before, written);
    chunk.scatterOutputs(job.y, y, phase === 1);
    const isRead = position < chunks - 1 || job.forward !== 0;
    if (isRead) values.write(before, state, written);
    countProgress();
  }
  if (job.forward !== 0) transition.storeState(state, job.forward);
}

/** y = Q H + P Z + P' V */
function attendChunk(before: usize, written: usize): void {
  const width = <i32> (valueStride >> 2);
  if (values.leavesOutOwn()) values.clearOwn(values.queryScores());
  if (before !== 0) {
    multiply(
      chunk.queries, width, headDim,
      scores.readersIn + chunk.aRows * headStride, headStride,
      before, valueStride, y, valueStride, 0, 0, 0
    );
  }
  for (let w = 0; w < chunk.writerRows; w += chunk.rows) {
    multiplyFrom(
      chunk.queries, chunk.count, chunk.queryStep,
      values.queryScores() + (<usize> w << 2), scores.scoreBytes,
      written + w * valueStride, y, valueStride,
      w > 0 || before !== 0 ? 1 : 0, y
    );
  }
  if (values.leavesOutOwn()) values.subtractOwn(chunk.v, y);
}

// What the open chunk reads of the state before it and writes to the one after it
// (transition.ts).
import {
  diagonal, headDim, headStride, valueStride
} from "../chunkwise/sizes";
import { channelDecaysForward } from "../chunkwise/diagonal";
import { chunkDecay } from "../chunkwise/chunk_operands";
import * as chunk from "./open_chunk";
import {
  blockBytes, layoutScores, readersIn, scoreBytes, scores, writersOut
} from "./scores";
import { back, layoutTransition, reads, tied, untied } from "./transition";
import { multiplyFrom } from "./staircase";
import { solveDown } from "./triangular";
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import { transition as job } from "../jobs";
import { scaleRows } from "../../../../tfjs/wasm/assembly/math/loops";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import { multiplyAdd } from "../../../../tfjs/wasm/assembly/math/simd";

/** Begins a thread's scratch at `base`, with what both passes need. */
export function layoutChunks(base: usize): void {
  layoutTransition(base);
  chunk.layoutRows();
  layoutScores();
}

/**
 * What the chunk writes, `[writerRows, valueDim]`, given the solution Z, which it solves
 * for, at `z`; `before` is the state before the chunk, 0 for none.
 */
export function solve(before: usize, z: usize): usize {
  if (!reads) return chunk.v;
  const width = <i32> (valueStride >> 2), count = chunk.count;
  let known = chunk.v;
  if (untied) {
    multiplyFrom(
      count, count, 1, scores + blockBytes, scoreBytes, chunk.v, z, valueStride,
      0, z
    );
    known = z;
  }
  if (before !== 0) {
    multiply(
      count, width, headDim, readersIn, headStride, before, valueStride,
      z, valueStride, 1, known, valueStride
    );
  } else if (!untied) memory.copy(z, known, count * valueStride);
  solveDown(count, scores, scoreBytes, z, valueStride);
  return writtenWith(z);
}

/** Returns what the chunk writes, `[writerRows, valueDim]`, given its Z. */
export function writtenWith(z: usize): usize {
  if (!untied) return tied ? z : chunk.v;
  const bytes = chunk.count * valueStride;
  memory.copy(chunk.values, z, bytes);
  memory.fill(chunk.values + bytes, 0, chunk.rows * valueStride - bytes);
  return chunk.values;
}

/** to = e_last from + Bᵀ Z + Kᵀ V; `from` is 0 where no state reaches the chunk. */
export function write(from: usize, to: usize, written: usize): void {
  multiplyTransposed(
    headDim, <i32> (valueStride >> 2), chunk.writerRows,
    writersOut, headStride, written, valueStride,
    to, valueStride, decayState(from, to), diagonal ? to : from, valueStride
  );
}

/**
 * Decays a state through the chunk, to `to` where channels decay: then, and if it is 0,
 * no state, the number that is returned is all that is left to multiply it with.
 */
export function decayState(state: usize, to: usize): f32 {
  if (state === 0) return 0;
  if (diagonal) scaleRows(headDim, valueStride, channelDecaysForward, state, to);
  return chunkDecay(chunk.count, false);
}

/**
 * Whether the sweep leaves out what tokens have written themselves, which the one in
 * the other direction counts. Where tokens have several steps, the caller sees to it.
 */
export function leavesOutOwn(): bool {
  return back && job.steps === 1;
}

/** The address of the scores of queries. */
export function queryScores(): usize {
  return scores + chunk.aRows * scoreBytes;
}

/**
 * Clears the scores of queries with their own rows k, or the gradients in them, unless
 * rows are tied, where queries read b and k at once.
 */
export function clearOwn(cells: usize): void {
  if (tied) return;
  const column = untied ? chunk.rows : 0;
  for (let i = 0; i < chunk.count; i++) put(cells + i * scoreBytes, column + i, 0);
}

/** target = target - (q_i · k_i) row_i, if rows are tied. */
export function subtractOwn(row: usize, target: usize): void {
  if (!tied) return;
  for (let i = 0; i < chunk.count; i++) {
    const own = at(queryScores() + i * scoreBytes, i);
    const weight = f32x4.splat(-own);
    for (const end = target + valueStride; target < end; target += 16) {
      const sum = multiplyAdd(weight, v128.load(row), v128.load(target));
      v128.store(target, sum);
      row += 16;
    }
  }
}

// A log decay for each channel of the keys in the delta rule: rows, scores and
// states decay entry by entry (diagonal.ts, diagonal_scores.ts), and the numbers by
// which delta_chunk.ts multiplies them are then all 1.
import * as sizes from "../chunkwise/sizes";
import { decayFromStart, decayToEnd, maskWeights } from "../chunkwise/decay";
import * as channels from "../chunkwise/diagonal";
import {
  diagonalGradients, diagonalScores
} from "../chunkwise/diagonal_scores";
import { dot, scaleRows } from "../../../../tfjs/wasm/assembly/math/loops";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import { vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";

/** Gradients in the log decays of the chunk, rows as of the keys. */
export let slopes: usize = 0;
/** Scratch as large as the keys of a chunk. */
let scratch: usize = 0;

/**
 * Takes scratch beside attention's, for a chunk of `tokens` tokens, a multiple of
 * four.
 */
export function layoutDeltaDiagonal(tokens: usize): void {
  slopes = sizes.allocate(tokens * sizes.headStride);
  scratch = sizes.allocate(tokens * sizes.headStride);
}

/** Sets the decays of whole tokens, and their mask, to 1. */
export function openOnes(): void {
  const one: f32 = 1;
  for (let i = 0; i < sizes.chunkSize; i++) {
    put(decayFromStart, i, one);
    put(decayToEnd, i, one);
  }
  const cells = sizes.chunkSize * <i32> (vectorBytes(sizes.chunkSize) >> 2);
  for (let i = 0; i < cells; i++) put(maskWeights, i, one);
}

/** Reads the log decays of a chunk, rows as of the keys. */
export function openDiagonalGates(count: i32, gates: usize): void {
  channels.openDiagonalDecays(count, gates, 0, sizes.headStride);
}

/**
 * Fills the scores x_i · k_j, decayed between the two tokens, for i >= j, and 0
 * above.
 */
export function scoresOf(count: i32, x: usize, k: usize, scores: usize): void {
  diagonalScores(count, x, k);
  memory.copy(scores, sizes.scores, count * vectorBytes(count));
}

/** target = e ∘ rows, decayed from the border before the chunk. */
export function decayFromStartAll(count: i32, rows: usize, target: usize): void {
  channels.openQueryPath(0, count, false);
  channels.decayAlongPath(rows, target);
}

/** to = a state, decayed through the chunk. */
export function decayState(state: usize, to: usize): void {
  scaleRows(
    sizes.headDim, sizes.valueStride, channels.channelDecaysForward, state, to
  );
}

/** Sets the gradients in the log decays of a chunk to 0. */
export function openSlopes(rows: i32): void {
  memory.fill(slopes, 0, rows * sizes.headStride);
}

/**
 * Adds to dx, dk and the gradients in log decays what comes from those in {@link
 * scoresOf}.
 */
export function addScoreGradients(
  count: i32, x: usize, k: usize, products: usize, dx: usize, dk: usize
): void {
  diagonalGradients(count, x, k, products, dx, dk, slopes, 0, scratch);
}

/**
 * Adds to `target`, the gradient in rows, and to those in log decays what comes from
 * the gradient in a result of {@link decayFromStartAll}, which is overwritten.
 */
export function addFromStartGradients(
  count: i32, gradient: usize, rows: usize, target: usize
): void {
  channels.openQueryPath(0, count, false);
  channels.backwardAlongPath(gradient, rows, target, slopes);
}

/**
 * Adds to `target`, the gradient in rows, and to those in log decays what comes from
 * the gradient in out ∘ rows, which is overwritten.
 */
export function addToEndGradients(
  count: i32, gradient: usize, rows: usize, target: usize
): void {
  channels.openKeyPath(count, count, false);
  channels.backwardAlongPath(gradient, rows, target, slopes);
}

/**
 * Adds to the gradients in log decays what comes from {@link decayState}, given
 * the gradient in its result.
 */
export function addStateDecayGradient(
  count: i32, state: usize, gradient: usize
): void {
  for (let n = 0; n < sizes.headDim; n++) {
    const offset = n * sizes.valueStride;
    const slope = at(channels.channelDecaysForward, n) *
      dot(sizes.valueStride, state + offset, gradient + offset);
    let cell = slopes;
    for (let i = 0; i < count; i++) {
      put(cell, n, at(cell, n) + slope);
      cell += sizes.headStride;
    }
  }
}

// A log decay for each channel of the keys in the delta rule: rows, scores and
// states are weighed entry by entry (diagonal.ts, diagonal_scores.ts), and the
// numbers with which delta.ts would weigh them are then all 1.
import * as sizes from "../chunkwise/sizes";
import { decayFromStart, decayToEnd, maskWeights } from "../chunkwise/decay";
import * as channels from "../chunkwise/diagonal";
import { diagonalGradients, diagonalScores } from "../chunkwise/diagonal_scores";
import { dot, scaleRows } from "../math/loops";
import { at, put } from "../math/matrix";
import { vectorBytes } from "../math/simd";

/** Gradients in the log decays, of the rows of the chunk. */
export let slopes: usize = 0;
/** As large as the keys of a chunk. */
let scratch: usize = 0;

/** Takes scratch beside attention's, for a chunk of so many tokens, a multiple of four. */
export function layoutDeltaDiagonal(tokens: usize): void {
  slopes = sizes.allocate(tokens * sizes.headStride);
  scratch = sizes.allocate(tokens * sizes.headStride);
}

/** Begins with a thread's chunks. */
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
export function openGates(count: i32, gates: usize): void {
  channels.openDiagonalDecays(count, gates, 0, sizes.headStride);
}

/** Fills scores: x_i · k_j, decayed between the two, for i >= j; 0 above. */
export function scoresOf(count: i32, x: usize, k: usize, scores: usize): void {
  diagonalScores(count, x, k);
  memory.copy(scores, sizes.scores, count * vectorBytes(count));
}

/** target = rows, decayed from the border before the chunk. */
export function decayFromStartAll(count: i32, rows: usize, target: usize): void {
  channels.openQueryPath(0, count, false);
  channels.decayAlongPath(rows, target);
}

/** target = rows, decayed to the border after it. */
export function decayToEndAll(count: i32, rows: usize, target: usize): void {
  channels.openKeyPath(count, count, false);
  channels.decayAlongPath(rows, target);
}

/** to = what is left of a state that has passed through the chunk. */
export function decayState(state: usize, to: usize): void {
  scaleRows(
    sizes.headDim, sizes.valueStride, channels.chunkDecayForward, state, to
  );
}

/** Begins with the gradients of a chunk. */
export function openSlopes(rows: i32): void {
  memory.fill(slopes, 0, rows * sizes.headStride);
}

/** From those in scores: dx and dk more by what they make of them. */
export function addScoreGradients(
  count: i32, x: usize, k: usize, products: usize, dx: usize, dk: usize
): void {
  diagonalGradients(count, x, k, products, dx, dk, slopes, 0, scratch);
}

/** From those in what {@link decayFromStartAll} made; overwrites `gradient`. */
export function addFromStartGradients(
  count: i32, gradient: usize, rows: usize, target: usize
): void {
  channels.openQueryPath(0, count, false);
  channels.backwardAlongPath(gradient, rows, target, slopes);
}

/** From those in what {@link decayToEndAll} made; overwrites `gradient`. */
export function addToEndGradients(
  count: i32, gradient: usize, rows: usize, target: usize
): void {
  channels.openKeyPath(count, count, false);
  channels.backwardAlongPath(gradient, rows, target, slopes);
}

/** From a state that passes through the chunk, and the gradient in it after that. */
export function addChunkDecayGradient(
  count: i32, state: usize, gradient: usize
): void {
  for (let n = 0; n < sizes.headDim; n++) {
    const offset = n * sizes.valueStride;
    const slope = at(channels.chunkDecayForward, n) *
      dot(sizes.valueStride, state + offset, gradient + offset);
    let cell = slopes;
    for (let i = 0; i < count; i++) {
      put(cell, n, at(cell, n) + slope);
      cell += sizes.headStride;
    }
  }
}

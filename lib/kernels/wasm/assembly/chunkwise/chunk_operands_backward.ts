// The gradients in the operands that decays make of a chunk (chunk_operands.ts:
// Qin, Kout and chunkDecay), back to q, k and the log decays; those through A are in
// intra_chunk_backward.ts and diagonal_scores.ts. What each step adds to the
// gradients in log decays is kept until all of the chunk is known.
import * as sizes from "./sizes";
import {
  decayFromEnd, decayFromStart, decayToEnd, decayToStart
} from "./decay";
import * as diagonal from "./diagonal";
import * as chunk from "./backward_chunk";
import * as decayGradient from "./decay_gradient";
import { rowsDb, rowsDf } from "./intra_chunk_backward";
import { attention as job } from "../jobs";
import {
  addScaledRowsAndDot, dot
} from "../../../../tfjs/wasm/assembly/math/loops";
import { unpadRows } from "../../../../tfjs/wasm/assembly/math/matrix";
import { chunkDecay } from "./chunk_operands";
import { multiplyAdd } from "../../../../tfjs/wasm/assembly/math/simd";

/**
 * Gradients in the exponents of all pairs of tokens around the chunk, forward and
 * back.
 */
let around: f32 = 0, aroundBack: f32 = 0;

/** Sets the gradients in the chunk's log decays to 0, before steps add to them. */
export function clearDecayGradients(): void {
  if (sizes.diagonal) {
    const bytes = ((chunk.count + 3) & ~3) * sizes.headStride;
    memory.fill(rowsDf, 0, bytes);
    if (!sizes.causal) memory.fill(rowsDb, 0, bytes);
    return;
  }
  decayGradient.clearDecaySums();
  around = 0;
  aroundBack = 0;
}

/**
 * Adds to dq, and to the gradients in log decays, what comes from the gradient in
 * Qin.
 */
export function addQueryGradient(back: bool, gradient: usize, dq: usize): void {
  if (sizes.diagonal) {
    diagonal.openQueryPath(back ? chunk.count : 0, chunk.count, back);
    return diagonal.backwardAlongPath(
      gradient, chunk.q, dq, back ? rowsDb : rowsDf
    );
  }
  const weights = back ? decayFromEnd : decayFromStart;
  const sums = back ? decayGradient.readAfter : decayGradient.readBefore;
  addScaledRowsAndDot(
    chunk.count, sizes.headStride, weights, gradient, chunk.q, dq, sums
  );
}

/**
 * Adds to dk, and to the gradients in log decays, what comes from the gradient in
 * Kout.
 */
export function addKeyGradient(back: bool, gradient: usize, dk: usize): void {
  if (sizes.diagonal) {
    diagonal.openKeyPath(back ? 0 : chunk.count, chunk.count, back);
    return diagonal.backwardAlongPath(
      gradient, chunk.k, dk, back ? rowsDb : rowsDf
    );
  }
  const weights = back ? decayToStart : decayToEnd;
  const sums = back ? decayGradient.writtenBefore : decayGradient.writtenAfter;
  addScaledRowsAndDot(
    chunk.count, sizes.headStride, weights, gradient, chunk.k, dk, sums
  );
}

/**
 * Adds to the gradients in log decays what comes from chunkDecay, given a state that
 * enters the chunk and the gradient in the one that leaves it.
 */
export function addChunkDecayGradient(
  back: bool, bytes: usize, state: usize, gradient: usize
): void {
  if (sizes.diagonal) {
    return addDiagonalGradient(
      back ? diagonal.channelDecaysBack : diagonal.channelDecaysForward,
      back ? rowsDb : rowsDf, state, gradient
    );
  }
  const product = chunkDecay(chunk.count, back) * dot(bytes, state, gradient);
  if (back) aroundBack = product;
  else around = product;
}

/**
 * {@link addChunkDecayGradient} of one decay for each channel, whose exponents have
 * the log decays of all tokens of the chunk.
 */
function addDiagonalGradient(
  channels: usize, decayGradients: usize, state: usize, gradient: usize
): void {
  for (let n: usize = 0; n < sizes.headStride; n += 16) {
    let sum = f32x4.splat(0), cell = n;
    for (let row = 0; row <= sizes.valueDim; row++) {
      const x = v128.load(state + cell);
      sum = multiplyAdd(x, v128.load(gradient + cell), sum);
      cell += sizes.headStride;
    }
    const cross = f32x4.mul(v128.load(channels + n), sum);
    let decayGradient = decayGradients + n;
    for (let i = 0; i < chunk.count; i++) {
      v128.store(decayGradient, f32x4.add(v128.load(decayGradient), cross));
      decayGradient += sizes.headStride;
    }
  }
}

/** Stores the gradients in the chunk's log decays. */
export function storeDecayGradients(): void {
  if (sizes.diagonal) {
    const offset = chunk.token * sizes.headBytes;
    unpadRows(
      chunk.count, rowsDf, sizes.headStride, job.df + offset,
      sizes.headBytes
    );
    if (sizes.causal) return;
    unpadRows(
      chunk.count, rowsDb, sizes.headStride, job.db + offset,
      sizes.headBytes
    );
  } else if (sizes.decays) {
    decayGradient.storeTokenDecayGradients(
      chunk.token, chunk.count, chunk.f, chunk.b, around, aroundBack
    );
  }
}

// The gradients in what preparation.ts makes of a chunk, back to q, k and the log
// decays; those through A are in inside_gradient.ts and diagonal_scores.ts. What
// the log decays need of each step is kept until all of the chunk is known.
import * as sizes from "./sizes";
import { decayFromStart, decayFromEnd, decayToEnd, decayToStart } from "./decay";
import * as diagonal from "./diagonal";
import * as intra from "./intra_chunk_backward";
import { attention as job } from "../jobs";
import { addScaledRowsAndDot, dot } from "../math/loops";
import { unpadRows } from "../math/matrix";
import { chunkDecay } from "./chunk_operands";
import { multiplyAdd } from "../math/simd";

/** What passes through all of the chunk, forward and back. */
let crossing: f32 = 0, crossingBack: f32 = 0;

/** Begins with a chunk, before the gradients inside. */
export function openGradient(): void {
  if (sizes.diagonal) {
    const bytes = ((intra.count + 3) & ~3) * sizes.headStride;
    memory.fill(intra.rowsDf, 0, bytes);
    if (!sizes.causal) memory.fill(intra.rowsDb, 0, bytes);
    return;
  }
  memory.fill(intra.lowerRows, 0, intra.sumsBytes);
  crossing = 0;
  crossingBack = 0;
}

/** dq += the gradient through Qin, given that in Qin. */
export function addQueryGradient(back: bool, gradient: usize, dq: usize): void {
  if (sizes.diagonal) {
    diagonal.openQueryPath(back ? intra.count : 0, intra.count, back);
    return diagonal.backwardAlongPath(
      gradient, intra.q, dq, back ? intra.rowsDb : intra.rowsDf
    );
  }
  const weights = back ? decayFromEnd : decayFromStart;
  const sums = back ? intra.readAfter : intra.readBefore;
  addScaledRowsAndDot(
    intra.count, sizes.headStride, weights, gradient, intra.q, dq, sums
  );
}

/** dk += the gradient through Kout, given that in Kout. */
export function addKeyGradient(back: bool, gradient: usize, dk: usize): void {
  if (sizes.diagonal) {
    diagonal.openKeyPath(back ? 0 : intra.count, intra.count, back);
    return diagonal.backwardAlongPath(
      gradient, intra.k, dk, back ? intra.rowsDb : intra.rowsDf
    );
  }
  const weights = back ? decayToStart : decayToEnd;
  const sums = back ? intra.writtenBefore : intra.writtenAfter;
  addScaledRowsAndDot(
    intra.count, sizes.headStride, weights, gradient, intra.k, dk, sums
  );
}

/** Notes the gradient through what is left of a state, given the state and the gradient in it on the other side. */
export function addChunkDecayGradient(
  back: bool, bytes: usize, state: usize, gradient: usize
): void {
  if (sizes.diagonal) {
    return addChannelsGradient(
      back ? diagonal.chunkDecayBack : diagonal.chunkDecayForward,
      back ? intra.rowsDb : intra.rowsDf, state, gradient
    );
  }
  const cross = chunkDecay(intra.count, back) * dot(bytes, state, gradient);
  if (back) crossingBack = cross;
  else crossing = cross;
}

/** Likewise for channels: a token's log decays are all in the exponents of theirs. */
function addChannelsGradient(
  channels: usize, slopes: usize, state: usize, gradient: usize
): void {
  for (let n: usize = 0; n < sizes.headStride; n += 16) {
    let sum = f32x4.splat(0), cell = n;
    for (let row = 0; row <= sizes.valueDim; row++) {
      const x = v128.load(state + cell);
      sum = multiplyAdd(x, v128.load(gradient + cell), sum);
      cell += sizes.headStride;
    }
    const cross = f32x4.mul(v128.load(channels + n), sum);
    let slope = slopes + n;
    for (let i = 0; i < intra.count; i++) {
      v128.store(slope, f32x4.add(v128.load(slope), cross));
      slope += sizes.headStride;
    }
  }
}

/** Stores the gradients in the chunk's log decays. */
export function storeDecayGradients(): void {
  if (sizes.diagonal) {
    const offset = intra.token * sizes.headBytes;
    unpadRows(
      intra.count, intra.rowsDf, sizes.headStride, job.df + offset,
      sizes.headBytes
    );
    if (sizes.causal) return;
    unpadRows(
      intra.count, intra.rowsDb, sizes.headStride, job.db + offset,
      sizes.headBytes
    );
  } else if (sizes.decays) intra.decayGradients(crossing, crossingBack);
}

// The gradients in what preparation.ts makes of a chunk, back to q, k and the log
// decays; those through A are in inside_gradient.ts and diagonal_scores.ts. What
// the log decays need of each step is kept until all of the chunk is known.
import {
  causal,
  decays,
  diagonal,
  headBytes,
  headStride,
  valueDim,
} from "./attention";
import { entering, enteringBack, leaving, leavingBack } from "./decay";
import {
  openKeyWay,
  openQueryWay,
  throughBack,
  throughForward,
  walkBack,
} from "./diagonal";
import {
  count,
  decayGradients,
  k,
  lowerRows,
  q,
  readAfter,
  readBefore,
  rowsDb,
  rowsDf,
  sumsBytes,
  token,
  writtenAfter,
  writtenBefore,
} from "./inside_gradient";
import { attention as job } from "./jobs";
import { addScaledRowsAndDot, dot, unpadRows } from "./matrix";
import { through } from "./preparation";
import { multiplyAdd } from "./simd";

/** What passes through all of the chunk, forward and back. */
let crossing: f32 = 0, crossingBack: f32 = 0;

/** Begins with a chunk, before the gradients inside. */
export function openGradient(): void {
  if (diagonal) {
    const bytes = ((count + 3) & ~3) * headStride;
    memory.fill(rowsDf, 0, bytes);
    if (!causal) memory.fill(rowsDb, 0, bytes);
    return;
  }
  memory.fill(lowerRows, 0, sumsBytes);
  crossing = 0;
  crossingBack = 0;
}

/** dq += the gradient through Qin, given that in Qin. */
export function addQueryGradient(back: bool, gradient: usize, dq: usize): void {
  if (diagonal) {
    openQueryWay(back ? count : 0, count, back);
    return walkBack(gradient, q, dq, back ? rowsDb : rowsDf);
  }
  const weights = back ? enteringBack : entering;
  const sums = back ? readAfter : readBefore;
  addScaledRowsAndDot(count, headStride, weights, gradient, q, dq, sums);
}

/** dk += the gradient through Kout, given that in Kout. */
export function addKeyGradient(back: bool, gradient: usize, dk: usize): void {
  if (diagonal) {
    openKeyWay(back ? 0 : count, count, back);
    return walkBack(gradient, k, dk, back ? rowsDb : rowsDf);
  }
  const weights = back ? leavingBack : leaving;
  const sums = back ? writtenBefore : writtenAfter;
  addScaledRowsAndDot(count, headStride, weights, gradient, k, dk, sums);
}

/** Notes the gradient through what is left of a state, given the state and the gradient in it on the other side. */
export function addThroughGradient(
  back: bool,
  bytes: usize,
  state: usize,
  gradient: usize,
): void {
  if (diagonal) {
    return addChannelsGradient(
      back ? throughBack : throughForward,
      back ? rowsDb : rowsDf,
      state,
      gradient,
    );
  }
  const cross = through(count, back) * dot(bytes, state, gradient);
  if (back) crossingBack = cross;
  else crossing = cross;
}

/** Likewise for channels: a token's log decays are all in the exponents of theirs. */
function addChannelsGradient(
  channels: usize,
  slopes: usize,
  state: usize,
  gradient: usize,
): void {
  for (let n: usize = 0; n < headStride; n += 16) {
    let sum = f32x4.splat(0), cell = n;
    for (let row = 0; row <= valueDim; row++) {
      const x = v128.load(state + cell);
      sum = multiplyAdd(x, v128.load(gradient + cell), sum);
      cell += headStride;
    }
    const cross = f32x4.mul(v128.load(channels + n), sum);
    let slope = slopes + n;
    for (let i = 0; i < count; i++) {
      v128.store(slope, f32x4.add(v128.load(slope), cross));
      slope += headStride;
    }
  }
}

/** Stores the gradients in the chunk's log decays. */
export function storeDecayGradients(): void {
  if (diagonal) {
    const offset = token * headBytes;
    unpadRows(count, rowsDf, headStride, job.df + offset, headBytes);
    if (causal) return;
    unpadRows(count, rowsDb, headStride, job.db + offset, headBytes);
  } else if (decays) decayGradients(crossing, crossingBack);
}

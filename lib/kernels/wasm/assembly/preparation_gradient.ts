// The gradients in what preparation.ts makes of a chunk, back to q, k and the log
// decays; those through A are in inside_gradient.ts. What the log decays need of
// each step is kept until all of the chunk is known.
import { decays, headStride } from "./attention";
import { entering, enteringBack, leaving, leavingBack } from "./decay";
import {
  count,
  decayGradients,
  k,
  lowerRows,
  q,
  readAfter,
  readBefore,
  sumsBytes,
  writtenAfter,
  writtenBefore,
} from "./inside_gradient";
import { addScaledRowsAndDot, dot } from "./matrix";
import { through } from "./preparation";

/** What passes through all of the chunk, forward and back. */
let crossing: f32 = 0, crossingBack: f32 = 0;

/** Begins with a chunk, before the gradients inside. */
export function openGradient(): void {
  memory.fill(lowerRows, 0, sumsBytes);
  crossing = 0;
  crossingBack = 0;
}

/** dq += the gradient through Qin, given that in Qin. */
export function addQueryGradient(back: bool, gradient: usize, dq: usize): void {
  const weights = back ? enteringBack : entering;
  const sums = back ? readAfter : readBefore;
  addScaledRowsAndDot(count, headStride, weights, gradient, q, dq, sums);
}

/** dk += the gradient through Kout, given that in Kout. */
export function addKeyGradient(back: bool, gradient: usize, dk: usize): void {
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
  const cross = through(count, back) * dot(bytes, state, gradient);
  if (back) crossingBack = cross;
  else crossing = cross;
}

/** Stores the gradients in the chunk's log decays. */
export function storeDecayGradients(): void {
  if (decays) decayGradients(crossing, crossingBack);
}

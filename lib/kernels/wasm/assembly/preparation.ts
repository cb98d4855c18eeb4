// What the decays of a chunk make of its matrices: all that the chunkwise form
// knows of them. With a prime for what goes from right to left (`back`),
//
//     Y  = A V + Qin H + Qin' T       A     scores inside of the chunk, weighed
//     H' = through ∘ H + Koutᵀ V      Qin   queries, decayed from the border
//     T' = through' ∘ T + Kout'ᵀ V    Kout  keys, decayed to the border
//
// A kind of decay provides these, and takes the gradients in them back to q, k
// and itself (preparation_gradient.ts). Schedules, states and the launcher hold
// for every kind. So far there are two: none, and a number for each token, whose
// exponents are in decay.ts and whose A is in inside.ts.
//
// A number for each channel would scale rows entry by entry, and in `carried`
// the state, a row for each channel (in the backward pass a column), to leave 1
// in `through`; a pass would be a vector. The delta rule would make pseudo-values
// of the state, in `valuesOf`, and have one segment a sequence.
import { decays, headStride, scaled } from "./attention";
import {
  bordersOf,
  entering,
  enteringBack,
  leaving,
  leavingBack,
  through as throughForward,
  throughBack,
} from "./decay";
import {
  addRowDots,
  at,
  put,
  scaleAndAdd,
  scaleRows,
  scaleRowsAndDot,
} from "./matrix";

/** Reads the log decays of a chunk of `count` tokens; all else here is then of this chunk. */
export function openDecays(count: i32, f: usize, b: usize): void {
  if (decays) bordersOf(count, f, b);
}

/** Kout, in scratch or in its place. */
export function keysOut(count: i32, back: bool, k: usize): usize {
  if (!decays) return k;
  scaleRows(count, headStride, back ? leavingBack : leaving, k, scaled);
  return scaled;
}

/** Qin, likewise. */
export function queriesIn(count: i32, back: bool, q: usize): usize {
  if (!decays) return q;
  scaleRows(count, headStride, back ? enteringBack : entering, q, scaled);
  return scaled;
}

/** Qin, likewise; sums_i more by its products with a vector. */
export function queriesInAndDot(
  count: i32,
  back: bool,
  q: usize,
  vector: usize,
  sums: usize,
): usize {
  if (!decays) {
    addRowDots(count, headStride, q, vector, sums);
    return q;
  }
  const weights = back ? enteringBack : entering;
  scaleRowsAndDot(count, headStride, weights, q, scaled, vector, sums);
  return scaled;
}

/** What is left to multiply a state by that is {@link carried} through the chunk. */
export function through(count: i32, back: bool): f32 {
  if (!decays) return 1;
  return back ? throughBack() : throughForward(count);
}

/**
 * A state on its way through the chunk, where it is or at `to`: what one number
 * cannot do of the decays is done.
 */
export function carried(state: usize, _to: usize): usize {
  return state;
}

/** V as it is written to a state that comes to the chunk, if one does. */
export function valuesOf(_state: usize, _back: bool, v: usize): usize {
  return v;
}

/** Bytes of a pass: what is left of a state that goes through several chunks. */
export function passBytes(): usize {
  return 64;
}

/** Begins a pass. */
export function openPass(pass: usize): void {
  const one: f32 = 1;
  put(pass, 0, one);
}

/** A pass goes through the chunk too. */
export function extendPass(pass: usize, count: i32, back: bool): void {
  put(pass, 0, at(pass, 0) * through(count, back));
}

/** state = pass ∘ state + written */
export function passOn(
  bytes: usize,
  state: usize,
  pass: usize,
  written: usize,
): void {
  scaleAndAdd(bytes, state, at(pass, 0), written);
}

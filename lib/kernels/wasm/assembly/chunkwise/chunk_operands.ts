// What the decays of a chunk make of its matrices: all that the chunkwise form
// knows of them. With a prime for what goes from right to left (`back`),
//
//     Y  = A V + Qin H + Qin' T       A     scores inside of the chunk, weighed
//     H' = through ∘ H + Koutᵀ V      Qin   queries, decayed from the border
//     T' = through' ∘ T + Kout'ᵀ V    Kout  keys, decayed to the border
//
// A kind of decay provides these, and takes the gradients in them back to q, k
// and itself (preparation_gradient.ts). Schedules, states and the launcher hold
// for every kind. So far there are three: none; a number for each token, whose
// exponents are in decay.ts and whose A is in inside.ts; and a number for each
// channel too (diagonal.ts, diagonal_scores.ts).
//
// A number for each channel scales rows entry by entry, and in `decayedState` the
// state, a row for each channel (in the backward pass a column), to leave 1 in
// `chunkDecay`; a pass is a vector. The delta rule, whose values depend on the state,
// has a schedule of its own (delta.ts).
import * as sizes from "./sizes";
import * as decay from "./decay";
import * as diagonal from "./diagonal";
import { multiplyVectors, scaleAndAdd, scaleRows } from "../math/loops";
import {
  addRowDots, at, paddedRows, put, scaleRowsAndDot,
} from "../math/matrix";

/**
 * Reads the log decays of a chunk of `count` tokens; all else here is then of
 * this chunk. Either is 0 where nobody asks for what goes that way.
 */
export function openDecays(count: i32, f: usize, b: usize): void {
  if (sizes.diagonal) diagonal.openDiagonalDecays(count, f, b, sizes.headBytes);
  else if (sizes.decays) decay.openBorderDecays(count, f, b);
}

/** Rows of q or k with padding, as all of this takes them: where they are, or copied. */
export function headRows(count: i32, rows: usize, copy: usize): usize {
  return sizes.diagonal
    ? diagonal.blockRows(count, rows, sizes.headBytes, copy)
    : paddedRows(count, rows, sizes.headBytes, copy, sizes.headStride);
}

/** Kout, in scratch or in its place. */
export function keysOut(count: i32, back: bool, k: usize): usize {
  if (!sizes.decays) return k;
  if (sizes.diagonal) {
    diagonal.openKeyPath(back ? 0 : count, count, back);
    diagonal.decayAlongPath(k, sizes.scaled);
    return sizes.scaled;
  }
  scaleRows(
    count, sizes.headStride, back ? decay.decayToStart : decay.decayToEnd, k,
    sizes.scaled
  );
  return sizes.scaled;
}

/** Qin, likewise. */
export function queriesIn(count: i32, back: bool, q: usize): usize {
  if (!sizes.decays) return q;
  if (sizes.diagonal) {
    diagonal.openQueryPath(back ? count : 0, count, back);
    diagonal.decayAlongPath(q, sizes.scaled);
    return sizes.scaled;
  }
  scaleRows(
    count, sizes.headStride, back ? decay.decayFromEnd : decay.decayFromStart,
    q, sizes.scaled
  );
  return sizes.scaled;
}

/** Qin, likewise; sums_i more by its products with a vector. */
export function queriesInAndDot(
  count: i32, back: bool, q: usize, vector: usize, sums: usize
): usize {
  if (!sizes.decays || sizes.diagonal) {
    const queries = queriesIn(count, back, q);
    addRowDots(count, sizes.headStride, queries, vector, sums);
    return queries;
  }
  const weights = back ? decay.decayFromEnd : decay.decayFromStart;
  scaleRowsAndDot(
    count, sizes.headStride, weights, q, sizes.scaled, vector, sums
  );
  return sizes.scaled;
}

/** What is left to multiply a state by that is {@link decayedState} through the chunk. */
export function chunkDecay(count: i32, back: bool): f32 {
  if (!sizes.decays || sizes.diagonal) return 1;
  return back ? decay.chunkDecayBack() : decay.chunkDecay(count);
}

/**
 * A state on its way through the chunk, where it is or at `to`: what one number
 * cannot do of the decays is done.
 */
export function decayedState(back: bool, state: usize, to: usize): usize {
  if (!sizes.diagonal) return state;
  scaleChannels(
    back ? diagonal.chunkDecayBack : diagonal.chunkDecayForward, state, to
  );
  return to;
}

/** to = channels ∘ state, with the normaliser's part, in either pass's layout. */
function scaleChannels(channels: usize, state: usize, to: usize): void {
  if (sizes.stateTransposed) {
    for (let row = 0; row <= sizes.valueDim; row++) {
      multiplyVectors(sizes.headStride, channels, state, to);
      state += sizes.headStride;
      to += sizes.headStride;
    }
  } else {
    scaleRows(sizes.headDim, sizes.valueStride, channels, state, to);
    const keySum = sizes.headDim * sizes.valueStride;
    multiplyVectors(sizes.headStride, channels, state + keySum, to + keySum);
  }
}

/** Bytes of a pass: what is left of a state that goes through several chunks. */
export function splitDecayBytes(): usize {
  return sizes.diagonal ? (sizes.headStride + 63) & ~63 : 64;
}

/** Begins a pass. */
export function openSplitDecay(pass: usize): void {
  const one: f32 = 1;
  const numbers = sizes.diagonal ? <i32> (sizes.headStride >> 2) : 1;
  for (let n = 0; n < numbers; n++) put(pass, n, one);
}

/** A pass goes through the chunk too. */
export function extendSplitDecay(pass: usize, count: i32, back: bool): void {
  if (sizes.diagonal) {
    multiplyVectors(
      sizes.headStride,
      back ? diagonal.chunkDecayBack : diagonal.chunkDecayForward, pass, pass
    );
  } else put(pass, 0, at(pass, 0) * chunkDecay(count, back));
}

/** state = pass ∘ state + written */
export function carryState(
  bytes: usize, state: usize, pass: usize, written: usize
): void {
  if (sizes.diagonal) scaleChannels(pass, state, state);
  scaleAndAdd(bytes, sizes.diagonal ? 1 : at(pass, 0), state, written);
}

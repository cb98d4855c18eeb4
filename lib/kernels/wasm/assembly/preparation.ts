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
// A number for each channel scales rows entry by entry, and in `carried` the
// state, a row for each channel (in the backward pass a column), to leave 1 in
// `through`; a pass is a vector. The delta rule, whose values depend on the state,
// has a schedule of its own (delta.ts).
import {
  decays,
  diagonal,
  headBytes,
  headDim,
  headStride,
  lying,
  scaled,
  valueDim,
  valueStride,
} from "./attention";
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
  blockRows,
  multiplyRow,
  openDiagonal,
  openKeyWay,
  openQueryWay,
  throughBack as channelsBack,
  throughForward as channelsForward,
  walk,
} from "./diagonal";
import {
  addRowDots,
  at,
  paddedRows,
  put,
  scaleAndAdd,
  scaleRows,
  scaleRowsAndDot,
} from "./matrix";

/**
 * Reads the log decays of a chunk of `count` tokens; all else here is then of
 * this chunk. Either is 0 where nobody asks for what goes that way.
 */
export function openDecays(count: i32, f: usize, b: usize): void {
  if (diagonal) openDiagonal(count, f, b, headBytes);
  else if (decays) bordersOf(count, f, b);
}

/** Rows of q or k with padding, as all of this takes them: where they are, or copied. */
export function headRows(count: i32, rows: usize, copy: usize): usize {
  return diagonal
    ? blockRows(count, rows, headBytes, copy)
    : paddedRows(count, rows, headBytes, copy, headStride);
}

/** Kout, in scratch or in its place. */
export function keysOut(count: i32, back: bool, k: usize): usize {
  if (!decays) return k;
  if (diagonal) {
    openKeyWay(back ? 0 : count, count, back);
    walk(k, scaled);
    return scaled;
  }
  scaleRows(count, headStride, back ? leavingBack : leaving, k, scaled);
  return scaled;
}

/** Qin, likewise. */
export function queriesIn(count: i32, back: bool, q: usize): usize {
  if (!decays) return q;
  if (diagonal) {
    openQueryWay(back ? count : 0, count, back);
    walk(q, scaled);
    return scaled;
  }
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
  if (!decays || diagonal) {
    const queries = queriesIn(count, back, q);
    addRowDots(count, headStride, queries, vector, sums);
    return queries;
  }
  const weights = back ? enteringBack : entering;
  scaleRowsAndDot(count, headStride, weights, q, scaled, vector, sums);
  return scaled;
}

/** What is left to multiply a state by that is {@link carried} through the chunk. */
export function through(count: i32, back: bool): f32 {
  if (!decays || diagonal) return 1;
  return back ? throughBack() : throughForward(count);
}

/**
 * A state on its way through the chunk, where it is or at `to`: what one number
 * cannot do of the decays is done.
 */
export function carried(back: bool, state: usize, to: usize): usize {
  if (!diagonal) return state;
  scaleChannels(back ? channelsBack : channelsForward, state, to);
  return to;
}

/** to = channels ∘ state, with the normaliser's part, in either pass's layout. */
function scaleChannels(channels: usize, state: usize, to: usize): void {
  if (lying) {
    for (let row = 0; row <= valueDim; row++) {
      multiplyRow(headStride, channels, state, to);
      state += headStride;
      to += headStride;
    }
  } else {
    scaleRows(headDim, valueStride, channels, state, to);
    const keySum = headDim * valueStride;
    multiplyRow(headStride, channels, state + keySum, to + keySum);
  }
}

/** Bytes of a pass: what is left of a state that goes through several chunks. */
export function passBytes(): usize {
  return diagonal ? (headStride + 63) & ~63 : 64;
}

/** Begins a pass. */
export function openPass(pass: usize): void {
  const one: f32 = 1;
  const numbers = diagonal ? <i32> (headStride >> 2) : 1;
  for (let n = 0; n < numbers; n++) put(pass, n, one);
}

/** A pass goes through the chunk too. */
export function extendPass(pass: usize, count: i32, back: bool): void {
  if (diagonal) {
    multiplyRow(headStride, back ? channelsBack : channelsForward, pass, pass);
  } else put(pass, 0, at(pass, 0) * through(count, back));
}

/** state = pass ∘ state + written */
export function passOn(
  bytes: usize,
  state: usize,
  pass: usize,
  written: usize,
): void {
  if (diagonal) scaleChannels(pass, state, state);
  scaleAndAdd(bytes, state, diagonal ? 1 : at(pass, 0), written);
}

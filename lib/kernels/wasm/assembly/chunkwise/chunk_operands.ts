// The operands that decays make of a chunk's matrices: all that the chunkwise form
// knows of decays. With a prime for the direction from right to left (`back`),
//
//     Y  = A V + Qin H + Qin' T         A     masked scores inside of the chunk
//     H' = chunkDecay ∘ H + Koutᵀ V     Qin   queries, decayed from the border
//     T' = chunkDecay' ∘ T + Kout'ᵀ V   Kout  keys, decayed to the border
//
// A kind of decay provides these operands, and takes the gradients in them back to
// q, k and itself (chunk_operands_backward.ts). Schedules and states hold for every
// kind. There are three: no decay; a number for each token, with exponents in
// decay.ts and A in intra_chunk.ts; and a number for each channel of the keys too
// (diagonal.ts, diagonal_scores.ts).
//
// A number for each channel scales q and k entry by entry, and the state H row by
// row (in the backward pass, which has H transposed, column by column). That is
// done by `decayedState`; `chunkDecay`, the factor of a whole state, is then 1.
// Transitions of rank one, which read the state that they write to, have a schedule of
// their own (transition.ts).
import * as sizes from "./sizes";
import * as decay from "./decay";
import * as diagonal from "./diagonal";
import {
  multiplyVectors, scaleAndAdd, scaleRows
} from "../../../../tfjs/wasm/assembly/math/loops";
import {
  addRowDots, at, paddedRows, put, scaleRowsAndDot
} from "../../../../tfjs/wasm/assembly/math/matrix";

/**
 * Reads the log decays of a chunk of `count` tokens, for which all else here then
 * is. `f` or `b` is 0 where operands of that direction are not needed.
 */
export function openDecays(count: i32, f: usize, b: usize): void {
  if (sizes.diagonal) diagonal.openDiagonalDecays(count, f, b, sizes.headBytes);
  else if (sizes.decays) decay.openBorderDecays(count, f, b);
}

/**
 * Rows of q or k in whole vectors, as all functions here take them: in place, or
 * copied.
 */
export function headRows(count: i32, rows: usize, copy: usize): usize {
  return sizes.diagonal
    ? diagonal.blockRows(count, rows, sizes.headBytes, copy)
    : paddedRows(count, rows, sizes.headBytes, copy, sizes.headStride);
}

/** Kout, `[count, headDim]`, in scratch; k itself without decays. */
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

/** Qin, `[count, headDim]`, in scratch; q itself without decays. */
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

/** {@link queriesIn}, and sums_i += Qin_i · vector. */
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

/**
 * The number by which a state decays through the chunk, beside {@link
 * decayedState}.
 */
export function chunkDecay(count: i32, back: bool): f32 {
  if (!sizes.decays || sizes.diagonal) return 1;
  return back ? decay.backChunkDecay() : decay.forwardChunkDecay(count);
}

/**
 * A state times the decays of each channel through the chunk, at `to`; the state
 * itself where {@link chunkDecay} is all of its decay.
 */
export function decayedState(back: bool, state: usize, to: usize): usize {
  if (!sizes.diagonal) return state;
  scaleChannels(
    back ? diagonal.channelDecaysBack : diagonal.channelDecaysForward, state, to
  );
  return to;
}

/** to = channels ∘ state, with the normaliser's part, in the layout of either pass. */
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

/**
 * Bytes of a split's decay: what is left of a state that goes through several
 * chunks.
 */
export function splitDecayBytes(): usize {
  return sizes.diagonal ? (sizes.headStride + 63) & ~63 : 64;
}

/** Sets a split's decay to 1, before its chunks are multiplied into it. */
export function openSplitDecay(decays: usize): void {
  const one: f32 = 1;
  const numbers = sizes.diagonal ? <i32> (sizes.headStride >> 2) : 1;
  for (let n = 0; n < numbers; n++) put(decays, n, one);
}

/** Multiplies a split's decay by the chunk's decay. */
export function extendSplitDecay(decays: usize, count: i32, back: bool): void {
  if (sizes.diagonal) {
    const channels = back
      ? diagonal.channelDecaysBack
      : diagonal.channelDecaysForward;
    multiplyVectors(sizes.headStride, channels, decays, decays);
  } else put(decays, 0, at(decays, 0) * chunkDecay(count, back));
}

/** Takes a state through a split: state = decays ∘ state + written. */
export function carryState(
  bytes: usize, state: usize, decays: usize, written: usize
): void {
  if (sizes.diagonal) scaleChannels(decays, state, state);
  scaleAndAdd(bytes, sizes.diagonal ? 1 : at(decays, 0), state, written);
}

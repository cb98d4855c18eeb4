// The gradients in the log decays of a chunk's tokens, of a number for each token.
//
// A token's log decay is in the exponents of all pairs of tokens that it lies
// between: both in the chunk, one in it and one on the side, or one on either side.
// The steps of the backward pass leave sums of the gradients in these exponents
// here, a number for each token; in the end {@link storeTokenDecayGradients} sums
// over the pairs that a token lies between.
import { forgetsAll } from "./decay";
import * as sizes from "./sizes";
import { attention as job } from "../jobs";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import { pairBytes } from "../../../../tfjs/wasm/assembly/math/simd";

/**
 * Pairs in the chunk with the key before the query (lower) or after it (upper):
 * sums over the pairs of each query (rows), and of each key (columns).
 */
export let lowerRows: usize = 0, lowerColumns: usize = 0;
export let upperRows: usize = 0, upperColumns: usize = 0;
/**
 * Gradients in the exponents of queries that read the state from before the
 * chunk, or after it.
 */
export let readBefore: usize = 0, readAfter: usize = 0;
/**
 * Gradients in the exponents of keys that write to the state after the chunk,
 * or before it.
 */
export let writtenAfter: usize = 0, writtenBefore: usize = 0;
/** Bytes of all eight vectors of sums, which are one block of memory. */
let sumsBytes: usize = 0;

/** Takes scratch for a chunk. */
export function layoutDecayGradient(): void {
  const row = pairBytes(sizes.chunkSize);
  sumsBytes = 8 * row;
  lowerRows = sizes.allocate(sumsBytes);
  lowerColumns = lowerRows + row;
  upperRows = lowerColumns + row;
  upperColumns = upperRows + row;
  readBefore = upperColumns + row;
  readAfter = readBefore + row;
  writtenAfter = readAfter + row;
  writtenBefore = writtenAfter + row;
}

/** Sets all sums to 0. */
export function clearDecaySums(): void {
  memory.fill(lowerRows, 0, sumsBytes);
}

/**
 * Stores the gradients in the log decays of a chunk's tokens, given the gradients
 * in the exponents of all pairs around the chunk, forward and back.
 *
 * The sums are over the chunk alone, without the mask's diagonal, so that small
 * gradients stay exact.
 */
export function storeTokenDecayGradients(
  token: i32, count: i32, f: usize, b: usize, around: f32, aroundBack: f32
): void {
  let inside: f32 = 0, fromBefore: f32 = 0, toAfter: f32 = 0;
  for (let i = count - 1; i >= 0; i--) {
    inside += at(lowerRows, i) - at(lowerColumns, i);
    // The first token lies between no two tokens of the chunk.
    if (i === 0 || forgetsAll(f, i)) inside = 0;
    fromBefore += at(readBefore, i);
    put(job.df, token + i, inside + fromBefore + around);
  }
  for (let i = 0; i < count; i++) {
    put(job.df, token + i, at(job.df, token + i) + toAfter);
    toAfter += at(writtenAfter, i);
  }
  if (sizes.causal) return;
  let fromAfter: f32 = 0, toBefore: f32 = 0;
  inside = 0;
  for (let i = 0; i < count; i++) {
    inside += at(upperRows, i) - at(upperColumns, i);
    if (i === count - 1 || forgetsAll(b, i)) inside = 0;
    fromAfter += at(readAfter, i);
    put(job.db, token + i, inside + fromAfter + aroundBack);
  }
  for (let i = count - 1; i >= 0; i--) {
    put(job.db, token + i, at(job.db, token + i) + toBefore);
    toBefore += at(writtenBefore, i);
  }
}

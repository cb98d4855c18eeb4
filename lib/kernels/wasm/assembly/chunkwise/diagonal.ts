// Decays of each channel of the keys ("diagonal"): queries decayed from a place in
// the chunk, and keys decayed to it, entry by entry. Places are the chunk's borders,
// and the middles between two blocks of its tokens (diagonal_scores.ts).
//
// Decays are multiplied one after another along the path from the place to a token,
// so that nothing is ever divided. Rows are [headDim], padded to whole vectors, and
// come in whole blocks of four tokens: those beyond the last are zeros.
import { exp, scaleAndAdd } from "../../../../tfjs/wasm/assembly/math/loops";
import { paddedRows } from "../../../../tfjs/wasm/assembly/math/matrix";
import { prepareExp } from "../../../../tfjs/wasm/assembly/math/vector_exp";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";

/**
 * e^f and e^b of each token and channel, the decays of what arrives from the left,
 * and from the right.
 */
export let decaysForward: usize = 0;
export let decaysBack: usize = 0;
/** Decays of each channel through all of the chunk, forward and back. */
export let channelDecaysForward: usize = 0;
export let channelDecaysBack: usize = 0;
/** Bytes of a row, `[headDim]` in whole vectors. */
let stride: usize = 0;

/** Takes scratch for a chunk of `tokens` tokens, in rows of `rowBytes` bytes. */
export function layoutDiagonal(tokens: usize, rowBytes: usize): void {
  stride = rowBytes;
  decaysForward = allocate(tokens * stride);
  decaysBack = allocate(tokens * stride);
  channelDecaysForward = allocate(stride);
  channelDecaysBack = allocate(stride);
  prepareExp();
}

/**
 * Copies rows of `width` bytes to padded ones, with zeros to the end of the last block
 * of four rows.
 */
export function blockRows(
  count: i32, source: usize, width: usize, copy: usize
): usize {
  if (width === stride) memory.copy(copy, source, count * width);
  else paddedRows(count, source, width, copy, stride);
  memory.fill(copy + count * stride, 0, (-count & 3) * stride);
  return copy;
}

/** Reads the log decays of a chunk, `f` and `b` if they are not 0. */
export function openDiagonalDecays(
  count: i32, f: usize, b: usize, width: usize
): void {
  if (f !== 0) decaysOf(count, f, width, decaysForward, channelDecaysForward);
  if (b !== 0) decaysOf(count, b, width, decaysBack, channelDecaysBack);
}

function decaysOf(
  count: i32, logDecays: usize, width: usize, decays: usize, chunkDecay: usize
): void {
  blockRows(count, logDecays, width, decays);
  // The chunk's decay is exp of the sum of log decays: its rounding counts
  // once for each chunk.
  memory.copy(chunkDecay, decays, stride);
  for (let i = 1; i < count; i++) {
    scaleAndAdd(stride, 1, chunkDecay, decays + i * stride);
  }
  exp(stride, chunkDecay, chunkDecay);
  exp(((count + 3) & ~3) * stride, decays, decays);
}

// A path leads from a place, a border between two tokens, over some tokens on one
// side of it, the nearest first. One is open at a time.
/** Tokens on the open path. */
let rows: i32 = 0;
/** Offset in bytes, in a matrix, of the row of the path's nearest token. */
let first: usize = 0;
/** Bytes from a row to the row of the next token on the path, which may be before it. */
let step: usize = 0;
/** Decays of the path's direction, of all tokens of the chunk. */
let decays: usize = 0;
/** Whether a token on the path decays by its own decay, or by that of the nearer token. */
let countsOwn: bool = false;

function openPath(place: i32, tokens: i32, right: bool, back: bool): void {
  rows = tokens;
  first = (right ? place : place - 1) * stride;
  step = right ? stride : -stride;
  decays = back ? decaysBack : decaysForward;
}

/**
 * Opens the path from a place to `tokens` queries, which lie to its right or, `back`,
 * to its left. A query decays by its own decay too.
 */
export function openQueryPath(place: i32, tokens: i32, back: bool): void {
  openPath(place, tokens, !back, back);
  countsOwn = true;
}

/**
 * Opens the path from `tokens` keys to a place to their right or, `back`, to their
 * left. A key does not decay by its own decay.
 */
export function openKeyPath(place: i32, tokens: i32, back: bool): void {
  openPath(place, tokens, back, back);
  countsOwn = false;
}

/** target_i = w_i ∘ source_i, with w_i the decays between the place and token i. */
export function decayAlongPath(source: usize, target: usize): void {
  const pairs = stride & ~31;
  for (let n: usize = 0; n < pairs; n += 32) decay2(first + n, source, target);
  if (pairs < stride) decay1(first + pairs, source, target);
}

/**
 * Decays one vector or two of each row of the path; those of the nearest token
 * are at `cell`.
 */
function decay$n(cell: usize, source: usize, target: usize): void {
  const lag = countsOwn ? 0 : step;
  let left = rows;
  let weight$ = f32x4.splat(1);
  if (countsOwn) {
    weight$ = v128.load(decays + cell, 16 * $);
  }
  v128.store(
    target + cell, f32x4.mul(weight$, v128.load(source + cell, 16 * $)), 16 * $
  );
  if (--left === 0) return;
  do {
    cell += step;
    const decay = decays + cell - lag;
    const d$ = v128.load(decay, 16 * $);
    weight$ = f32x4.mul(weight$, d$);
    const x$ = v128.load(source + cell, 16 * $);
    const y$ = f32x4.mul(weight$, x$);
    v128.store(target + cell, y$, 16 * $);
  } while (--left > 0);
}

/**
 * Takes the gradient in a result of {@link decayAlongPath} back: adds that in
 * `source` to `target`, and that in the log decays, each of which is in the
 * exponents of all tokens farther on the path, to `decayGradients`. Overwrites
 * `gradient`.
 */
export function backwardAlongPath(
  gradient: usize, source: usize, target: usize, decayGradients: usize
): void {
  const pairs = stride & ~31;
  for (let n: usize = 0; n < pairs; n += 32) {
    backward2(first + n, gradient, source, target, decayGradients);
  }
  if (pairs < stride) {
    backward1(first + pairs, gradient, source, target, decayGradients);
  }
}

function backward$n(
  cell: usize, gradient: usize, source: usize, target: usize, decayGradients: usize
): void {
  const lag = countsOwn ? 0 : step, nearest = cell;
  let left = rows;
  let weight$ = f32x4.splat(1);
  if (countsOwn) {
    weight$ = v128.load(decays + cell, 16 * $);
  }
  for (;;) {
    const g$ = v128.load(gradient + cell, 16 * $);
    const scaled$ = f32x4.mul(weight$, g$);
    const t$ = v128.load(target + cell, 16 * $);
    v128.store(target + cell, f32x4.add(t$, scaled$), 16 * $);
    const x$ = v128.load(source + cell, 16 * $);
    v128.store(gradient + cell, f32x4.mul(scaled$, x$), 16 * $);
    if (--left === 0) break;
    cell += step;
    const decay = decays + cell - lag;
    const d$ = v128.load(decay, 16 * $);
    weight$ = f32x4.mul(weight$, d$);
  }
  if (!countsOwn && cell === nearest) return;
  const end = countsOwn ? nearest - step : nearest;
  let sum$ = f32x4.splat(0);
  do {
    const g$ = v128.load(gradient + cell, 16 * $);
    sum$ = f32x4.add(sum$, g$);
    const decayGradient = decayGradients + cell - lag;
    const s$ = v128.load(decayGradient, 16 * $);
    v128.store(decayGradient, f32x4.add(s$, sum$), 16 * $);
    cell -= step;
  } while (cell !== end);
}

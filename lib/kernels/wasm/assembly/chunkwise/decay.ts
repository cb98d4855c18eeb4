// Decays inside of a chunk of tokens s … t, a number for each token: forward decays
// f are of what goes to the right, back ones b of what goes to the left. All
// exponents are sums of log decays, and none is above 0.
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import { prepareExp } from "../../../../tfjs/wasm/assembly/math/vector_exp";
import { exp4, vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";

/** Decay from the border before the chunk to token i, exp(f_s + … + f_i). */
export let decayFromStart: usize = 0;
/** Decay from token j to the border after the chunk, exp(f_{j+1} + … + f_t). */
export let decayToEnd: usize = 0;
/** Decay from the border after the chunk to token i, exp(b_i + … + b_t). */
export let decayFromEnd: usize = 0;
/** Decay from token j to the border before the chunk, exp(b_s + … + b_{j-1}). */
export let decayToStart: usize = 0;
/** The mask M of the chunk, `[count, count]`; rows are whole vectors. */
export let maskWeights: usize = 0;
/** The decay e^f or e^b of each token, `[count]`. */
let tokenDecays: usize = 0;

/** Lays the results out from `base`; returns the end. */
export function layoutDecay(base: usize, chunkSize: i32): usize {
  prepareExp();
  const bytes = vectorBytes(chunkSize);
  decayFromStart = base;
  decayToEnd = base += bytes;
  decayFromEnd = base += bytes;
  decayToStart = base += bytes;
  tokenDecays = base += bytes;
  maskWeights = base += bytes;
  return base + chunkSize * bytes;
}

/** The forward decay over a whole chunk of `count` tokens. */
export function forwardChunkDecay(count: i32): f32 {
  return at(decayFromStart, count - 1);
}

/** The back decay over the whole chunk. */
export function backChunkDecay(): f32 {
  return at(decayFromEnd, 0);
}

/**
 * Whether a token's decay leaves nothing of what comes to it. The sum over pairs
 * around it is then 0 but for rounding, which may be more than all sums on the
 * token's other side.
 */
export function forgetsAll(logDecays: usize, i: i32): bool {
  return at(logDecays, i) < -104;
}

/**
 * Fills the decays between tokens and borders, of the directions whose log decays
 * are not 0.
 */
export function openBorderDecays(count: i32, f: usize, b: usize): void {
  if (f !== 0) openForward(count, f);
  if (b !== 0) openBack(count, b);
}

function openForward(count: i32, f: usize): void {
  let sum: f32 = 0;
  for (let i = 0; i < count; i++) {
    sum += at(f, i);
    put(decayFromStart, i, sum);
  }
  sum = 0;
  for (let i = count - 1; i >= 0; i--) {
    put(decayToEnd, i, sum);
    sum += at(f, i);
  }
  exponentiate(count, decayFromStart);
  exponentiate(count, decayToEnd);
}

function openBack(count: i32, b: usize): void {
  let sum: f32 = 0;
  for (let i = count - 1; i >= 0; i--) {
    sum += at(b, i);
    put(decayFromEnd, i, sum);
  }
  sum = 0;
  for (let i = 0; i < count; i++) {
    put(decayToStart, i, sum);
    sum += at(b, i);
  }
  exponentiate(count, decayFromEnd);
  exponentiate(count, decayToStart);
}

/** e^x of a log decay x. */
export function decayOf(logDecay: usize): f32 {
  return f32x4.extract_lane(exp4(v128.load32_splat(logDecay)), 0);
}

/**
 * vector_i = e^vector_i, to the end of its last vector. To the last bits: what
 * passes many chunks is a product of these.
 */
export function exponentiate(count: i32, vector: usize): void {
  const end = vector + vectorBytes(count);
  for (; vector < end; vector += 16) {
    v128.store(vector, exp4(v128.load(vector)));
  }
}

/**
 * Fills the mask, each entry the product of the decays on its own path: below the
 * diagonal a row is the one before it times one decay more, above it the one after.
 */
export function fillMask(count: i32, f: usize, b: usize): void {
  const stride = vectorBytes(count);
  decaysOf(count, f);
  for (let first = 0; first < count; first += 4) {
    const column = maskWeights + (<usize> first << 2);
    if (b === 0) clearAbove(column, stride, first);
    fillBelow(column, stride, first, count);
  }
  if (b === 0) return;
  decaysOf(count, b);
  for (let first = 0; first < count; first += 4) {
    fillAbove(maskWeights + (<usize> first << 2), stride, first, count);
  }
}

/** Fills the decays of single tokens. */
function decaysOf(count: i32, logDecays: usize): void {
  memory.copy(tokenDecays, logDecays, <usize> count << 2);
  exponentiate(count, tokenDecays);
}

function clearAbove(column: usize, stride: usize, first: i32): void {
  const zero = f32x4.splat(0);
  for (let i = 0; i < first; i++) v128.store(column + i * stride, zero);
}

/**
 * Fills four columns of the mask from the diagonal down; above it, their first
 * rows are 0.
 */
function fillBelow(column: usize, stride: usize, first: i32, count: i32): void {
  let weight = f32x4.splat(0), step = tokenDecays + (<usize> first << 2);
  let row = column + first * stride;
  const diagonal = min(first + 4, count);
  let i = first;
  for (; i < diagonal; i++) {
    weight = f32x4.mul(weight, v128.load32_splat(step));
    weight = withOne(weight, i - first);
    v128.store(row, weight);
    row += stride;
    step += 4;
  }
  for (; i < count; i++) {
    weight = f32x4.mul(weight, v128.load32_splat(step));
    v128.store(row, weight);
    row += stride;
    step += 4;
  }
}

/** Fills four columns of the mask above the diagonal. */
function fillAbove(column: usize, stride: usize, first: i32, count: i32): void {
  let i = min(first + 4, count) - 1;
  let weight = f32x4.splat(0), step = tokenDecays + (<usize> i << 2);
  let row = column + i * stride;
  for (; i >= first; i--) {
    weight = f32x4.mul(weight, v128.load32_splat(step));
    weight = withOne(weight, i - first);
    const above = i32x4.gt_s(i32x4(0, 1, 2, 3), i32x4.splat(i - first));
    v128.store(row, v128.bitselect(weight, v128.load(row), above));
    row -= stride;
    step -= 4;
  }
  for (; i >= 0; i--) {
    weight = f32x4.mul(weight, v128.load32_splat(step));
    v128.store(row, weight);
    row -= stride;
    step -= 4;
  }
}

/** The weights with 1 in the lane of the column whose path begins at this row. */
function withOne(weight: v128, lane: i32): v128 {
  const own = i32x4.eq(i32x4(0, 1, 2, 3), i32x4.splat(lane));
  return v128.bitselect(f32x4.splat(1), weight, own);
}

// A log decay for each channel of the keys: rows on their way to a place in the
// chunk, or from it, entry by entry. Whatever attention does between two places
// is made of that: queries and keys of the borders, and of the middles between
// two blocks inside (diagonal_scores.ts).
//
// The decays themselves are multiplied along the path, one after another, so
// that nothing is ever divided. Rows are [headDim], padded to whole vectors, and
// come in whole blocks of four tokens: those beyond the last are zeros.
import { take } from "./scratch";
import { exp4 } from "./simd";

/** Decays of each token, paid on arrival by what comes from the left, and from the right. */
export let decaysForward: usize = 0;
export let decaysBack: usize = 0;
/** Their products over the chunk. */
export let throughForward: usize = 0;
export let throughBack: usize = 0;
/** Bytes of a row. */
let stride: usize = 0;

/** Takes scratch for a chunk of so many tokens, in rows of so many bytes. */
export function layoutDiagonal(tokens: usize, rowBytes: usize): void {
  stride = rowBytes;
  decaysForward = take(tokens * stride);
  decaysBack = take(tokens * stride);
  throughForward = take(stride);
  throughBack = take(stride);
}

/** A copy of rows of so many bytes, padded, with zeros to the end of the last block. */
export function blockRows(
  count: i32,
  source: usize,
  width: usize,
  copy: usize,
): usize {
  let row = copy;
  for (let i = 0; i < count; i++) {
    memory.copy(row, source, width);
    memory.fill(row + width, 0, stride - width);
    source += width;
    row += stride;
  }
  memory.fill(row, 0, (-count & 3) * stride);
  return copy;
}

/** Reads the log decays of a chunk; `b` is 0 if causal. */
export function openDiagonal(
  count: i32,
  f: usize,
  b: usize,
  width: usize,
): void {
  decaysOf(count, f, width, decaysForward, throughForward);
  if (b !== 0) decaysOf(count, b, width, decaysBack, throughBack);
}

function decaysOf(
  count: i32,
  logDecays: usize,
  width: usize,
  decays: usize,
  through: usize,
): void {
  blockRows(count, logDecays, width, decays);
  const end = decays + ((count + 3) & ~3) * stride;
  let cell = decays;
  do {
    v128.store(cell, exp4(v128.load(cell)));
    cell += 16;
  } while (cell < end);
  memory.copy(through, decays, stride);
  for (let i = 1; i < count; i++) {
    multiplyRow(stride, decays + i * stride, through, through);
  }
}

/** target = weights ∘ row */
export function multiplyRow(
  bytes: usize,
  weights: usize,
  row: usize,
  target: usize,
): void {
  for (const end = target + bytes; target < end;) {
    v128.store(target, f32x4.mul(v128.load(weights), v128.load(row)));
    weights += 16;
    row += 16;
    target += 16;
  }
}

// A way leads from a place, which is a border between two tokens, over some
// tokens on one side of it, the nearest first.
/** Its tokens. */
let rows: i32 = 0;
/** From the beginning of a matrix to the nearest token's row, in bytes. */
let first: usize = 0;
/** From a row to that of the next farther token. */
let step: usize = 0;
/** The decays on it, of all tokens of the chunk. */
let decays: usize = 0;
/** Whether a token pays its own decay, and not that of the nearer token. */
let paysOwn: bool = false;

function openWay(place: i32, tokens: i32, right: bool, back: bool): void {
  rows = tokens;
  first = (right ? place : place - 1) * stride;
  step = right ? stride : -stride;
  decays = back ? decaysBack : decaysForward;
}

/**
 * The way on which so many queries read from a place: from the left, or `back`
 * from the right. A query pays its own decay on arrival.
 */
export function openQueryWay(place: i32, tokens: i32, back: bool): void {
  openWay(place, tokens, !back, back);
  paysOwn = true;
}

/** The way on which so many keys write to a place: to the right, or `back` to the left. */
export function openKeyWay(place: i32, tokens: i32, back: bool): void {
  openWay(place, tokens, back, back);
  paysOwn = false;
}

/** target_i = w_i ∘ source_i, with w_i what is left of 1 between the place and token i. */
export function walk(source: usize, target: usize): void {
  const lag = paysOwn ? 0 : step;
  for (let n: usize = 0; n < stride; n += 16) {
    let cell = first + n, left = rows;
    let weight = paysOwn ? v128.load(decays + cell) : f32x4.splat(1);
    v128.store(target + cell, f32x4.mul(weight, v128.load(source + cell)));
    while (--left > 0) {
      cell += step;
      weight = f32x4.mul(weight, v128.load(decays + cell - lag));
      v128.store(target + cell, f32x4.mul(weight, v128.load(source + cell)));
    }
  }
}

/**
 * Takes the gradient in what {@link walk} has made back: `target` is more by
 * that in `source`, and `slopes` by that in the log decays, which are in the
 * exponents of all tokens from theirs on. Overwrites `gradient`.
 */
export function walkBack(
  gradient: usize,
  source: usize,
  target: usize,
  slopes: usize,
): void {
  const lag = paysOwn ? 0 : step;
  const nearest = paysOwn ? first - step : first;
  for (let n: usize = 0; n < stride; n += 16) {
    let cell = first + n, left = rows;
    let weight = paysOwn ? v128.load(decays + cell) : f32x4.splat(1);
    for (;;) {
      const slope = f32x4.mul(weight, v128.load(gradient + cell));
      v128.store(target + cell, f32x4.add(v128.load(target + cell), slope));
      v128.store(gradient + cell, f32x4.mul(slope, v128.load(source + cell)));
      if (--left === 0) break;
      cell += step;
      weight = f32x4.mul(weight, v128.load(decays + cell - lag));
    }
    let sum = f32x4.splat(0);
    for (; cell !== nearest + n; cell -= step) {
      sum = f32x4.add(sum, v128.load(gradient + cell));
      const slope = slopes + cell - lag;
      v128.store(slope, f32x4.add(v128.load(slope), sum));
    }
  }
}

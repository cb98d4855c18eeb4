// The mask of a chunk or tile, made while it is multiplied with the scores. An entry
// is the product of the decays on its path: away from the diagonal, up and down, a
// row of the mask is its neighbour times one decay more.
//
// Eight columns are masked at a time, so that V8 can make one vector of 256 bits of
// two: rows are whole pairs of vectors. In the corner, the rows that the diagonal
// crosses, each row is where one column begins; beyond it, all columns take the same
// step. Tests are at the loops' ends, for the reason in vector_exp.ts.
import { exponentiate } from "./decay";
import { put } from "../../../../tfjs/wasm/assembly/math/matrix";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { pairBytes } from "../../../../tfjs/wasm/assembly/math/simd";

/** Columns that are masked at a time, and their bytes. */
export const COLUMNS = 8;
export const PAIR: usize = 32;

/** The decays e^f and e^b of the tokens, with a 0 before the first and after the last. */
export let tokenDecaysForward: usize = 0;
export let tokenDecaysBack: usize = 0;
/**
 * Entries of the mask in the corner strictly above and below the diagonal, and on
 * it.
 */
export let above: usize = 0;
export let below: usize = 0;
export let diagonal: usize = 0;
/**
 * Entries of the mask in the corner's highest and lowest row, from which those
 * beyond are made.
 */
export let highestRow: usize = 0;
export let lowestRow: usize = 0;

/** Takes scratch for `tokens` tokens. */
export function layoutMask(tokens: i32): void {
  tokenDecaysForward = allocate(pairBytes(tokens) + 32) + 16;
  tokenDecaysBack = allocate(pairBytes(tokens) + 32) + 16;
  above = allocate(COLUMNS * PAIR);
  below = allocate(COLUMNS * PAIR);
  diagonal = allocate(COLUMNS * PAIR);
  highestRow = allocate(PAIR);
  lowestRow = allocate(PAIR);
}

/** Reads the log decays of a chunk of `count` tokens; `b` is 0 in causal attention. */
export function openMask(count: i32, f: usize, b: usize): void {
  decaysOf(count, f, tokenDecaysForward);
  if (b !== 0) decaysOf(count, b, tokenDecaysBack);
  memory.fill(diagonal, 0, COLUMNS * PAIR);
  for (let i = 0; i < COLUMNS; i++) put(diagonal + i * PAIR, i, 1);
}

function decaysOf(count: i32, logDecays: usize, target: usize): void {
  memory.copy(target, logDecays, <usize> count << 2);
  exponentiate(count, target);
  put(target, -1, 0);
  put(target, count, 0);
}

/**
 * Fills the corner of the rows from `first` to before `end`. `up` and `down` are the
 * decays to each row from the one below and above; where one is 0, so is the mask
 * on that side.
 */
export function fillCorner(first: i32, end: i32, up: usize, down: usize): void {
  const last = <usize> (end - first - 1) * PAIR;
  fillSide(
    end - first, above + last, diagonal + last, 0 - PAIR, up === 0,
    up + 4 * (end - 1), -4, highestRow
  );
  fillSide(
    end - first, below, diagonal, PAIR, down === 0, down + 4 * first, 4,
    lowestRow
  );
}

/**
 * Fills a side of the corner from the diagonal on, and the row at its edge; a row has
 * `width` bytes, and the steps to rows are `stride` bytes from each other.
 */
function fillSide(
  rows: i32, side: usize, own: usize, width: usize, isZero: bool, step: usize,
  stride: usize, edge: usize
): void {
  let w$ = f32x4.splat(0);
  do {
    if (!isZero) {
      const factor = v128.load32_splat(step);
      w$ = f32x4.mul(w$, factor);
    }
    v128.store(side, w$, 16 * $);
    if (!isZero) {
      w$ = v128.or(w$, v128.load(own, 16 * $));
    }
    side += width;
    own += width;
    step += stride;
  } while (--rows > 0);
  v128.store(edge, w$, 16 * $);
}

/** Clears scores on a side where the mask is 0. */
export function clearRows(rows: i32, cell: usize, row: usize): void {
  const zero = f32x4.splat(0);
  for (; rows > 0; rows--) {
    v128.store(cell, zero, 16 * $);
    cell += row;
  }
}

// The mask on scores and on the gradients in masked scores, in the backward pass.
import * as mask from "./mask";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { sums4 } from "../../../../tfjs/wasm/assembly/math/simd";

/** Sums of each row over every eighth column, left and right of the diagonal. */
let partial: usize = 0;
let partialBack: usize = 0;

/** Takes scratch for `tokens` tokens. */
export function layoutMaskGradient(tokens: i32): void {
  mask.layoutMask(tokens);
  partial = allocate(partialBytes(tokens));
  partialBack = allocate(partialBytes(tokens));
}

/**
 * Bytes of the partial sums of `rows` rows, rounded up to fours, in which they
 * are added up.
 */
function partialBytes(rows: i32): usize {
  return (<usize> (rows + 3) & ~3) * mask.PAIR;
}

/**
 * score_ij *= M_ij and product_ij *= M_ij, a row for each query i and a column for
 * each key j; and the sums of M_ij score_ij product_ij, the loss gradient in each
 * exponent of M, over rows and over columns, left and right of the diagonal.
 */
export function maskScoresAndProducts(
  count: i32, f: usize, b: usize, scores: usize, products: usize, row: usize,
  lowerRows: usize, lowerColumns: usize, upperRows: usize, upperColumns: usize
): void {
  mask.openMask(count, f, b);
  memory.fill(lowerColumns, 0, row);
  memory.fill(upperColumns, 0, row);
  memory.fill(partial, 0, partialBytes(count));
  memory.fill(partialBack, 0, partialBytes(count));
  // The decays by which the mask's row of query i follows from the row below,
  // and from that above.
  const up = b === 0 ? 0 : mask.tokenDecaysBack, down = mask.tokenDecaysForward;
  for (let column: usize = 0; column < row; column += mask.PAIR) {
    const first = <i32> (column >> 2), end = min(first + mask.COLUMNS, count);
    mask.fillCorner(first, end, up, down);
    const cells = scores + column, others = products + column;
    const start = <usize> first * row, next = <usize> end * row;
    maskBothInCorner(
      end - first, cells + start, others + start, row, first,
      lowerColumns + column, upperColumns + column
    );
    if (end < count) {
      maskBothRows(
        count - end, cells + next, others + next, row, down + 4 * end, 4,
        mask.lowestRow, lowerColumns + column, partial + end * mask.PAIR, mask.PAIR
      );
    }
    if (first === 0) continue;
    if (up === 0) {
      mask.clearRows(first, cells, row);
      mask.clearRows(first, others, row);
      continue;
    }
    const last = first - 1;
    maskBothRows(
      first, cells + last * row, others + last * row, 0 - row, up + 4 * last,
      -4, mask.highestRow, upperColumns + column, partialBack + last * mask.PAIR,
      0 - mask.PAIR
    );
  }
  addPartials(count, partial, lowerRows);
  addPartials(count, partialBack, upperRows);
}

function maskBothInCorner(
  rows: i32, cell: usize, other: usize, row: usize, first: i32,
  lowerColumns: usize, upperColumns: usize
): void {
  let lower$ = v128.load(lowerColumns, 16 * $);
  let upper$ = v128.load(upperColumns, 16 * $);
  let r: usize = 0,
    left = partial + first * mask.PAIR,
    right = partialBack + first * mask.PAIR;
  do {
    const a$ = v128.load(mask.above + r, 16 * $);
    const b$ = v128.load(mask.below + r, 16 * $);
    const d$ = v128.load(mask.diagonal + r, 16 * $);
    const s$ = v128.load(cell, 16 * $);
    const p$ = v128.load(other, 16 * $);
    const m$ = f32x4.add(d$, f32x4.add(a$, b$));
    v128.store(cell, f32x4.mul(s$, m$), 16 * $);
    v128.store(other, f32x4.mul(p$, m$), 16 * $);
    const x$ = f32x4.mul(f32x4.mul(s$, b$), p$);
    const y$ = f32x4.mul(f32x4.mul(s$, a$), p$);
    lower$ = f32x4.add(lower$, x$);
    upper$ = f32x4.add(upper$, y$);
    accumulate(left, x0, x1);
    accumulate(right, y0, y1);
    cell += row;
    other += row;
    r += mask.PAIR;
    left += mask.PAIR;
    right += mask.PAIR;
  } while (--rows > 0);
  v128.store(lowerColumns, lower$, 16 * $);
  v128.store(upperColumns, upper$, 16 * $);
}

/**
 * Masks rows beyond the corner, from the nearest on; the next is `row` bytes
 * further.
 */
function maskBothRows(
  rows: i32, cell: usize, other: usize, row: usize, step: usize, stride: usize,
  weights: usize, columns: usize, sums: usize, sumsStride: usize
): void {
  let w$ = v128.load(weights, 16 * $);
  let sum$ = v128.load(columns, 16 * $);
  do {
    const factor = v128.load32_splat(step);
    const s$ = v128.load(cell, 16 * $);
    const p$ = v128.load(other, 16 * $);
    w$ = f32x4.mul(w$, factor);
    const x$ = f32x4.mul(s$, w$);
    v128.store(cell, x$, 16 * $);
    const y$ = f32x4.mul(x$, p$);
    const z$ = f32x4.mul(p$, w$);
    v128.store(other, z$, 16 * $);
    sum$ = f32x4.add(sum$, y$);
    accumulate(sums, y0, y1);
    cell += row;
    other += row;
    step += stride;
    sums += sumsStride;
  } while (--rows > 0);
  v128.store(columns, sum$, 16 * $);
}

// @ts-ignore: decorator
@inline
function accumulate(target: usize, x0: v128, x1: v128): void {
  const y$ = f32x4.add(v128.load(target, 16 * $), x$);
  v128.store(target, y$, 16 * $);
}

function addPartials(rows: i32, partial: usize, sums: usize): void {
  for (let i = 0; i < rows; i += 4) {
    const a = f32x4.add(v128.load(partial), v128.load(partial, 16));
    const b = f32x4.add(v128.load(partial, 32), v128.load(partial, 48));
    const c = f32x4.add(v128.load(partial, 64), v128.load(partial, 80));
    const d = f32x4.add(v128.load(partial, 96), v128.load(partial, 112));
    v128.store(sums + 4 * i, sums4(a, b, c, d));
    partial += 4 * mask.PAIR;
  }
}

// The mask on scores of a tile, in the full form's forward pass.
import * as mask from "../chunkwise/mask";

/**
 * score_ji *= M_ij, a row for each key j and a column for each query i;
 * sums_i = Σ_j score_ji.
 */
export function maskScores(
  count: i32, f: usize, b: usize, scores: usize, row: usize, sums: usize
): void {
  mask.openMask(count, f, b);
  memory.fill(sums, 0, row);
  // The decays by which the mask's row of key j follows from the row below,
  // and from that above.
  const up = mask.tokenDecaysForward + 4;
  const down = b === 0 ? 0 : mask.tokenDecaysBack - 4;
  for (let column: usize = 0; column < row; column += mask.PAIR) {
    const first = <i32> (column >> 2), end = min(first + mask.COLUMNS, count);
    mask.fillCorner(first, end, up, down);
    const cells = scores + column, sum = sums + column;
    maskCorner(end - first, cells + first * row, row, sum);
    if (first > 0) {
      const last = first - 1;
      maskRows(
        first, cells + last * row, 0 - row, up + 4 * last, -4, mask.highestRow, sum
      );
    }
    if (end === count) continue;
    const next = cells + end * row;
    if (down === 0) mask.clearRows(count - end, next, row);
    else maskRows(count - end, next, row, down + 4 * end, 4, mask.lowestRow, sum);
  }
}

function maskCorner(rows: i32, cell: usize, row: usize, sums: usize): void {
  let sum$ = v128.load(sums, 16 * $);
  let r: usize = 0;
  do {
    const a$ = v128.load(mask.above + r, 16 * $);
    const b$ = v128.load(mask.below + r, 16 * $);
    const d$ = v128.load(mask.diagonal + r, 16 * $);
    const s$ = v128.load(cell, 16 * $);
    const x$ = f32x4.mul(s$, f32x4.add(d$, f32x4.add(a$, b$)));
    v128.store(cell, x$, 16 * $);
    sum$ = f32x4.add(sum$, x$);
    cell += row;
    r += mask.PAIR;
  } while (--rows > 0);
  v128.store(sums, sum$, 16 * $);
}

/**
 * Masks rows beyond the corner, from the nearest on; the next is `row` bytes
 * further.
 */
function maskRows(
  rows: i32, cell: usize, row: usize, step: usize, stride: usize,
  weights: usize, sums: usize
): void {
  let w$ = v128.load(weights, 16 * $);
  let sum$ = v128.load(sums, 16 * $);
  do {
    const factor = v128.load32_splat(step);
    const s$ = v128.load(cell, 16 * $);
    w$ = f32x4.mul(w$, factor);
    const x$ = f32x4.mul(s$, w$);
    v128.store(cell, x$, 16 * $);
    sum$ = f32x4.add(sum$, x$);
    cell += row;
    step += stride;
  } while (--rows > 0);
  v128.store(sums, sum$, 16 * $);
}

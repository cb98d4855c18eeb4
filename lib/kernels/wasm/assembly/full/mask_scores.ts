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
  // The step to the row of key j, from below and from above.
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
  let sum0 = v128.load(sums), sum1 = v128.load(sums, 16);
  let r: usize = 0;
  do {
    const a0 = v128.load(mask.above + r), a1 = v128.load(mask.above + r, 16);
    const b0 = v128.load(mask.below + r), b1 = v128.load(mask.below + r, 16);
    const d0 = v128.load(mask.diagonal + r),
      d1 = v128.load(mask.diagonal + r, 16);
    const s0 = v128.load(cell), s1 = v128.load(cell, 16);
    const x0 = f32x4.mul(s0, f32x4.add(d0, f32x4.add(a0, b0)));
    const x1 = f32x4.mul(s1, f32x4.add(d1, f32x4.add(a1, b1)));
    v128.store(cell, x0);
    v128.store(cell, x1, 16);
    sum0 = f32x4.add(sum0, x0);
    sum1 = f32x4.add(sum1, x1);
    cell += row;
    r += mask.PAIR;
  } while (--rows > 0);
  v128.store(sums, sum0);
  v128.store(sums, sum1, 16);
}

/**
 * Masks rows beyond the corner, from the nearest on; the next is `row` bytes
 * further.
 */
function maskRows(
  rows: i32, cell: usize, row: usize, step: usize, stride: usize,
  weights: usize, sums: usize
): void {
  let w0 = v128.load(weights), w1 = v128.load(weights, 16);
  let sum0 = v128.load(sums), sum1 = v128.load(sums, 16);
  do {
    const factor = v128.load32_splat(step);
    const s0 = v128.load(cell), s1 = v128.load(cell, 16);
    w0 = f32x4.mul(w0, factor);
    w1 = f32x4.mul(w1, factor);
    const x0 = f32x4.mul(s0, w0), x1 = f32x4.mul(s1, w1);
    v128.store(cell, x0);
    v128.store(cell, x1, 16);
    sum0 = f32x4.add(sum0, x0);
    sum1 = f32x4.add(sum1, x1);
    cell += row;
    step += stride;
  } while (--rows > 0);
  v128.store(sums, sum0);
  v128.store(sums, sum1, 16);
}

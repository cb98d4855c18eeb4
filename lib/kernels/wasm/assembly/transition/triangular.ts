// Systems of equations (I - N) X = R in which each row depends on the rows before
// it, and their transposes. N is [count, count], of which only what is below the
// diagonal is read; R becomes X where it is.
//
// They are solved by blocks of rows: what all rows before a block add to it is one
// product, and inside of a block it goes row by row. No inverse is made.
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import { multiplyAdd } from "../../../../tfjs/wasm/assembly/math/simd";

/** Rows of a block, as many as a tile of the products has. */
const BLOCK = 6;

/** Solves (I - N) X = R. */
export function solveDown(
  count: i32, n: usize, nStride: usize, x: usize, stride: usize
): void {
  const columns = <i32> (stride >> 2);
  for (let first = 0; first < count; first += BLOCK) {
    const end = min(first + BLOCK, count);
    const rows = n + first * nStride, block = x + first * stride;
    if (first > 0) {
      multiply(
        end - first, columns, first,
        rows, nStride, x, stride,
        block, stride, 1, block, stride
      );
    }
    for (let i = first + 1; i < end; i++) {
      const factors = n + i * nStride + (<usize> first << 2);
      addFactoredRows(i - first, factors, 4, block, x + i * stride, stride);
    }
  }
}

/** Solves (I - N)ᵀ X = R. */
export function solveUp(
  count: i32, n: usize, nStride: usize, x: usize, stride: usize
): void {
  const columns = <i32> (stride >> 2);
  const last = (count - 1) / BLOCK * BLOCK;
  for (let first = last; first >= 0; first -= BLOCK) {
    const end = min(first + BLOCK, count);
    const block = x + first * stride;
    if (end < count) {
      multiplyTransposed(
        end - first, columns, count - end,
        n + end * nStride + (<usize> first << 2), nStride,
        x + end * stride, stride,
        block, stride, 1, block, stride
      );
    }
    for (let i = end - 2; i >= first; i--) {
      const factors = n + (i + 1) * nStride + (<usize> i << 2);
      const target = x + i * stride;
      addFactoredRows(
        end - 1 - i, factors, nStride, target + stride, target, stride
      );
    }
  }
}

/** target += Σ_j factor_j row_j, over at least one row. */
function addFactoredRows(
  rows: i32, factors: usize, step: usize, row: usize, target: usize,
  stride: usize
): void {
  for (let c: usize = 0; c < stride; c += 16) {
    let sum = v128.load(target + c), factor = factors, cell = row + c;
    let left = rows;
    do {
      sum = multiplyAdd(v128.load32_splat(factor), v128.load(cell), sum);
      factor += step;
      cell += stride;
    } while (--left > 0);
    v128.store(target + c, sum);
  }
}

// Products with matrices of scores, in which a row has numbers only up to a column that
// grows from row to row, by `step`: of rows of a and of queries of tokens with one step
// they are lower triangular. They go by blocks of rows or columns; what lies above
// the blocks on the diagonal is neither read nor written.
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";

/** Rows and columns of a block. */
export const BLOCK = 8;

/** target = A B, of `columns` columns, in whole vectors; `b` is [inner, columns]. */
export function multiplyInto(
  rows: i32, columns: i32, step: i32, inner: i32, a: usize, aStride: usize,
  b: usize, target: usize, stride: usize
): void {
  for (let c = 0; c < columns; c += BLOCK) {
    const first = c / step, offset = <usize> c << 2;
    multiply(
      rows - first, min(BLOCK, columns - c), inner,
      a + first * aStride, aStride, b + offset, stride,
      target + first * stride + offset, stride, 0, 0, 0
    );
  }
}

/** target = weight · from + L B, of rows like those of the values or keys. */
export function multiplyFrom(
  rows: i32, count: i32, step: i32, l: usize, lStride: usize, b: usize,
  target: usize, stride: usize, weight: f32, from: usize
): void {
  for (let i = 0; i < rows; i += BLOCK) {
    const end = min(i + BLOCK, rows), row = i * stride;
    multiply(
      end - i, <i32> (stride >> 2), min(end * step, count),
      l + i * lStride, lStride, b, stride,
      target + row, stride, weight, from + row, stride
    );
  }
}

/** target = weight · target + Lᵀ B */
export function multiplyFromTransposed(
  rows: i32, count: i32, step: i32, l: usize, lStride: usize, b: usize,
  target: usize, stride: usize, weight: f32
): void {
  for (let j = 0; j < count; j += BLOCK) {
    const first = j / step, row = target + j * stride;
    multiplyTransposed(
      min(BLOCK, count - j), <i32> (stride >> 2), rows - first,
      l + first * lStride + (<usize> j << 2), lStride, b + first * stride, stride,
      row, stride, weight, row, stride
    );
  }
}

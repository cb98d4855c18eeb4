// Products with matrices of scores, in which a row has numbers only up to a column that
// grows from row to row, by `step`: of rows of a and of queries of tokens with one step
// they are lower triangular. They go by blocks of rows or columns; what lies above
// the blocks on the diagonal is neither read nor written.
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import { wide } from "../../../../tfjs/wasm/assembly/runtime/wide_simd";

/** Rows and columns of a block, as wide as the tiles of products. */
export function blockSize(): i32 {
  return wide ? 16 : 8;
}

/** target = A B, of `columns` columns, in whole vectors; `b` is [inner, columns]. */
export function multiplyInto(
  rows: i32, columns: i32, step: i32, inner: i32, a: usize, aStride: usize,
  b: usize, target: usize, stride: usize
): void {
  const block = blockSize();
  for (let c = 0; c < columns; c += block) {
    const first = c / step, offset = <usize> c << 2;
    multiply(
      rows - first, min(block, columns - c), inner,
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
  const block = blockSize();
  for (let i = 0; i < rows; i += block) {
    const end = min(i + block, rows), row = i * stride;
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
  const block = blockSize();
  for (let j = 0; j < count; j += block) {
    const first = j / step, row = target + j * stride;
    multiplyTransposed(
      min(block, count - j), <i32> (stride >> 2), rows - first,
      l + first * lStride + (<usize> j << 2), lStride, b + first * stride, stride,
      row, stride, weight, row, stride
    );
  }
}

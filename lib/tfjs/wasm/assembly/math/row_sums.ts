// A row times a matrix, a few of the matrix's rows at a time, of any length. Rows
// that lie behind one another are read fastest one after the other, as one stream;
// rows in the cache, side by side (loops.ts).
import { addEight, addScaledRow } from "./loops";
import { loadFirst, multiplyAdd, sums4 } from "./simd";

/** Rows that are added at a time. */
export const EIGHT = 8;

/** The product of two rows, as four sums that are still to be added up. */
function dotParts(length: i32, a: usize, b: usize): v128 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (; length >= 16; length -= 16) {
    const a0 = v128.load(a), a1 = v128.load(a, 16);
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    s0 = multiplyAdd(a0, b0, s0);
    s1 = multiplyAdd(a1, b1, s1);
    const a2 = v128.load(a, 32), a3 = v128.load(a, 48);
    const b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    s2 = multiplyAdd(a2, b2, s2);
    s3 = multiplyAdd(a3, b3, s3);
    a += 64;
    b += 64;
  }
  for (; length > 0; length -= 4) {
    s0 = multiplyAdd(loadFirst(a, length), loadFirst(b, length), s0);
    a += 16;
    b += 16;
  }
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

/** The products of a row with four others, one after the other. */
export function dotEach(
  length: i32, a: usize, b0: usize, b1: usize, b2: usize, b3: usize
): v128 {
  return sums4(
    dotParts(length, a, b0), dotParts(length, a, b1), dotParts(length, a, b2),
    dotParts(length, a, b3)
  );
}

/**
 * c += Σ_i a_i b_i over eight rows, one after the other; from a weight to the next are
 * `step` bytes, and from a row to the next `stride`.
 */
export function addEach(
  columns: i32, a: usize, step: usize, b: usize, stride: usize, c: usize
): void {
  for (let i = 0; i < EIGHT; i++) {
    addScaledRow(columns, load<f32>(a + i * step), b + i * stride, c);
  }
}

/** c += Σ_i a_i b_i over eight rows, side by side; parameters as of {@link addEach}. */
export function addTogether(
  columns: i32, a: usize, step: usize, b: usize, stride: usize, c: usize
): void {
  const left = addEight(columns, a, step, b, stride, c);
  if (left === 0) return;
  const done = <usize> (columns - left) << 2;
  addEach(left, a, step, b + done, stride, c + done);
}

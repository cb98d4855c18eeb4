// A row times a matrix, a few of the matrix's rows at a time, whose ends are
// anywhere. Rows that lie behind one another are read fastest one after the
// other, as one stream; what is in the cache, side by side.
import { loadFirst, multiplyAdd, storeFirst, sums4 } from "./simd";

/** Rows that {@link addEight} reads. */
export const EIGHT = 8;

/** Four parts of the product of two rows. */
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
  length: i32,
  a: usize,
  b0: usize,
  b1: usize,
  b2: usize,
  b3: usize,
): v128 {
  return sums4(
    dotParts(length, a, b0),
    dotParts(length, a, b1),
    dotParts(length, a, b2),
    dotParts(length, a, b3),
  );
}

/** The same side by side. */
export function dotFour(
  length: i32,
  a: usize,
  b0: usize,
  b1: usize,
  b2: usize,
  b3: usize,
): v128 {
  let even0 = f32x4.splat(0), even1 = even0, even2 = even0, even3 = even0;
  let odd0 = even0, odd1 = even0, odd2 = even0, odd3 = even0;
  for (; length >= 8; length -= 8) {
    const x0 = v128.load(a), x1 = v128.load(a, 16);
    const y00 = v128.load(b0), y01 = v128.load(b0, 16);
    even0 = multiplyAdd(x0, y00, even0);
    odd0 = multiplyAdd(x1, y01, odd0);
    const y10 = v128.load(b1), y11 = v128.load(b1, 16);
    even1 = multiplyAdd(x0, y10, even1);
    odd1 = multiplyAdd(x1, y11, odd1);
    const y20 = v128.load(b2), y21 = v128.load(b2, 16);
    even2 = multiplyAdd(x0, y20, even2);
    odd2 = multiplyAdd(x1, y21, odd2);
    const y30 = v128.load(b3), y31 = v128.load(b3, 16);
    even3 = multiplyAdd(x0, y30, even3);
    odd3 = multiplyAdd(x1, y31, odd3);
    a += 32;
    b0 += 32;
    b1 += 32;
    b2 += 32;
    b3 += 32;
  }
  for (; length > 0; length -= 4) {
    const x = loadFirst(a, length);
    even0 = multiplyAdd(x, loadFirst(b0, length), even0);
    even1 = multiplyAdd(x, loadFirst(b1, length), even1);
    even2 = multiplyAdd(x, loadFirst(b2, length), even2);
    even3 = multiplyAdd(x, loadFirst(b3, length), even3);
    a += 16;
    b0 += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  return sums4(
    f32x4.add(even0, odd0),
    f32x4.add(even1, odd1),
    f32x4.add(even2, odd2),
    f32x4.add(even3, odd3),
  );
}

/** c += a b, with one weight a. */
export function addOne(columns: i32, a: usize, b: usize, c: usize): void {
  const weight = v128.load32_splat(a);
  for (; columns >= 8; columns -= 8) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const c0 = v128.load(c), c1 = v128.load(c, 16);
    const sum0 = multiplyAdd(weight, b0, c0);
    const sum1 = multiplyAdd(weight, b1, c1);
    v128.store(c, sum0);
    v128.store(c, sum1, 16);
    b += 32;
    c += 32;
  }
  for (; columns > 0; columns -= 4) {
    const old = loadFirst(c, columns);
    storeFirst(c, multiplyAdd(weight, loadFirst(b, columns), old), columns);
    b += 16;
    c += 16;
  }
}

/** c += Σ_i a_i b_i over eight rows, one after the other; weights and rows are `step` and `stride` apart. */
export function addEach(
  columns: i32,
  a: usize,
  step: usize,
  b: usize,
  stride: usize,
  c: usize,
): void {
  for (let i = 0; i < EIGHT; i++) {
    addOne(columns, a + i * step, b + i * stride, c);
  }
}

/** The same side by side. */
export function addEight(
  columns: i32,
  a: usize,
  step: usize,
  b: usize,
  stride: usize,
  c: usize,
): void {
  const a0 = v128.load32_splat(a), a1 = v128.load32_splat(a + step);
  const a2 = v128.load32_splat(a + 2 * step);
  const a3 = v128.load32_splat(a + 3 * step);
  const a4 = v128.load32_splat(a + 4 * step);
  const a5 = v128.load32_splat(a + 5 * step);
  const a6 = v128.load32_splat(a + 6 * step);
  const a7 = v128.load32_splat(a + 7 * step);
  let b0 = b, b1 = b0 + stride, b2 = b1 + stride, b3 = b2 + stride;
  let b4 = b3 + stride, b5 = b4 + stride, b6 = b5 + stride, b7 = b6 + stride;
  for (; columns >= 8; columns -= 8) {
    let even = v128.load(c), odd = v128.load(c, 16);
    const x0 = v128.load(b0), y0 = v128.load(b0, 16);
    even = multiplyAdd(a0, x0, even);
    odd = multiplyAdd(a0, y0, odd);
    const x1 = v128.load(b1), y1 = v128.load(b1, 16);
    even = multiplyAdd(a1, x1, even);
    odd = multiplyAdd(a1, y1, odd);
    const x2 = v128.load(b2), y2 = v128.load(b2, 16);
    even = multiplyAdd(a2, x2, even);
    odd = multiplyAdd(a2, y2, odd);
    const x3 = v128.load(b3), y3 = v128.load(b3, 16);
    even = multiplyAdd(a3, x3, even);
    odd = multiplyAdd(a3, y3, odd);
    const x4 = v128.load(b4), y4 = v128.load(b4, 16);
    even = multiplyAdd(a4, x4, even);
    odd = multiplyAdd(a4, y4, odd);
    const x5 = v128.load(b5), y5 = v128.load(b5, 16);
    even = multiplyAdd(a5, x5, even);
    odd = multiplyAdd(a5, y5, odd);
    const x6 = v128.load(b6), y6 = v128.load(b6, 16);
    even = multiplyAdd(a6, x6, even);
    odd = multiplyAdd(a6, y6, odd);
    const x7 = v128.load(b7), y7 = v128.load(b7, 16);
    even = multiplyAdd(a7, x7, even);
    odd = multiplyAdd(a7, y7, odd);
    v128.store(c, even);
    v128.store(c, odd, 16);
    b0 += 32;
    b1 += 32;
    b2 += 32;
    b3 += 32;
    b4 += 32;
    b5 += 32;
    b6 += 32;
    b7 += 32;
    c += 32;
  }
  if (columns > 0) addEach(columns, a, step, b0, stride, c);
}

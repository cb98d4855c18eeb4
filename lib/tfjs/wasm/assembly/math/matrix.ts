// Row-major matrices of floats. Pointers and row strides are in bytes; rows are
// whole vectors unless said otherwise. Loops that do one thing to each vector of a
// row are in loops.ts, and products in gemm.ts: tools/kernels/build.ts makes both while
// it builds, so that neither is a file here.
import { multiplyAdd, pairBytes, sum4, vectorBytes } from "./simd";
import { dot } from "./loops";

/** Reads a float of a vector. */
export function at(pointer: usize, index: i32): f32 {
  return load<f32>(pointer + (<usize> index << 2));
}

/** Writes a float of a vector. */
export function put(pointer: usize, index: i32, value: f32): void {
  store<f32>(pointer + (<usize> index << 2), value);
}

/**
 * The matrix itself where its rows are whole vectors, else a copy of it in
 * which they are, padded with zeros.
 */
export function paddedRows(
  rows: i32, source: usize, width: usize, copy: usize, stride: usize
): usize {
  if (width === stride) return source;
  for (let i = 0; i < rows; i++) {
    memory.copy(copy + i * stride, source + i * width, width);
    memory.fill(copy + i * stride + width, 0, stride - width);
  }
  return copy;
}

/** Copies rows without their padding, unless source and target are the same. */
export function unpadRows(
  rows: i32, source: usize, stride: usize, target: usize, width: usize
): void {
  if (source === target) return;
  for (let i = 0; i < rows; i++) {
    memory.copy(target + i * width, source + i * stride, width);
  }
}

/**
 * target[columns, rows] = source[rows, columns]ᵀ, its rows padded with zeros to
 * whole vectors; any number of columns.
 */
export function transpose(
  rows: i32, columns: i32, source: usize, sourceStride: usize, target: usize,
  targetStride: usize
): void {
  const wholeRows = rows & ~3, wholeColumns = columns & ~3;
  for (let i = 0; i < wholeRows; i += 4) {
    let from = source + i * sourceStride, to = target + i * 4;
    for (let j = 0; j < wholeColumns; j += 4) {
      const a = v128.load(from), b = v128.load(from + sourceStride);
      const c = v128.load(from + 2 * sourceStride);
      const d = v128.load(from + 3 * sourceStride);
      const ab0 = i32x4.shuffle(a, b, 0, 4, 1, 5);
      const ab2 = i32x4.shuffle(a, b, 2, 6, 3, 7);
      const cd0 = i32x4.shuffle(c, d, 0, 4, 1, 5);
      const cd2 = i32x4.shuffle(c, d, 2, 6, 3, 7);
      v128.store(to, i32x4.shuffle(ab0, cd0, 0, 1, 4, 5));
      v128.store(to + targetStride, i32x4.shuffle(ab0, cd0, 2, 3, 6, 7));
      v128.store(to + 2 * targetStride, i32x4.shuffle(ab2, cd2, 0, 1, 4, 5));
      v128.store(to + 3 * targetStride, i32x4.shuffle(ab2, cd2, 2, 3, 6, 7));
      from += 16;
      to += 4 * targetStride;
    }
  }
  const paddedRows = (rows + 3) & ~3;
  const rest = wholeRows === paddedRows ? wholeColumns : 0;
  for (let j = rest; j < columns; j++) {
    const first = j < wholeColumns ? wholeRows : 0;
    for (let i = first; i < paddedRows; i++) {
      const value = i < rows ? at(source + i * sourceStride, j) : 0;
      put(target + j * targetStride, i, value);
    }
  }
}

/** target = sourceᵀ, its rows padded with zeros to whole pairs of vectors. */
export function transposeToPairs(
  rows: i32, columns: i32, source: usize, sourceStride: usize, target: usize
): void {
  const row = pairBytes(rows);
  if (vectorBytes(rows) < row) memory.fill(target, 0, <usize> columns * row);
  transpose(rows, columns, source, sourceStride, target, row);
}

/** target_ij = weight_j source_ij */
export function scaleColumns(
  rows: i32, stride: usize, weights: usize, source: usize, target: usize
): void {
  for (let i = 0; i < rows; i++) {
    for (let c: usize = 0; c < stride; c += 16) {
      const x = v128.load(source + c);
      v128.store(target + c, f32x4.mul(v128.load(weights + c), x));
    }
    source += stride;
    target += stride;
  }
}

/** target_i = weight_i source_i; sums_i += target_i · vector */
export function scaleRowsAndDot(
  rows: i32, stride: usize, weights: usize, source: usize, target: usize,
  vector: usize, sums: usize
): void {
  for (let i = 0; i < rows; i++) {
    const weight = v128.load32_splat(weights + 4 * i);
    let sum = f32x4.splat(0), other = vector;
    for (const end = source + stride; source < end; source += 16) {
      const scaled = f32x4.mul(weight, v128.load(source));
      v128.store(target, scaled);
      sum = multiplyAdd(scaled, v128.load(other), sum);
      target += 16;
      other += 16;
    }
    put(sums, i, at(sums, i) + sum4(sum));
  }
}

/** sums_i += row_i · vector */
export function addRowDots(
  rows: i32, stride: usize, row: usize, vector: usize, sums: usize
): void {
  for (let i = 0; i < rows; i++) {
    put(sums, i, at(sums, i) + dot(stride, row, vector));
    row += stride;
  }
}

/**
 * target_i = Σ_part part_i, of `numbers` floats, in `count` parts at steps of
 * `partBytes`.
 */
export function sumParts(
  numbers: i32, parts: usize, partBytes: usize, count: i32, target: usize
): void {
  const bytes = <usize> numbers * 4;
  const whole = bytes & ~15;
  for (let i: usize = 0; i < whole; i += 16) {
    let part = parts + i, sum = v128.load(part);
    for (let k = 1; k < count; k++) {
      part += partBytes;
      sum = f32x4.add(sum, v128.load(part));
    }
    v128.store(target + i, sum);
  }
  for (let i = whole; i < bytes; i += 4) {
    let part = parts + i, sum = load<f32>(part);
    for (let k = 1; k < count; k++) {
      part += partBytes;
      sum += load<f32>(part);
    }
    store<f32>(target + i, sum);
  }
}

/** target += Σ_j row_j, over the first `bytes` bytes of each row, whole vectors. */
export function addRowSum(
  rows: i32, stride: usize, bytes: usize, row: usize, target: usize
): void {
  for (let c: usize = 0; c < bytes; c += 16) {
    let sum = v128.load(target + c), cell = row + c;
    for (let j = 0; j < rows; j++) {
      sum = f32x4.add(sum, v128.load(cell));
      cell += stride;
    }
    v128.store(target + c, sum);
  }
}

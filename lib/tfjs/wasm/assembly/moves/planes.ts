// Copies of a plane of elements from one place to another, by the distances between
// its rows and between its columns, in bytes, in each of both places.
//
// Elements are 32-bit words or bytes, whatever they stand for.

/** Bytes from which on the engine's own copy of a row is faster. */
const LONG_ROW: usize = 512;

/** Columns that are transposed at a time, so that the lines of their rows stay in the cache. */
const BLOCK_COLUMNS = 256;

/** Copies `rows` × `columns` elements. */
export function copyPlane<T>(
  rows: i32, columns: i32,
  x: usize, xRow: usize, xColumn: usize,
  y: usize, yRow: usize, yColumn: usize
): void {
  const size: usize = sizeof<T>();
  if (yColumn !== size) {
    scatterRows<T>(rows, columns, x, xRow, xColumn, y, yRow, yColumn);
  } else if (xColumn === size) {
    copyRows(rows, <usize> columns * size, x, xRow, y, yRow);
  } else if (xColumn === 0) {
    fillRows<T>(rows, columns, x, xRow, y, yRow);
  } else if (xColumn === 0 - size) {
    reverseRows<T>(rows, columns, x, xRow, y, yRow);
  } else if (xRow === size && size === 4) {
    transpose(rows, columns, x, xColumn, y, yRow);
  } else if (xRow === size) {
    transposeBytes(rows, columns, x, xColumn, y, yRow);
  } else {
    collectRows<T>(rows, columns, x, xRow, xColumn, y, yRow);
  }
}

/** Copies rows, each of which has `bytes` bytes behind one another. */
export function copyRows(
  rows: i32, bytes: usize, x: usize, xRow: usize, y: usize, yRow: usize
): void {
  for (; rows > 0; rows--) {
    copyBytes(bytes, x, y);
    x += xRow;
    y += yRow;
  }
}

/** Copies bytes; those that fill no vector are copied in one that overlaps the vector before. */
// @ts-ignore: decorator
@inline
export function copyBytes(bytes: usize, x: usize, y: usize): void {
  if (bytes >= 16) {
    if (bytes >= LONG_ROW) {
      memory.copy(y, x, bytes);
      return;
    }
    const end = x + bytes, pairs = x + (bytes & ~31);
    if (x < pairs) do {
      const x$ = v128.load(x, 16 * $);
      v128.store(y, x$, 16 * $);
      x += 32;
      y += 32;
    } while (x < pairs);
    if (x + 16 <= end) v128.store(y, v128.load(x));
    const rest = end - x;
    if (rest & 15) v128.store(y + rest - 16, v128.load(end - 16));
  } else if (bytes >= 8) {
    const first = load<u64>(x), last = load<u64>(x + bytes - 8);
    store<u64>(y, first);
    store<u64>(y + bytes - 8, last);
  } else if (bytes >= 4) {
    const first = load<u32>(x), last = load<u32>(x + bytes - 4);
    store<u32>(y, first);
    store<u32>(y + bytes - 4, last);
  } else {
    for (let i: usize = 0; i < bytes; i++) store<u8>(y + i, load<u8>(x + i));
  }
}

/** Fills each row with one element. */
function fillRows<T>(
  rows: i32, columns: i32, x: usize, xRow: usize, y: usize, yRow: usize
): void {
  const bytes = <usize> columns * sizeof<T>();
  for (; rows > 0; rows--) {
    fillRow<T>(bytes, load<T>(x), y);
    x += xRow;
    y += yRow;
  }
}

// @ts-ignore: decorator
@inline
function fillRow<T>(bytes: usize, value: T, y: usize): void {
  const end = y + bytes;
  if (bytes >= 16) {
    const v = sizeof<T>() === 4
      ? i32x4.splat(<i32> value)
      : i8x16.splat(<i8> value);
    const pairs = y + (bytes & ~31);
    if (y < pairs) do {
      v128.store(y, v, 16 * $);
      y += 32;
    } while (y < pairs);
    if (y + 16 <= end) v128.store(y, v);
    v128.store(end - 16, v);
  } else {
    for (; y < end; y += sizeof<T>()) store<T>(y, value);
  }
}

/** Copies rows from their last element to their first, where x is the last. */
function reverseRows<T>(
  rows: i32, columns: i32, x: usize, xRow: usize, y: usize, yRow: usize
): void {
  const bytes = <usize> columns * sizeof<T>();
  for (; rows > 0; rows--) {
    let from = x + sizeof<T>(), to = y;
    const vectors = y + (bytes & ~15), end = y + bytes;
    for (; to < vectors; to += 16) {
      from -= 16;
      const v = v128.load(from);
      v128.store(
        to,
        sizeof<T>() === 4
          ? i32x4.shuffle(v, v, 3, 2, 1, 0)
          : i8x16.shuffle(
            v, v, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
          )
      );
    }
    for (; to < end; to += sizeof<T>()) {
      from -= sizeof<T>();
      store<T>(to, load<T>(from));
    }
    x += xRow;
    y += yRow;
  }
}

/** Copies elements, `xColumn` bytes from each other, into rows without gaps. */
function collectRows<T>(
  rows: i32, columns: i32, x: usize, xRow: usize, xColumn: usize,
  y: usize, yRow: usize
): void {
  const bytes = <usize> columns * sizeof<T>();
  for (; rows > 0; rows--) {
    let from = x, to = y;
    const fours = y + (bytes & ~(4 * sizeof<T>() - 1)), end = y + bytes;
    for (; to < fours; to += 4 * sizeof<T>()) {
      each4: {
        store<T>(to, load<T>(from), $i * sizeof<T>());
        from += xColumn;
      }
    }
    for (; to < end; to += sizeof<T>()) {
      store<T>(to, load<T>(from));
      from += xColumn;
    }
    x += xRow;
    y += yRow;
  }
}

/** Copies elements of rows to places `yColumn` bytes from each other. */
function scatterRows<T>(
  rows: i32, columns: i32, x: usize, xRow: usize, xColumn: usize,
  y: usize, yRow: usize, yColumn: usize
): void {
  for (; rows > 0; rows--) {
    let from = x, to = y, left = columns;
    for (; left >= 4; left -= 4) {
      each4: {
        store<T>(to, load<T>(from));
        from += xColumn;
        to += yColumn;
      }
    }
    for (; left > 0; left--) {
      store<T>(to, load<T>(from));
      from += xColumn;
      to += yColumn;
    }
    x += xRow;
    y += yRow;
  }
}

/** Transposes words: row i of y is column i of x. */
function transpose(
  rows: i32, columns: i32, x: usize, xColumn: usize, y: usize, yRow: usize
): void {
  for (let first = 0; first < columns; first += BLOCK_COLUMNS) {
    const count = min(columns - first, BLOCK_COLUMNS);
    let from = x + first * xColumn, to = y + (<usize> first << 2);
    let left = rows;
    for (; left >= 8; left -= 8) {
      transposeEight(count, from, xColumn, to, yRow);
      from += 32;
      to += 8 * yRow;
    }
    if (left >= 4) {
      transposeFour(count, from, xColumn, to, yRow);
      from += 16;
      to += 4 * yRow;
      left -= 4;
    }
    if (left > 0) {
      collectRows<u32>(left, count, from, 4, xColumn, to, yRow);
    }
  }
}

function transposeEight(
  columns: i32, x: usize, xColumn: usize, y: usize, yRow: usize
): void {
  for (; columns >= 4; columns -= 4) {
    transposeTile(x, xColumn, y, yRow);
    transposeTile(x + 16, xColumn, y + 4 * yRow, yRow);
    x += 4 * xColumn;
    y += 16;
  }
  for (; columns > 0; columns--) {
    for (let i: usize = 0; i < 8; i++) {
      store<u32>(y + i * yRow, load<u32>(x + 4 * i));
    }
    x += xColumn;
    y += 4;
  }
}

function transposeFour(
  columns: i32, x: usize, xColumn: usize, y: usize, yRow: usize
): void {
  for (; columns >= 4; columns -= 4) {
    transposeTile(x, xColumn, y, yRow);
    x += 4 * xColumn;
    y += 16;
  }
  for (; columns > 0; columns--) {
    for (let i: usize = 0; i < 4; i++) {
      store<u32>(y + i * yRow, load<u32>(x + 4 * i));
    }
    x += xColumn;
    y += 4;
  }
}

// @ts-ignore: decorator
@inline
function transposeTile(x: usize, xColumn: usize, y: usize, yRow: usize): void {
  const a = v128.load(x), b = v128.load(x + xColumn);
  const c = v128.load(x + 2 * xColumn), d = v128.load(x + 3 * xColumn);
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
  const highAb = i32x4.shuffle(a, b, 2, 6, 3, 7);
  const highCd = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(y, i64x2.shuffle(ab, cd, 0, 2));
  v128.store(y + yRow, i64x2.shuffle(ab, cd, 1, 3));
  v128.store(y + 2 * yRow, i64x2.shuffle(highAb, highCd, 0, 2));
  v128.store(y + 3 * yRow, i64x2.shuffle(highAb, highCd, 1, 3));
}

/** Transposes bytes, in squares whose lines stay in the cache. */
function transposeBytes(
  rows: i32, columns: i32, x: usize, xColumn: usize, y: usize, yRow: usize
): void {
  const side = 16;
  for (let row = 0; row < rows; row += side) {
    const height = min(side, rows - row);
    for (let column = 0; column < columns; column += side) {
      collectRows<u8>(
        height, min(side, columns - column),
        x + row + column * xColumn, 1, xColumn,
        y + row * yRow + column, yRow
      );
    }
  }
}

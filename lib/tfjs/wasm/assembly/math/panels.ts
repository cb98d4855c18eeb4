// Panels of a right factor: 16 of its columns each, one behind the other, so that a
// register tile reads memory without gaps. The rows of the last panel are as many
// whole vectors as its columns need, padded with zeros.
import { transpose } from "./matrix";
import { loadFirst, vectorBytes } from "./simd";

/** Columns of a panel, as many as those of the widest register tile. */
export const PANEL = 16;

/**
 * Bytes of a row of the panel that begins at a column, in a matrix of `count`
 * columns.
 */
export function panelBytes(column: i32, count: i32): usize {
  return vectorBytes(min(PANEL, count - column));
}

/** Packs a panel from the row `source` on, whose rows are `width` bytes apart. */
export function packPanel(
  rows: i32, columns: i32, source: usize, width: usize, target: usize
): void {
  if (columns === PANEL) {
    for (let row = 0; row < rows; row++) {
      const x$ = v128.load(source, 16 * $);
      const y$ = v128.load(source, 32 + 16 * $);
      v128.store(target, x$, 16 * $);
      v128.store(target, y$, 32 + 16 * $);
      source += width;
      target += 64;
    }
    return;
  }
  for (let row = 0; row < rows; row++) {
    let from = source;
    for (let count = columns; count > 0; count -= 4) {
      v128.store(target, loadFirst(from, count));
      from += 16;
      target += 16;
    }
    source += width;
  }
}

/** Packs a panel of a transposed matrix, whose columns are rows in memory. */
export function packTransposedPanel(
  rows: i32, columns: i32, source: usize, width: usize, target: usize
): void {
  transpose(columns, rows, source, width, target, vectorBytes(columns));
}

/** Backtracking: all solutions of any puzzle, at once and exactly. @module */
import {
  ALL_DIGITS,
  BOXES,
  CELLS,
  COLUMNS,
  type Grid,
  ROWS,
  SIZES,
} from "./cells.ts";

/**
 * A depth-first search that fills the cell with the fewest possible digits first.
 *
 * @param puzzle Its unknown cells are 0.
 * @param visit Called with each solution, which is only valid during the call; returns
 * whether to go on.
 * @param options `digits` orders the digits that are tried, as bits; `excluded` is a
 * digit that one cell may not have.
 */
export function search(
  puzzle: ArrayLike<number>,
  visit: (solution: Grid) => boolean,
  { digits = DIGITS, excluded }: {
    readonly digits?: (cell: number) => readonly number[];
    readonly excluded?: { readonly cell: number; readonly digit: number };
  } = {},
): void {
  const grid = Uint8Array.from(puzzle);
  // The digits that are still free in each unit.
  const rows = new Uint16Array(9).fill(ALL_DIGITS);
  const columns = new Uint16Array(9).fill(ALL_DIGITS);
  const boxes = new Uint16Array(9).fill(ALL_DIGITS);
  const open: number[] = [];
  for (let cell = 0; cell < CELLS; cell++) {
    const digit = grid[cell]!;
    if (digit === 0) {
      open.push(cell);
      continue;
    }
    const bit = 1 << digit - 1;
    if (!(freeAt(cell) & bit)) return;
    flip(cell, bit);
  }
  const forbidden = excluded ? 1 << excluded.digit - 1 : 0;
  fill(open.length);

  function freeAt(cell: number): number {
    return rows[ROWS[cell]!]! & columns[COLUMNS[cell]!]! & boxes[BOXES[cell]!]!;
  }

  function flip(cell: number, bit: number): void {
    rows[ROWS[cell]!]! ^= bit;
    columns[COLUMNS[cell]!]! ^= bit;
    boxes[BOXES[cell]!]! ^= bit;
  }

  /** Fills the first `count` open cells; returns whether to go on. */
  function fill(count: number): boolean {
    if (count === 0) return visit(grid);
    let best = 0, fewest = 10, candidates = 0;
    for (let i = 0; i < count && fewest > 1; i++) {
      const cell = open[i]!;
      let free = freeAt(cell);
      if (cell === excluded?.cell) free &= ~forbidden;
      const size = SIZES[free]!;
      if (size < fewest) [best, fewest, candidates] = [i, size, free];
    }
    if (fewest === 0) return true;
    const cell = open[best]!;
    open[best] = open[count - 1]!;
    open[count - 1] = cell;
    let goesOn = true;
    for (const digit of digits(cell)) {
      const bit = 1 << digit - 1;
      if (!(candidates & bit)) continue;
      grid[cell] = digit;
      flip(cell, bit);
      goesOn = fill(count - 1);
      flip(cell, bit);
      if (!goesOn) break;
    }
    grid[cell] = 0;
    open[count - 1] = open[best]!;
    open[best] = cell;
    return goesOn;
  }
}

const ONE_TO_NINE = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const DIGITS = () => ONE_TO_NINE;

/** The first solution of a puzzle that the search finds, if there is one. */
export function solutionOf(puzzle: ArrayLike<number>): Grid | undefined {
  let found: Grid | undefined;
  search(puzzle, (solution) => {
    found = solution.slice();
    return false;
  });
  return found;
}

/** The number of solutions of a puzzle, counted up to `most`. */
export function countSolutions(puzzle: ArrayLike<number>, most = 2): number {
  let count = 0;
  search(puzzle, () => ++count < most);
  return count;
}

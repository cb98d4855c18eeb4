/**
 * The cells of a grid, by number from 0 at the top left to 80 at the bottom right, and
 * the units that they share.
 *
 * @module
 */
import { shown } from "./shown.ts";

/** The number of cells. */
export const CELLS = 81;

/** A set of digits: bit d - 1 stands for the digit d. */
export const ALL_DIGITS = 0b111_111_111;

/** A grid: a digit per cell, 0 where it is unknown. */
export type Grid = Uint8Array;

const places = Array.from({ length: CELLS }, (_, cell) => cell);

/** Each cell's row, from 0. */
export const ROWS: readonly number[] = places.map((cell) =>
  Math.floor(cell / 9)
);

/** Each cell's column, from 0. */
export const COLUMNS: readonly number[] = places.map((cell) => cell % 9);

/** Each cell's box, from 0, row by row. */
export const BOXES: readonly number[] = places.map((cell) =>
  3 * Math.floor(ROWS[cell]! / 3) + Math.floor(COLUMNS[cell]! / 3)
);

/** The cells of each unit: nine rows, then nine columns, then nine boxes. */
export const UNITS: readonly (readonly number[])[] = [ROWS, COLUMNS, BOXES]
  .flatMap((numbers) =>
    Array.from(
      { length: 9 },
      (_, unit) => places.filter((cell) => numbers[cell] === unit),
    )
  );

/** The 20 other cells that share a unit with each cell. */
export const PEERS: readonly (readonly number[])[] = places.map((cell) =>
  places.filter((other) =>
    other !== cell &&
    [ROWS, COLUMNS, BOXES].some((numbers) => numbers[cell] === numbers[other])
  )
);

/** How many digits each set has. */
export const SIZES: Uint8Array = Uint8Array.from(
  { length: ALL_DIGITS + 1 },
  (_, digits) => digits.toString(2).replaceAll("0", "").length,
);

/**
 * Reads a grid.
 *
 * @param text 81 characters, row by row: digits, and `0` or `.` where it is unknown.
 * @throws {TypeError} If it is not a string.
 * @throws {RangeError} If it is not 81 such characters.
 */
export function parseGrid(text: string): Grid {
  if (typeof text !== "string") {
    throw new TypeError(
      `a puzzle should be a string of 81 characters, got ${shown(text)}`,
    );
  }
  if (!/^[0-9.]{81}$/.test(text)) {
    throw new RangeError(
      "a puzzle should be 81 characters, digits and 0 or . for unknown cells, " +
        `got ${shown(text)}, which has ${text.length}`,
    );
  }
  return Uint8Array.from(text, (letter) => letter === "." ? 0 : Number(letter));
}

/**
 * Reads several grids.
 *
 * @throws {TypeError} If they are not an array of strings.
 * @throws {RangeError} If one is not 81 characters as {@linkcode parseGrid} reads them.
 */
export function parseGrids(texts: readonly string[]): Grid[] {
  if (Array.isArray(texts)) return texts.map(parseGrid);
  throw new TypeError(
    `puzzles should be an array of strings of 81 characters, got ${
      shown(texts)
    }`,
  );
}

/** Writes a grid as 81 digits, 0 where it is unknown. */
export function formatGrid(grid: ArrayLike<number>): string {
  return Array.from(grid).join("");
}

/**
 * The digits that no cell sharing a unit with an unknown cell has; `undefined` if a
 * mistake elsewhere has left none.
 */
export function freeDigits(
  grid: ArrayLike<number>,
  cell: number,
): number[] | undefined {
  const taken = new Set(PEERS[cell]!.map((peer) => grid[peer]!));
  const free = [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((digit) => !taken.has(digit));
  return free.length > 0 ? free : undefined;
}

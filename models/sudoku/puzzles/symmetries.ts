/** The symmetries of grids, and a form that all images of a grid share. @module */
import { CELLS, type Grid } from "./cells.ts";
import { type Random, shuffled } from "./generate.ts";

/** A way to turn a puzzle into another one that is as hard. */
export interface Symmetry {
  /** The cell that each cell of the image shows. */
  readonly cells: readonly number[];
  /** The digit that stands for each digit; 0 for 0. */
  readonly digits: readonly number[];
}

/**
 * Draws one of the 9! · 2 · 6⁸ symmetries: names of digits, orders of bands, stacks,
 * rows in a band and columns in a stack, and transposition.
 */
export function drawSymmetry(random: Random): Symmetry {
  const digits = [0, ...shuffled(9, random).map((i) => i + 1)];
  const rows = drawLines(random), columns = drawLines(random);
  const isTransposed = random() < 0.5;
  const cells = rows.flatMap((row) =>
    columns.map((column) => isTransposed ? 9 * column + row : 9 * row + column)
  );
  return { cells, digits };
}

/** The image of a grid. */
export function applySymmetry(
  { cells, digits }: Symmetry,
  grid: ArrayLike<number>,
): Grid {
  return Uint8Array.from(cells, (cell) => digits[grid[cell]!]!);
}

/** An order of nine lines that keeps threes together. */
function drawLines(random: Random): number[] {
  return shuffled(3, random).flatMap((band) =>
    shuffled(3, random).map((line) => 3 * band + line)
  );
}

const ORDERS = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [
  2,
  1,
  0,
]];

/** All orders of nine columns that keep threes together: 6⁴. */
const COLUMN_ORDERS = ORDERS.flatMap((stacks) =>
  ORDERS.flatMap((a) =>
    ORDERS.flatMap((b) =>
      ORDERS.map((c) => {
        const within = [a, b, c];
        return stacks.flatMap((stack, i) =>
          within[i]!.map((column) => 3 * stack + column)
        );
      })
    )
  )
);

/**
 * The smallest image of a full grid in alphabetical order, the same for all its images:
 * two solutions are symmetric if and only if their canonical forms are equal. The first
 * row of the smallest image is 123456789, so a choice of the first row and an order of
 * columns give the names of digits, and the other rows and bands have only to be sorted.
 *
 * @param solution A digit per cell.
 * @returns 81 digits.
 */
export function canonicalForm(solution: ArrayLike<number>): string {
  const grid = Uint8Array.from(solution);
  const transposed = grid.map((_, i) => grid[9 * (i % 9) + Math.floor(i / 9)]!);
  const best = new Uint8Array(CELLS).fill(10);
  const names = new Uint8Array(10);
  for (const image of [grid, transposed]) {
    for (let first = 0; first < 9; first++) {
      const [second, third] = othersOfBand(first) as [number, number];
      for (const columns of COLUMN_ORDERS) {
        for (let i = 0; i < 9; i++) {
          names[image[9 * first + columns[i]!]!] = i + 1;
        }
        const start = columns[0]!;
        const isSorted = names[image[9 * second + start]!]! <
          names[image[9 * third + start]!]!;
        const next = 9 * (isSorted ? second : third);
        // Most images are seen to be larger in their second row.
        let i = 0;
        while (i < 9 && names[image[next + columns[i]!]!] === best[9 + i]) i++;
        if (i < 9 && names[image[next + columns[i]!]!]! > best[9 + i]!) {
          continue;
        }
        const candidate = imageOf(image, names, columns, first);
        const at = candidate.findIndex((digit, i) => digit !== best[i]);
        if (at >= 0 && candidate[at]! < best[at]!) best.set(candidate);
      }
    }
  }
  return best.join("");
}

/** The image with a given first row and order of columns whose other lines are sorted. */
function imageOf(
  image: Grid,
  names: Uint8Array,
  columns: readonly number[],
  first: number,
): number[] {
  const firstName = (row: number) => names[image[9 * row + columns[0]!]!]!;
  const sorted = (rows: number[]) =>
    rows.sort((a, b) => firstName(a) - firstName(b));
  const own = Math.floor(first / 3);
  const bands = [0, 1, 2].filter((band) => band !== own)
    .map((band) => sorted([3 * band, 3 * band + 1, 3 * band + 2]))
    .sort(([a], [b]) => firstName(a!) - firstName(b!));
  return [first, ...sorted(othersOfBand(first)), ...bands.flat()]
    .flatMap((row) =>
      columns.map((column) => names[image[9 * row + column]!]!)
    );
}

/** The two other rows of a row's band. */
function othersOfBand(row: number): number[] {
  const start = row - row % 3;
  return [start, start + 1, start + 2].filter((other) => other !== row);
}

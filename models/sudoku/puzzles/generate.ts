/** Random puzzles with one solution. @module */
import { CELLS, type Grid } from "./cells.ts";
import { search } from "./search.ts";

/** Returns the next uniform number in [0, 1). */
export type Random = () => number;

/** A puzzle and its only solution. */
export interface Puzzle {
  /** 0 where the puzzle has no clue. */
  readonly clues: Grid;
  /** The digit of each cell. */
  readonly solution: Grid;
}

/** The fewest and the most clues that are aimed at. */
const TARGET = { fewest: 22, most: 36 };

/**
 * Draws a puzzle: a full grid by a search that tries digits in a random order, from
 * which clues are removed in a random order, each only if one solution is left, down to
 * a number that is drawn from 22 to 36. Few puzzles reach 22.
 *
 * @param random Draws all that is random.
 */
export function drawPuzzle(random: Random): Puzzle {
  const solution = drawSolution(random);
  const clues = solution.slice();
  const { fewest, most } = TARGET;
  const target = fewest + below(most - fewest + 1, random);
  let left = CELLS;
  for (const cell of shuffled(CELLS, random)) {
    if (left === target) break;
    const digit = clues[cell]!;
    clues[cell] = 0;
    if (hasSolutionWithout(clues, cell, digit)) clues[cell] = digit;
    else left--;
  }
  return { clues, solution };
}

/** Draws a full grid. */
export function drawSolution(random: Random): Grid {
  const empty = new Uint8Array(CELLS);
  const digits = () => shuffled(9, random).map((i) => i + 1);
  let found = empty;
  search(empty, (solution) => {
    found = solution.slice();
    return false;
  }, { digits });
  return found;
}

/** Whether there is a solution with another digit in a cell. */
function hasSolutionWithout(
  clues: Grid,
  cell: number,
  digit: number,
): boolean {
  let found = false;
  search(clues, () => !(found = true), { excluded: { cell, digit } });
  return found;
}

/** The numbers from 0 to below `count` in a random order. */
export function shuffled(count: number, random: Random): number[] {
  const numbers = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = below(i + 1, random);
    [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!];
  }
  return numbers;
}

function below(count: number, random: Random): number {
  return Math.floor(count * random());
}

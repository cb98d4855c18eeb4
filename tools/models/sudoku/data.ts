/** The puzzles that models are trained and tested on: drawn by numbers, and kept. @module */
import {
  CELLS,
  drawPuzzle,
  formatGrid,
  type Level,
  levelOf,
  LEVELS,
  parseGrid,
  type Puzzle,
} from "../../../models/sudoku/puzzles/mod.ts";
import { seeded } from "../../../lib/data/batches/random.ts";

/** The parts, which are drawn from seeds of their own. */
export type PuzzlePart = "train" | "validation" | "test";

/** The puzzle of a number; the same each time. */
export function puzzleAt(part: PuzzlePart, index: number): Puzzle {
  return drawPuzzle(seeded("sudoku", part, index));
}

/** Puzzles that are drawn between two writes. */
const AT_ONCE = 500;

/**
 * The first puzzles of a part: read from a file, which is continued where it ends.
 *
 * @param file Two grids a line.
 * @param signal Ends the drawing after a few hundred puzzles, which are kept.
 */
export async function keptPuzzles(
  file: string,
  part: PuzzlePart,
  count: number,
  signal?: AbortSignal,
): Promise<Puzzle[]> {
  const text = await Deno.readTextFile(file).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  // A stop may have cut the last line.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole !== text) await Deno.writeTextFile(file, whole);
  const puzzles = whole.split("\n", count).filter((line) => line !== "")
    .map((line) => {
      const [clues, solution] = line.split(" ").map(parseGrid);
      return { clues: clues!, solution: solution! };
    });
  while (puzzles.length < count) {
    signal?.throwIfAborted();
    const more = Array.from(
      { length: Math.min(AT_ONCE, count - puzzles.length) },
      (_, i) => puzzleAt(part, puzzles.length + i),
    );
    const lines = more.map(({ clues, solution }) =>
      `${formatGrid(clues)} ${formatGrid(solution)}\n`
    );
    await Deno.writeTextFile(file, lines.join(""), { append: true });
    puzzles.push(...more);
  }
  return puzzles;
}

/** The first puzzles of each level in a part. */
export function puzzlesByLevel(
  part: PuzzlePart,
  count: number,
): Record<Level, Puzzle[]> {
  const found = Object.fromEntries(
    LEVELS.map((level) => [level, []]),
  ) as unknown as Record<Level, Puzzle[]>;
  for (let i = 0; LEVELS.some((level) => found[level].length < count); i++) {
    const puzzle = puzzleAt(part, i);
    const own = found[levelOf(puzzle.clues)];
    if (own.length < count) own.push(puzzle);
  }
  return found;
}

/** Whether each cell of a puzzle is given. */
export function givenCells({ clues }: Puzzle): boolean[] {
  return Array.from({ length: CELLS }, (_, cell) => clues[cell]! > 0);
}

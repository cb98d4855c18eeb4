/** How many puzzles a model solves, by level and by the order in which it fills in cells. @module */
import { unmask, type UnmaskOptions } from "@lionjs/lion/diffusion";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { SEEDS } from "sudoku-gen/dist/constants/seeds.constant.js";
import {
  type Level,
  LEVELS,
  parseGrid,
  type Puzzle,
} from "../../../models/sudoku/puzzles/mod.ts";
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import type { Share } from "../card.ts";
import type { ModelRun } from "../model_recipe.ts";
import { UNKNOWN } from "./model.ts";

/** A way to fill in cells. */
export type Way = Pick<UnmaskOptions, "order" | "steps" | "seed">;

/** Puzzles that are solved together. */
const AT_ONCE = 50;

/** Fills in puzzles. */
export type Solver = (puzzles: readonly Puzzle[]) => Promise<number[][]>;

/** A model that fills in puzzles in a way. */
export function solverOf(
  model: LayersModel,
  way: Way,
  signal: AbortSignal,
): Solver {
  return async (puzzles) => {
    const rows = puzzles.map(({ clues }) => Array.from(clues));
    const options = { ...way, maskToken: UNKNOWN, signal };
    return (await unmask(model, rows, options)).ids;
  };
}

/** The share of puzzles of which every cell is right. */
export async function solvedShare(
  solver: Solver,
  puzzles: readonly Puzzle[],
): Promise<Share> {
  let solved = 0;
  for (let start = 0; start < puzzles.length; start += AT_ONCE) {
    const some = puzzles.slice(start, start + AT_ONCE);
    const found = await solver(some);
    solved += some.filter(({ solution }, i) =>
      solution.every((digit, cell) =>
        found[i]![cell] === digit
      )
    ).length;
  }
  return { solved, of: puzzles.length };
}

/** Shares by level. */
export type Shares = Record<Level, Share>;

/** The shares that a solver reaches: those that a file has are not counted again. */
export async function keptShares(
  name: string,
  solver: Solver,
  puzzles: Readonly<Record<Level, readonly Puzzle[]>>,
  { folder, say }: Pick<ModelRun, "folder" | "say">,
): Promise<Shares> {
  const file = `${folder}/shares.json`;
  const kept = await readJSON<Record<string, Share>>(file) ?? {};
  const shares: Partial<Shares> = {};
  for (const level of LEVELS) {
    const key = `${name}, ${level}, ${puzzles[level].length}`;
    kept[key] ??= await solvedShare(solver, puzzles[level]);
    shares[level] = kept[key];
    await writeJSON(file, kept);
    say(`${key}: ${kept[key].solved} solved`);
  }
  return shares as Shares;
}

/** The 40 puzzles of the package sudoku-gen, of which all its others are images. */
export function seedsOfSudokuGen(): Puzzle[] {
  const digitsOf = (letters: string) =>
    parseGrid(
      letters.replace(/./g, (letter) => `${"-abcdefghi".indexOf(letter)}`),
    );
  return SEEDS.map(({ puzzle, solution }) => ({
    clues: digitsOf(puzzle),
    solution: digitsOf(solution),
  }));
}

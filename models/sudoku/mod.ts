/** Sudokus, solved by a model that fills in the cell first that it is surest of. @module */
import { useBackend } from "@lionjs/lion";
import { unmask, type UnmaskOptions } from "@lionjs/lion/diffusion";
import { fromPretrained, type ModelPackage } from "@lionjs/lion/hub";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { formatGrid, freeDigits, parseGrids } from "./puzzles/mod.ts";

/** Options of {@linkcode solve}: those of `unmask`, and one more. */
export interface SolveOptions
  extends Omit<UnmaskOptions, "maskToken" | "allowed"> {
  /** Whether digits that a cell's row, column or box has are left out. @default false */
  check?: boolean | undefined;
}

/** The package, for `fromPretrained`; bundlers move files that are named like this. */
const sudoku: ModelPackage = {
  url: new URL("./", import.meta.url),
  task: "sudoku",
  files: {
    "config.json": new URL("./config.json", import.meta.url),
    "model.safetensors": new URL("./model.safetensors", import.meta.url),
  },
};
export default sudoku;

let loading: Promise<LayersModel> | undefined;

/** The model, which is loaded once. */
async function load(): Promise<LayersModel> {
  if (!tf.engine().backendName) await useBackend();
  return (await fromPretrained(sudoku)).model;
}

/**
 * Fills in Sudokus. Clues stay as they are; the rest may be wrong, since the model is no
 * search: it finds what can be deduced, and guesses elsewhere.
 *
 * @param puzzles 81 characters each, row by row: digits, `0` or `.` where unknown.
 * @returns 81 digits each.
 * @throws {TypeError} If the puzzles are not an array of strings.
 * @throws {RangeError} If one is not 81 such characters, or an option is invalid.
 */
export async function solve(
  puzzles: readonly string[],
  { check, ...options }: SolveOptions = {},
): Promise<string[]> {
  const rows = parseGrids(puzzles).map((grid) => [...grid]);
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  const { ids } = await unmask(await loading, rows, {
    ...options,
    maskToken: 0,
    ...check && { allowed: (place, _, ids) => freeDigits(ids, place) },
  });
  return ids.map(formatGrid);
}

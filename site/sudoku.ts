/** Sudokus: a puzzle of a level, and how the trained model fills one in. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionEncoder, type LionEncoderOptions } from "@lionjs/lion";
import { unmask, type UnmaskOrder } from "@lionjs/lion/diffusion";
import { loadPyTorchWeights, readSafetensors } from "@lionjs/lion/io";
import { dequantized } from "../lib/hub/pretrained/weight_precision.ts";
import config from "../models/sudoku/config.json" with { type: "json" };
import {
  countSolutions,
  drawPuzzle,
  formatGrid,
  type Level,
  levelOf,
  parseGrid,
  solutionOf,
} from "../models/sudoku/puzzles/mod.ts";
import type { FilledCell, SudokuAnswer } from "./calls.ts";
import { fetched } from "./fetched.ts";

/** The model's weights, as its package has them. */
const WEIGHTS = "sudoku/model.safetensors";

const trained = fetched(WEIGHTS, sudokuModel);

/** The model of a safetensors file. */
export async function sudokuModel(file: Uint8Array): Promise<LayersModel> {
  const tensors = await dequantized(await readSafetensors(file), WEIGHTS);
  const model = lionEncoder(config.options as LionEncoderOptions);
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...tensors.values()]);
  return model;
}

/** Draws a puzzle of a level: 81 digits, 0 where unknown. */
export function drawSudoku(level: Level): Promise<string> {
  for (;;) {
    const { clues } = drawPuzzle(Math.random);
    if (levelOf(clues) === level) return Promise.resolve(formatGrid(clues));
  }
}

/** Fills in a puzzle with the trained model. */
export async function fillSudoku(
  puzzle: string,
  order: UnmaskOrder,
): Promise<SudokuAnswer> {
  return await fillBy(await trained(), puzzle, order);
}

/** Fills in a puzzle with a model, and solves it by backtracking. */
export async function fillBy(
  model: LayersModel,
  puzzle: string,
  order: UnmaskOrder,
): Promise<SudokuAnswer> {
  const clues = [...parseGrid(puzzle)];
  const began = performance.now();
  const cells: FilledCell[] = [];
  let before: readonly number[] = clues;
  await unmask(model, [clues], {
    maskToken: 0,
    order,
    onStep({ ids, probabilities }) {
      const cell = ids[0]!.findIndex((digit, cell) => digit !== before[cell]);
      before = ids[0]!;
      cells.push({
        cell,
        digit: before[cell]!,
        shares: [...probabilities[0]![cell]!.subarray(1)],
      });
    },
  });
  const milliseconds = performance.now() - began;
  const solutions = countSolutions(clues);
  return {
    cells,
    milliseconds,
    solutions,
    solution: solutions === 1 ? [...solutionOf(clues)!] : undefined,
  };
}

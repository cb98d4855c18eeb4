/** The model of Sudokus, and what it is trained with. @module */
import {
  factoredPositions,
  lionEncoder,
  type LionEncoderOptions,
} from "@lionjs/lion";
import {
  type BatchStream,
  type Collate,
  datasetOf,
  shuffledBatches,
} from "@lionjs/lion/data";
import { collateDiffusion, diffusionLoss } from "@lionjs/lion/diffusion";
import { loadPyTorchWeights } from "@lionjs/lion/io";
import type { Tensor2D } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  applySymmetry,
  BOXES,
  CELLS,
  COLUMNS,
  drawSymmetry,
  type Puzzle,
  ROWS,
} from "../../../models/sudoku/puzzles/mod.ts";

/** The id of an unknown cell; those of digits are the digits. */
export const UNKNOWN = 0;

/** The options of the model that is shipped. */
export const OPTIONS = {
  vocabularySize: 10,
  maxLength: CELLS,
  output: "tokens",
  numClasses: 10,
  variant: "lit",
  dim: 96,
  depth: 4,
  numHeads: 6,
  embeddingStd: 0.5,
} as const;

/** The deviation of the vectors of rows, columns and boxes. */
const POSITION_STD = 0.5;

/** An encoder whose positions tell at first which cells share a row, column or box. */
export async function sudokuModel(
  options: LionEncoderOptions,
  seed: number,
): Promise<LayersModel> {
  const model = lionEncoder({ ...options, seed });
  const positions = positionsOfCells(1, options.dim, seed);
  await setPositions(model, "embeddings.position_embeddings.weight", positions);
  return model;
}

/**
 * Sums of the vectors of each cell's row, column and box.
 *
 * @param grids How many are read, one after the other, each with vectors of its own.
 * @returns `[grids · 81, dim]`
 */
export function positionsOfCells(
  grids: number,
  dim: number,
  seed: number,
): Tensor2D {
  const groups = [ROWS, COLUMNS, BOXES].map((numbers) =>
    Array.from(
      { length: grids },
      (_, grid) => numbers.map((number) => 9 * grid + number),
    ).flat()
  );
  return factoredPositions(groups, POSITION_STD, dim, { seed });
}

/** Gives a model positions to begin with, which are disposed of. */
export async function setPositions(
  model: LayersModel,
  name: string,
  positions: Tensor2D,
): Promise<void> {
  await loadPyTorchWeights(model, new Map([[name, positions]]), {
    allowMissing: true,
  });
  positions.dispose();
}

/** A puzzle as the model reads it, turned by a symmetry: its clues are never hidden. */
const collate: Collate<Puzzle> = (puzzles, random) =>
  hidden(
    puzzles.map(({ clues, solution }) => {
      const symmetry = drawSymmetry(random);
      const seen = applySymmetry(symmetry, clues);
      return {
        ids: applySymmetry(symmetry, solution),
        given: Array.from(seen, (digit) => digit !== UNKNOWN),
      };
    }),
    random,
  );

const hidden = collateDiffusion({ maskToken: UNKNOWN });

/** Batches of puzzles, each time turned by other symmetries. */
export function puzzleBatches(
  puzzles: readonly Puzzle[],
  { batchSize, seed }: { batchSize: number; seed: number },
): BatchStream {
  return shuffledBatches(datasetOf(puzzles), { batchSize, seed, collate });
}

/** Solving is the aim, so all hidden cells weigh the same, and no bound is minimised. */
export const LOSS = diffusionLoss({ weighting: "tokens" });

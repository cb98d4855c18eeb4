/** The model's twins: as many parameters, steps and puzzles, but another way to read. @module */
import { generate, lionGpt } from "@lionjs/lion";
import type { BatchStream, Collate } from "@lionjs/lion/data";
import { datasetOf, IGNORE_INDEX, shuffledBatches } from "@lionjs/lion/data";
import { crossEntropy, type Loss } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  applySymmetry,
  CELLS,
  drawSymmetry,
  type Puzzle,
} from "../../../models/sudoku/puzzles/mod.ts";
import {
  LOSS,
  OPTIONS,
  positionsOfCells,
  puzzleBatches,
  setPositions,
  sudokuModel,
} from "./model.ts";
import { type Solver, solverOf } from "./testing.ts";

/** How a twin is made, trained and asked. */
export interface Twin {
  readonly name: string;
  make(seed: number): Promise<LayersModel>;
  batches(
    puzzles: readonly Puzzle[],
    options: { batchSize: number; seed: number },
  ): BatchStream;
  readonly loss: Loss;
  solver(model: LayersModel, signal: AbortSignal): Solver;
}

/** A twin that fills in cells in any order. */
function inAnyOrder(
  name: string,
  others: { variant?: "softmax"; direction?: "forward" },
): Twin {
  return {
    name,
    make: (seed) => sudokuModel({ ...OPTIONS, ...others }, seed),
    batches: puzzleBatches,
    loss: LOSS,
    solver: (model, signal) => solverOf(model, { order: "margin" }, signal),
  };
}

/** A puzzle, and its solution without the last digit; each digit of it is to be told. */
const collateWritten: Collate<Puzzle> = (puzzles, random) => {
  const length = 2 * CELLS - 1, size = puzzles.length;
  const ids = new Int32Array(size * length);
  const labels = new Int32Array(size * length).fill(IGNORE_INDEX);
  puzzles.forEach(({ clues, solution }, i) => {
    const symmetry = drawSymmetry(random);
    const written = applySymmetry(symmetry, solution);
    ids.set(applySymmetry(symmetry, clues), i * length);
    ids.set(written.subarray(0, -1), i * length + CELLS);
    labels.set(written, i * length + CELLS - 1);
  });
  return {
    inputs: [tf.tensor2d(ids, [size, length], "int32")],
    labels: tf.tensor2d(labels, [size, length], "int32"),
    size,
  };
};

/** Reads the puzzle, and writes its solution from the first cell to the last. */
const LEFT_TO_RIGHT: Twin = {
  name: "left to right",
  async make(seed) {
    const { dim, depth, numHeads, vocabularySize, variant, embeddingStd } =
      OPTIONS;
    const model = lionGpt({
      ...{ dim, depth, numHeads, vocabularySize, variant, embeddingStd, seed },
      maxLength: 2 * CELLS,
      // Else the large vectors of tokens would make large logits.
      tiedHead: false,
    });
    const positions = positionsOfCells(2, dim, seed);
    await setPositions(model, "transformer.wpe.weight", positions);
    return model;
  },
  batches: (puzzles, options) =>
    shuffledBatches(datasetOf(puzzles), {
      ...options,
      collate: collateWritten,
    }),
  loss: crossEntropy(),
  solver: (model, signal) => (puzzles) =>
    generate(model, puzzles.map(({ clues }) => Array.from(clues)), {
      maxNewTokens: CELLS,
      temperature: 0,
      signal,
    }),
};

/** The model itself, at the twins' number of steps, and its twins. */
export const TWINS: readonly Twin[] = [
  inAnyOrder("both ways", {}),
  inAnyOrder("softmax", { variant: "softmax" }),
  inAnyOrder("causal", { direction: "forward" }),
  LEFT_TO_RIGHT,
];

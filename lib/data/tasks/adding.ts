import * as tf from "@tensorflow/tfjs-core";
import { assertOptions, type OptionNames } from "../../contract/options.ts";
import { assertInteger } from "../batches/assert_integer.ts";
import type { Examples } from "../batches/dataset.ts";
import {
  examplesOf,
  generated,
  type GeneratedOptions,
} from "../batches/generated.ts";
import { below } from "../batches/random.ts";
import type { Collate } from "../batches/stream.ts";

/** Options of {@linkcode addingProblem}. */
export interface AddingProblemOptions extends GeneratedOptions {
  /** Numbers per sequence. @default 100 */
  length?: number | undefined;
}

const OPTIONS: OptionNames<AddingProblemOptions> = {
  size: true,
  length: true,
  seed: true,
  part: true,
};

/** A sequence of the adding problem. */
export interface AddingExample {
  /**
   * At each place a number, and 1 if it is to be added, 0 otherwise:
   * `[length, 2]`.
   */
  readonly values: Float32Array;
  /** The sum of the two marked numbers. */
  readonly label: number;
}

/**
 * The adding problem: numbers between 0 and 1, one of them marked in each half
 * of the sequence; the label is the sum of the two.
 *
 * Source: Hochreiter and Schmidhuber 1997, Long Short-Term Memory.
 *
 * @param options See {@linkcode AddingProblemOptions}.
 * @returns The examples, for {@linkcode collateAdding}.
 * @throws {RangeError} If an option has an invalid value.
 */
export function addingProblem(
  options: AddingProblemOptions,
): Examples<AddingExample> {
  assertOptions("addingProblem", options, OPTIONS);
  const { length = 100 } = options;
  assertInteger("length", length, 2);
  const half = Math.floor(length / 2);
  return generated("adding", options, (random) => {
    const values = new Float32Array(2 * length);
    for (let i = 0; i < length; i++) values[2 * i] = random();
    const marked = [below(half, random), half + below(length - half, random)];
    for (const i of marked) values[2 * i + 1] = 1;
    const label = marked.reduce((sum, i) => sum + values[2 * i]!, 0);
    return { values, label };
  });
}

/**
 * Makes batches of the adding problem for `lionEncoder` with `inputDim` 2 and
 * one class: inputs `[batch, length, 2]` and a mask of ones, `[batch, length]`;
 * labels `[batch, 1]`.
 *
 * @returns The function, for `shuffledBatches` and `batchesInOrder`.
 */
export function collateAdding(): Collate<AddingExample> {
  return (examples) => {
    const size = examples.length;
    const length = examples[0]!.values.length / 2;
    const values = new Float32Array(size * 2 * length);
    examples.forEach((one, i) => values.set(one.values, i * 2 * length));
    return {
      inputs: [
        tf.tensor3d(values, [size, length, 2]),
        tf.ones([size, length]),
      ],
      labels: tf.tensor2d(examples.map(({ label }) => label), [size, 1]),
      size,
    };
  };
}

/** The result of {@linkcode addingBaselines}. */
export interface AddingBaselines {
  /** Mean squared error of always guessing 0. */
  readonly zero: number;
  /** Mean squared error of always guessing the mean of the sums. */
  readonly mean: number;
}

/**
 * The errors of guesses that ignore the sequence, on a dataset of the adding
 * problem.
 *
 * @param dataset A dataset of {@linkcode addingProblem}.
 * @returns See {@linkcode AddingBaselines}.
 */
export function addingBaselines(
  dataset: Examples<AddingExample>,
): AddingBaselines {
  const sums = Array.from(examplesOf(dataset), ({ label }) => label);
  const meanOf = (values: number[]) =>
    values.reduce((a, b) => a + b) / values.length;
  const mean = meanOf(sums);
  return {
    zero: meanOf(sums.map((sum) => sum ** 2)),
    mean: meanOf(sums.map((sum) => (sum - mean) ** 2)),
  };
}

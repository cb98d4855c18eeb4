/** The model of gaps, and what it is trained with. @module */
import { lionEncoder, type LionEncoderOptions } from "@lionjs/lion";
import type { BatchStream } from "@lionjs/lion/data";
import type { Loss } from "@lionjs/lion/training";
import { type Random, seeded } from "@lionjs/data/batches";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  COLUMNS,
  columnsOf,
  GUESSES,
  LEVELS,
  type Observed,
  OUTPUTS,
  quantilesBy,
  scaled,
} from "../../../models/gaps/series/mod.ts";
import { drawSeen, drawSeries } from "./series.ts";

/** The options of the model that is shipped. */
export const OPTIONS = {
  inputDim: COLUMNS,
  output: "tokens",
  numClasses: OUTPUTS,
  mask: false,
  variant: "s",
  diagonalDecay: "hippo",
  dim: 64,
  depth: 4,
  numHeads: 4,
} as const satisfies LionEncoderOptions;

/** An encoder of series' columns, whose outputs weigh guesses and add to them. */
export function gapsModel(
  options: LionEncoderOptions,
  seed: number,
): LayersModel {
  return lionEncoder({ ...options, seed });
}

/** A whole series, and which of its places are seen. */
export type Example = Observed;

/** Draws an example of so many places. */
export type DrawExample = (length: number, random: Random) => Example;

/** Draws a series of what the model is trained on, with gaps. */
export const drawn: DrawExample = (length, random) => ({
  values: drawSeries(length, random),
  seen: drawSeen(length, random),
});

/** Draws a length: a few are short, as users' series may be. */
function drawLength(random: Random): number {
  return random() < 0.15
    ? 16 + Math.floor(48 * random())
    : 64 + Math.floor(193 * random());
}

/** Batches of series of one length each, so that none of them is padding. */
export function seriesBatches(
  { batchSize, seed, draw = drawn }: {
    batchSize: number;
    seed: number;
    draw?: DrawExample | undefined;
  },
): BatchStream {
  return {
    stepsPerEpoch: 1000,
    async *from(start) {
      for (let step = start;; step++) {
        const random = seeded("gaps", seed, step);
        const length = drawLength(random);
        yield batchOf(Array.from(
          { length: batchSize },
          () => draw(length, random),
        ));
      }
    },
  };
}

/** Examples of one length as a batch: labels are the truth, where it counts, and guesses. */
export function batchOf(examples: readonly Example[]) {
  const size = examples.length, length = examples[0]!.values.length;
  const width = 2 + GUESSES.length;
  const inputs = new Float32Array(size * length * COLUMNS);
  const labels = new Float32Array(size * length * width);
  examples.forEach((example, row) => {
    const series = scaled(example);
    const { columns, guesses } = columnsOf(series);
    inputs.set(columns, row * length * COLUMNS);
    for (let t = 0; t < length; t++) {
      labels.set([
        (example.values[t]! - series.level) / series.scale,
        1 - example.seen[t]!,
        ...guesses.filled.map((numbers) => numbers[t]!),
      ], (row * length + t) * width);
    }
  });
  return {
    inputs: [tf.tensor3d(inputs, [size, length, COLUMNS])],
    labels: tf.tensor3d(labels, [size, length, width]),
    size,
  };
}

/** The most that a place's truth may be away from the mean: single outliers teach nothing. */
const MOST = 6;

/**
 * The pinball loss of nine quantiles in gaps, the mean of the rows' means: a series counts
 * the same, however long its gap is.
 */
export const LOSS: Loss = Object.assign(
  (outputs: tf.Tensor, labels: tf.Tensor): tf.Scalar =>
    tf.tidy(() => {
      const [truth, hidden, guesses] = tf.split(
        labels as tf.Tensor3D,
        [1, 1, GUESSES.length],
        2,
      );
      const quantiles = quantilesBy(outputs, guesses!);
      const error = tf.sub(tf.clipByValue(truth!, -MOST, MOST), quantiles);
      const levels = tf.tensor1d([...LEVELS]);
      const losses = tf.maximum(
        tf.mul(levels, error),
        tf.mul(tf.sub(levels, 1), error),
      );
      const byPlace = tf.mul(tf.mean(losses, 2, true), hidden!);
      const byRow = tf.div(tf.sum(byPlace, [1, 2]), tf.sum(hidden!, [1, 2]));
      return tf.mean(byRow) as tf.Scalar;
    }),
  { description: "pinball loss of nine quantiles in gaps" },
);

/** What is reported of GLUE's tasks. @module */
import {
  type Collate,
  collateTokens,
  type Examples,
  GLUE_TASKS,
  type GlueExample,
  type GlueMetric,
  type GlueTask,
  type Tokenizer,
} from "@lionjs/lion/data";
import {
  accuracyOf,
  f1,
  matthews,
  type Metrics,
  overClasses,
  overValues,
  pearson,
  type Score,
  spearman,
} from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import type { Figures } from "../recipe.ts";

const SCORES: Readonly<Record<GlueMetric, Score>> = {
  ...{ accuracy: accuracyOf, f1, matthews, pearson, spearman },
};

/** The metrics of a task: those that the paper reports, and then GLUE's others. */
export function metricsOf(task: GlueTask): GlueMetric[] {
  const { metrics, paperMetrics } = GLUE_TASKS[task];
  return [...new Set([...paperMetrics, ...metrics])];
}

/** The same, for `evaluate`. */
export function scoresOf(task: GlueTask): Metrics {
  const over = GLUE_TASKS[task].classes ? overClasses : overValues;
  return Object.fromEntries(
    metricsOf(task).map((name) => [name, over(SCORES[name])]),
  );
}

/** What is known of a task without its texts. */
export interface Guessed {
  /** The loss of the guess that is best for the labels for training. */
  readonly loss: number;
  /** What the most frequent class reaches on other examples; none without classes. */
  readonly scores: Figures;
}

/** Guesses without a look at the texts: the mean, or shares of classes. */
export function guessWithoutTexts(
  task: GlueTask,
  train: Examples<GlueExample>,
  held: Examples<GlueExample>,
): Guessed {
  const labels = labelsOf(train);
  const { classes } = GLUE_TASKS[task];
  if (!classes) {
    const mean = labels.reduce((sum, label) => sum + label, 0) / labels.length;
    const squares = labels.map((label) => (label - mean) ** 2);
    const loss = squares.reduce((sum, square) => sum + square, 0) /
      labels.length;
    return { loss, scores: {} };
  }
  const shares = classes.map((_, i) =>
    labels.filter((label) => label === i).length / labels.length
  );
  const loss = -shares.reduce((sum, p) => sum + (p && p * Math.log(p)), 0);
  const wanted = labelsOf(held);
  const guesses = wanted.map(() => shares.indexOf(Math.max(...shares)));
  const scores = Object.fromEntries(
    metricsOf(task).map((name) => [name, SCORES[name](guesses, wanted)]),
  );
  return { loss, scores };
}

function labelsOf(examples: Examples<GlueExample>): Float64Array {
  return Float64Array.from(
    { length: examples.size },
    (_, i) => examples.get(i).label!,
  );
}

/** Makes batches of examples, padded to so many tokens, which is what models read. */
export function collateGlue(
  task: GlueTask,
  { tokenizer, length, tokenTypes }: {
    readonly tokenizer: Tokenizer;
    readonly length: number;
    /** Whether the model has types of tokens. */
    readonly tokenTypes: boolean;
  },
): Collate<GlueExample> {
  const { pad } = tokenizer.specials;
  const collate = collateTokens({ length, pad, tokenTypes });
  const hasClasses = GLUE_TASKS[task].classes !== undefined;
  return (examples, random) => {
    const batch = collate(
      examples.map(({ texts: [text, pair], label }) => ({
        ...tokenizer.encodeWithSpecials(text, { pair, length }),
        label: hasClasses ? label! : 0,
      })),
      random,
    );
    if (hasClasses) return batch;
    batch.labels.dispose();
    const scores = examples.map(({ label }) => label!);
    return { ...batch, labels: tf.tensor2d(scores, [scores.length, 1]) };
  };
}

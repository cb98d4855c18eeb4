/** What is reported of GLUE's tasks. @module */
import type { Examples } from "@lionjs/lion/data";
import {
  GLUE_TASKS,
  type GlueExample,
  type GlueMetric,
  type GlueTask,
} from "@lionjs/lion/datasets";
import { f1, matthews, type Score } from "@lionjs/lion/training";
import type { Figures } from "../recipe.ts";
import { entropyOf } from "./label_frequencies.ts";

/** The metrics of tasks with classes. */
const SCORES: Readonly<Partial<Record<GlueMetric, Score>>> = {
  accuracy: (guesses, labels) => f1(guesses, labels, { average: "micro" }),
  ...{ f1, matthews },
};

/** The metrics of a task: those that the paper reports, and then GLUE's others. */
export function metricsOf(task: GlueTask): GlueMetric[] {
  const { metrics, paperMetrics } = GLUE_TASKS[task];
  return [...new Set([...paperMetrics, ...metrics])];
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
  const counts = classes.map((_, i) =>
    labels.filter((label) => label === i).length
  );
  const wanted = labelsOf(held);
  const guesses = wanted.map(() => counts.indexOf(Math.max(...counts)));
  const scores = Object.fromEntries(
    metricsOf(task).map((name) => [name, SCORES[name]!(guesses, wanted)]),
  );
  return { loss: entropyOf(counts), scores };
}

function labelsOf(examples: Examples<GlueExample>): Float64Array {
  return Float64Array.from(
    { length: examples.size },
    (_, i) => examples.get(i).label!,
  );
}

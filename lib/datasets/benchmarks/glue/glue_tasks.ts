/** The tasks of GLUE: their texts, classes, metrics, parts and sizes. @module */

/** A task of GLUE, by its name on the Hugging Face hub. */
export type GlueTask =
  | "cola"
  | "sst2"
  | "mrpc"
  | "qqp"
  | "stsb"
  | "mnli"
  | "qnli"
  | "rte";

/** A part of a task; `GLUE_TASKS` lists each task's. */
export type GluePart =
  | "train"
  | "validation"
  | "test"
  | "validation_matched"
  | "validation_mismatched"
  | "test_matched"
  | "test_mismatched";

/** A metric of a task, by the name of its function in `@lionjs/lion/training`. */
export type GlueMetric =
  | "accuracy"
  | "f1"
  | "matthews"
  | "pearson"
  | "spearman";

/** A description of a task. */
export interface GlueTaskFacts {
  /** The folder of the task's unpacked original files, such as `"SST-2"`. */
  readonly folder: string;
  /** The names of an example's one or two texts on the hub. */
  readonly texts: readonly [string] | readonly [string, string];
  /**
   * The names of the task's classes; a class's index is its label. STS-B has none: its
   * labels are numbers from 0 to 5, and a model for it has one output.
   */
  readonly classes?: readonly string[];
  /** The metrics that GLUE reports. */
  readonly metrics: readonly GlueMetric[];
  /** The metrics that LION's paper reports. */
  readonly paperMetrics: readonly GlueMetric[];
  /** The task's parts. Test parts have no labels, except MRPC's. */
  readonly parts: readonly GluePart[];
  /** The number of examples of each part. */
  readonly sizes: Readonly<Partial<Record<GluePart, number>>>;
}

const ENTAILMENT = ["entailment", "not_entailment"] as const;

/**
 * The eight GLUE tasks that the paper reports; WNLI is left out, as in BERT's
 * paper.
 *
 * Source: Wang et al. 2019, arXiv:1804.07461; the sizes are those of `nyu-mll/glue`
 * on the Hugging Face hub; the paper's metrics are MosaicBERT's, whose code it uses.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { GLUE_TASKS } from "@lionjs/lion/datasets";
 *
 * const { classes, parts, sizes, paperMetrics } = GLUE_TASKS.cola;
 * assertEquals(classes, ["unacceptable", "acceptable"]);
 * assertEquals(parts, ["train", "validation", "test"]);
 * assertEquals(sizes.train, 8551);
 * assertEquals(paperMetrics, ["matthews"]);
 * ```
 */
export const GLUE_TASKS: Readonly<Record<GlueTask, GlueTaskFacts>> = {
  cola: {
    folder: "CoLA",
    texts: ["sentence"],
    classes: ["unacceptable", "acceptable"],
    metrics: ["matthews"],
    paperMetrics: ["matthews"],
    ...partsOf({ train: 8551, validation: 1043, test: 1063 }),
  },
  sst2: {
    folder: "SST-2",
    texts: ["sentence"],
    classes: ["negative", "positive"],
    metrics: ["accuracy"],
    paperMetrics: ["accuracy"],
    ...partsOf({ train: 67_349, validation: 872, test: 1821 }),
  },
  mrpc: {
    folder: "MRPC",
    texts: ["sentence1", "sentence2"],
    classes: ["not_equivalent", "equivalent"],
    metrics: ["accuracy", "f1"],
    paperMetrics: ["f1"],
    ...partsOf({ train: 3668, validation: 408, test: 1725 }),
  },
  qqp: {
    folder: "QQP",
    texts: ["question1", "question2"],
    classes: ["not_duplicate", "duplicate"],
    metrics: ["accuracy", "f1"],
    paperMetrics: ["accuracy", "f1"],
    ...partsOf({ train: 363_846, validation: 40_430, test: 390_965 }),
  },
  stsb: {
    folder: "STS-B",
    texts: ["sentence1", "sentence2"],
    metrics: ["pearson", "spearman"],
    paperMetrics: ["spearman"],
    ...partsOf({ train: 5749, validation: 1500, test: 1379 }),
  },
  mnli: {
    folder: "MNLI",
    texts: ["premise", "hypothesis"],
    classes: ["entailment", "neutral", "contradiction"],
    metrics: ["accuracy"],
    paperMetrics: ["accuracy"],
    ...partsOf({
      train: 392_702,
      validation_matched: 9815,
      validation_mismatched: 9832,
      test_matched: 9796,
      test_mismatched: 9847,
    }),
  },
  qnli: {
    folder: "QNLI",
    texts: ["question", "sentence"],
    classes: ENTAILMENT,
    metrics: ["accuracy"],
    paperMetrics: ["accuracy"],
    ...partsOf({ train: 104_743, validation: 5463, test: 5463 }),
  },
  rte: {
    folder: "RTE",
    texts: ["sentence1", "sentence2"],
    classes: ENTAILMENT,
    metrics: ["accuracy"],
    paperMetrics: ["accuracy"],
    ...partsOf({ train: 2490, validation: 277, test: 3000 }),
  },
};

function partsOf(
  sizes: GlueTaskFacts["sizes"],
): Pick<GlueTaskFacts, "parts" | "sizes"> {
  return { parts: Object.keys(sizes) as GluePart[], sizes };
}

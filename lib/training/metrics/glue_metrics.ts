import { assertOneOf } from "@lionjs/base";
import type { GlueTask } from "@lionjs/datasets";
import { f1, matthews } from "./classification.ts";
import { accuracy, type Metric, type SetMetric } from "./metric.ts";
import { overClasses, overValues } from "./over_sets.ts";
import { pearson, spearman } from "./ranking.ts";

type Makers = Readonly<Record<string, () => Metric | SetMetric>>;

const ACCURACY: Makers = { accuracy };

const ACCURACY_AND_F1: Makers = {
  accuracy,
  f1: () => overClasses((predicted, labels) => f1(predicted, labels)),
};

/** The metrics of each task, by the names in `GLUE_TASKS` of `@lionjs/lion/datasets`. */
const METRICS: Readonly<Record<GlueTask, Makers>> = {
  cola: { matthews: () => overClasses(matthews) },
  sst2: ACCURACY,
  mrpc: ACCURACY_AND_F1,
  qqp: ACCURACY_AND_F1,
  stsb: {
    pearson: () => overValues(pearson),
    spearman: () => overValues(spearman),
  },
  mnli: ACCURACY,
  qnli: ACCURACY,
  rte: ACCURACY,
};

/**
 * Returns the metrics that GLUE reports for a task, for `evaluate` and `train`;
 * they include those that LION's paper reports
 * (`GLUE_TASKS[task].paperMetrics` of `@lionjs/lion/datasets`).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { glueMetrics } from "@lionjs/lion/training";
 *
 * assertEquals(Object.keys(glueMetrics("mrpc")), ["accuracy", "f1"]);
 * assertEquals(Object.keys(glueMetrics("stsb")), ["pearson", "spearman"]);
 * ```
 *
 * @param task The task. A model has one output for STS-B, and one per class for
 * the others.
 * @returns The metrics by name.
 * @throws {RangeError} If there is no such task.
 */
export function glueMetrics(
  task: GlueTask,
): Record<string, Metric | SetMetric> {
  assertOneOf("glueMetrics's task", task, Object.keys(METRICS));
  return Object.fromEntries(
    Object.entries(METRICS[task]).map(([name, make]) => [name, make()]),
  );
}

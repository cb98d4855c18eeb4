import {
  assertGlueTask,
  GLUE_TASKS,
  type GlueMetric,
  type GlueTask,
} from "../../data/benchmarks/glue/glue_tasks.ts";
import { f1, matthews } from "./classification.ts";
import { accuracy, type Metric, type SetMetric } from "./metric.ts";
import { overClasses, overValues } from "./over_sets.ts";
import { pearson, spearman } from "./ranking.ts";

const MAKERS: Readonly<Record<GlueMetric, () => Metric | SetMetric>> = {
  accuracy,
  f1: () => overClasses((predicted, labels) => f1(predicted, labels)),
  matthews: () => overClasses(matthews),
  pearson: () => overValues(pearson),
  spearman: () => overValues(spearman),
};

/**
 * Returns the metrics that GLUE reports for a task, for `evaluate` and `train`;
 * they include those that LION's paper reports
 * (`GLUE_TASKS[task].paperMetrics`).
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
  assertGlueTask("glueMetrics's task", task);
  return Object.fromEntries(
    GLUE_TASKS[task].metrics.map((name) => [name, MAKERS[name]()]),
  );
}

/**
 * Training of models: losses, metrics, schedules, checkpoints and distillation.
 *
 * @module
 */
export { Adam, type AdamOptions } from "@lionjs/tfjs/optimizers";
export { loadCheckpoint } from "./checkpoint.ts";
export type { Teacher } from "./distillation.ts";
export { DivergenceError } from "./divergence_error.ts";
export { evaluate } from "./evaluate.ts";
export { layerwiseDecay } from "./layerwise_decay.ts";
export { binaryCrossEntropy } from "./losses/binary_cross_entropy.ts";
export { crossEntropy, perplexity } from "./losses/cross_entropy.ts";
export { infoNCE } from "./losses/info_nce.ts";
export type { Loss } from "./losses/loss.ts";
export { meanSquaredError } from "./losses/mean_squared_error.ts";
export { softCrossEntropy } from "./losses/soft_cross_entropy.ts";
export { calibration, calibrationError } from "./metrics/calibration.ts";
export { classScores } from "./metrics/class_scores.ts";
export { confusionMatrix, f1, matthews } from "./metrics/classification.ts";
export { glueMetrics } from "./metrics/glue_metrics.ts";
export {
  accuracy,
  type Metric,
  type Metrics,
  type SetMetric,
} from "./metrics/metric.ts";
export { absoluteError, squaredError, topAccuracy } from "./metrics/means.ts";
export {
  overClasses,
  overScores,
  overValues,
  type Score,
} from "./metrics/over_sets.ts";
export { areaUnderCurve, pearson, spearman } from "./metrics/ranking.ts";
export { predict, predictBatches } from "./predict.ts";
export { report } from "./report.ts";
export { type Schedule, warmUpCosine, warmUpLinear } from "./schedule.ts";
export type { SharedBy } from "./ranks.ts";
export type { TrainingResult } from "./run.ts";
export { train } from "./train.ts";
export type {
  EvaluationOptions,
  OptimizerOptions,
  TrainOptions,
} from "./train_options.ts";
export { trainingProgress } from "./reports/training_progress.ts";
export { imageTask } from "./tasks/image_task.ts";
export { seriesTask } from "./tasks/series_task.ts";
export type { Task } from "./tasks/task.ts";
export { corpusTask, textTask } from "./tasks/text_task.ts";

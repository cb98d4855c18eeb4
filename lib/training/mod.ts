/**
 * Training of models: losses, metrics, schedules, checkpoints and distillation.
 *
 * @module
 */
export { Adam, type AdamOptions } from "../tfjs/optimizers/adam.ts";
export { loadCheckpoint, type LoadCheckpointOptions } from "./checkpoint.ts";
export type { DistillationOptions, Teacher } from "./distillation.ts";
export { type Divergence, DivergenceError } from "./divergence_error.ts";
export { evaluate, type EvaluateOptions } from "./evaluate.ts";
export { layerwiseDecay } from "./layerwise_decay.ts";
export {
  binaryCrossEntropy,
  type BinaryCrossEntropyOptions,
} from "./losses/binary_cross_entropy.ts";
export {
  crossEntropy,
  type CrossEntropyOptions,
  perplexity,
} from "./losses/cross_entropy.ts";
export type { Loss } from "./losses/loss.ts";
export { meanSquaredError } from "./losses/mean_squared_error.ts";
export { softCrossEntropy } from "./losses/soft_cross_entropy.ts";
export {
  accuracyOf,
  confusionMatrix,
  type ConfusionMatrixOptions,
  f1,
  type F1Options,
  matthews,
} from "./metrics/classification.ts";
export { glueMetrics } from "./metrics/glue_metrics.ts";
export {
  accuracy,
  type Metric,
  type Metrics,
  type SetMetric,
} from "./metrics/metric.ts";
export {
  overClasses,
  overScores,
  overValues,
  type Score,
} from "./metrics/over_sets.ts";
export { areaUnderCurve, pearson, spearman } from "./metrics/ranking.ts";
export {
  type Numbers,
  predict,
  predictBatches,
  type Predictions,
  type PredictOptions,
} from "./predict.ts";
export type { ProgressState, TrainingProgress } from "./reports/progress.ts";
export {
  type Schedule,
  warmUpCosine,
  type WarmUpCosineOptions,
  warmUpLinear,
  type WarmUpOptions,
} from "./schedule.ts";
export type { SharedBy } from "./ranks.ts";
export type { TrainingResult } from "./run.ts";
export { train } from "./train.ts";
export type {
  BestOptions,
  CheckpointOptions,
  EvaluationOptions,
  OptimizerOptions,
  TrainOptions,
} from "./train_options.ts";
export { trainingProgress } from "./reports/training_progress.ts";

/**
 * Training of models: losses, metrics, schedules, checkpoints and distillation.
 *
 * @module
 */
export { Adam, type AdamOptions } from "../optimizers/adam.ts";
export { loadCheckpoint } from "./checkpoint.ts";
export type { DistillationOptions, Teacher } from "./distillation.ts";
export { type Divergence, DivergenceError } from "./divergence_error.ts";
export { evaluate, type EvaluateOptions } from "./evaluate.ts";
export {
  crossEntropy,
  type CrossEntropyOptions,
  type Loss,
  meanSquaredError,
  perplexity,
} from "./loss.ts";
export { accuracy, type Metric } from "./metric.ts";
export type { ProgressState, TrainingProgress } from "./progress.ts";
export {
  type Schedule,
  warmUpCosine,
  type WarmUpCosineOptions,
} from "./schedule.ts";
export type { SharedBy } from "./ranks.ts";
export type { TrainingResult } from "./run.ts";
export { train } from "./train.ts";
export type {
  CheckpointOptions,
  EvaluationOptions,
  OptimizerOptions,
  TrainOptions,
} from "./train_options.ts";
export { trainingProgress } from "./training_progress.ts";

/** How models are tuned on GLUE's tasks. @module */
import type { GlueTask } from "@lionjs/lion/datasets";
import type { BertTraining } from "./bert_optimizer.ts";

/** How models are tuned on a task. */
export interface GlueSetting extends Pick<BertTraining, "adam"> {
  readonly batchSize: number;
  readonly epochs: number;
  /** The highest learning rate. */
  readonly rate: number;
  readonly weightDecay: number;
  /** Trainings of each model. */
  readonly seeds: number;
}

/** Settings of all tasks. */
export type GlueSettings = Readonly<Record<GlueTask, GlueSetting>>;

/**
 * The numbers by which M2-BERT was tuned, which the paper's table calls M2-BASE.
 *
 * Source: the defaults of `finetuning_jobs.py` of LION's authors.
 */
export const M2_SETTINGS: GlueSettings = {
  mnli: setting(48, 3, 5e-5, 5e-6),
  cola: { ...setting(32, 10, 5e-5, 5e-6), seeds: 4 },
  sst2: { ...setting(16, 3, 3e-5, 3e-6), seeds: 3 },
  qqp: setting(16, 5, 3e-5, 3e-6),
  qnli: setting(16, 10, 1e-5, 1e-6),
  mrpc: { ...setting(32, 10, 8e-5, 8e-6), seeds: 5 },
  stsb: { ...setting(32, 10, 3e-5, 3e-6), seeds: 5 },
  rte: { ...setting(16, 3, 1e-5, 1e-6), seeds: 5 },
};

/**
 * The numbers by which the paper's models were tuned, with a rate of 1e-5 for all
 * tasks, which its table calls modified.
 *
 * Source: the files `yamls/finetune-glue` of LION's authors.
 */
export const GLUE_SETTINGS: GlueSettings = {
  mnli: { ...M2_SETTINGS.mnli, rate: 1e-5 },
  cola: { ...M2_SETTINGS.cola, rate: 1e-5, weightDecay: 1e-6 },
  sst2: { ...M2_SETTINGS.sst2, rate: 1e-5 },
  qqp: { ...M2_SETTINGS.qqp, rate: 1e-5 },
  qnli: M2_SETTINGS.qnli,
  mrpc: { ...M2_SETTINGS.mrpc, rate: 1e-5 },
  stsb: { ...M2_SETTINGS.stsb, rate: 1e-5, epochs: 8 },
  rte: { ...M2_SETTINGS.rte, epochs: 2, adam: "torch" },
};

/** Tasks with few examples, on which models go on from what MNLI left. */
export const AFTER_MNLI: readonly GlueTask[] = ["rte", "mrpc", "stsb"];

function setting(
  batchSize: number,
  epochs: number,
  rate: number,
  weightDecay: number,
): GlueSetting {
  return { batchSize, epochs, rate, weightDecay, seeds: 1 };
}

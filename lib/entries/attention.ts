/**
 * Attention and the backends that compute it, without layers, models or training.
 *
 * A page that needs no more loads about a third less than by `@lionjs/lion`, which has
 * all of these names too.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fixedDecay, lionAttention, useBackend } from "@lionjs/lion/attention";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * await useBackend({ prefer: ["wasm", "cpu"] });
 * // [batch, heads, tokens, columns]
 * const x = tf.randomUniform<tf.Rank.R4>([1, 2, 16, 4]);
 * const decay = fixedDecay(tf.log(tf.tensor1d([0.9, 0.5])));
 * assertEquals(lionAttention(x, x, x, { decay }).shape, [1, 2, 16, 4]);
 * ```
 *
 * @module
 */
export {
  bidirectionalDecay,
  checkDecay,
  type Decay,
  fixedDecay,
  noDecay,
  selectiveDecay,
} from "../attention/decays/decay.ts";
export { logSigmoid } from "../operations/log_sigmoid/log_sigmoid.ts";
export {
  eluPlusOne,
  type FeatureMap,
  shiftedSilu,
} from "../operations/feature_map.ts";
export type { AttentionPlan } from "../attention/planning/plan.ts";
export {
  type AttentionForm,
  explainAttention,
  lionAttention,
  type LionAttentionOptions,
} from "../attention/lion_attention.ts";
export { diagonalDecay } from "../attention/decays/diagonal_decay.ts";
export {
  deltaAttention,
  type DeltaAttentionOptions,
} from "../attention/delta_attention.ts";
export { deltaStep } from "../attention/streaming/delta_step.ts";
export {
  transitionAttention,
  type TransitionAttentionOptions,
} from "../attention/transition_attention.ts";
export { transitionStep } from "../attention/streaming/transition_step.ts";
export { decayMask } from "../attention/decays/mask.ts";
export { multiScanAttention, snakeScan } from "../attention/orders.ts";
export {
  type RecurrentState,
  recurrentState,
  recurrentStep,
} from "../attention/streaming/stateful.ts";
export { streamBidirectional } from "../attention/streaming/stream.ts";
export type {
  StreamSegment,
  StreamSource,
} from "../attention/streaming/segment_reader.ts";
export { alibiSlopes } from "../attention/decays/alibi.ts";
export {
  softmaxAttention,
  type SoftmaxAttentionOptions,
} from "../attention/softmax_attention.ts";
export type { ConcreteForm } from "../attention/forms/form.ts";
export {
  type BackendInfo,
  type BackendName,
  disposeBackend,
  useBackend,
} from "../backend/use_backend.ts";
export {
  type KernelProfile,
  type Profile,
  profile,
} from "../backend/profile.ts";
export { GpuError } from "@lionjs/tfjs/backends";

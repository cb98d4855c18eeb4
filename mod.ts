/**
 * LION: bidirectional linear attention with decay, in equal forms.
 *
 * Source: "LION: Linear Attention for Efficient Bidirectional Sequence
 * Modeling", arXiv:2502.16249.
 *
 * @module
 */
// Registers the gradients of tfjs-core's operations.
import "@tensorflow/tfjs-layers";

export {
  checkDecay,
  type Decay,
  type DecayConvention,
  fixedDecay,
  logSigmoid,
  noDecay,
  selectiveDecay,
  twoSidedDecay,
} from "./lib/attention/decay.ts";
export {
  eluPlusOne,
  type FeatureMap,
  identity,
  relu,
  shiftedSilu,
} from "./lib/attention/feature_map.ts";
export type { AttentionPlan } from "./lib/attention/plan.ts";
export type { Precision } from "./lib/attention/kernel.ts";
export {
  type AttentionForm,
  explainAttention,
  lionAttention,
  type LionAttentionOptions,
} from "./lib/attention/lion_attention.ts";
export { decayMask } from "./lib/attention/mask.ts";
export { dense } from "./lib/operations/dense.ts";
export { gelu } from "./lib/operations/gelu.ts";
export { joinHeads, splitHeads } from "./lib/operations/heads.ts";
export { layerNorm } from "./lib/operations/layer_norm.ts";
export {
  type BackendInfo,
  type BackendName,
  useBackend,
  type UseBackendOptions,
} from "./lib/backend/use_backend.ts";
export { GpuError } from "./lib/backend/gpu_error.ts";

/**
 * Known linear transformers ("the family"), in one call each, causal and
 * bidirectional.
 *
 * Each function takes its model's inputs by name and computes the model's token
 * mixing with LION: with `causal`, the recurrence of its paper; otherwise the
 * same recurrence from both ends, in which the token itself counts once.
 *
 * @module
 */
// This import registers the gradients of tfjs-core's operations.
import "@tensorflow/tfjs-layers";

export { comba, type CombaInputs } from "./transition/comba.ts";
export { deltaNet, type DeltaNetInputs } from "./delta_net.ts";
export {
  deltaProduct,
  type DeltaProductInputs,
} from "./transition/delta_product.ts";
export { family } from "./family.ts";
export {
  forgettingAttention,
  type ForgettingAttentionInputs,
  type ForgettingAttentionOptions,
} from "./forgetting_attention.ts";
export {
  gatedLinearAttention,
  type GatedLinearAttentionInputs,
} from "./gated_linear_attention.ts";
export { gateLoop, type GateLoopInputs } from "./gate_loop.ts";
export { hgrn2, type Hgrn2Inputs } from "./hgrn2.ts";
export {
  kimiDeltaAttention,
  type KimiDeltaAttentionInputs,
} from "./kimi_delta_attention.ts";
export { rwkv6, type Rwkv6Inputs } from "./rwkv6.ts";
export { rwkv7, type Rwkv7Inputs } from "./transition/rwkv7.ts";
export { gatedDeltaNet, type GatedDeltaNetInputs } from "./gated_delta_net.ts";
export {
  gatedDeltaNet2,
  type GatedDeltaNet2Inputs,
} from "./transition/gated_delta_net_2.ts";
export {
  gatedDeltaProduct,
  type GatedDeltaProductInputs,
} from "./transition/gated_delta_product.ts";
export { gatedRfa, type GatedRfaInputs } from "./gated_rfa.ts";
export {
  decayLogits,
  mambaTimeStep,
  retentionDecay,
  s4dLin,
  s4dReal,
} from "./initial_decay.ts";
export type { DeltaFamilyOptions, FamilyOptions } from "./inputs.ts";
export {
  linearTransformer,
  type LinearTransformerInputs,
} from "./linear_transformer.ts";
export {
  logLinearAttention,
  type LogLinearAttentionInputs,
  type LogLinearAttentionOptions,
} from "./log_linear/log_linear_attention.ts";
export { mamba2, type Mamba2Inputs } from "./mamba2.ts";
export { mamba3, type Mamba3Inputs } from "./mamba3/mamba3.ts";
export { mlstm, type MlstmInputs } from "./mlstm.ts";
export {
  pathAttention,
  type PathAttentionInputs,
  type PathAttentionOptions,
} from "./transition/path_attention.ts";
export { retention, type RetentionInputs } from "./retention.ts";

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

export { comba } from "./transition/comba.ts";
export { deltaNet } from "./delta_net.ts";
export { deltaProduct } from "./transition/delta_product.ts";
export { family } from "./family.ts";
export { forgettingAttention } from "./forgetting_attention.ts";
export { gatedLinearAttention } from "./gated_linear_attention.ts";
export { gateLoop } from "./gate_loop.ts";
export { hgrn2 } from "./hgrn2.ts";
export { kimiDeltaAttention } from "./kimi_delta_attention.ts";
export { rwkv6 } from "./rwkv6.ts";
export { rwkv7 } from "./transition/rwkv7.ts";
export { gatedDeltaNet } from "./gated_delta_net.ts";
export { gatedDeltaNet2 } from "./transition/gated_delta_net_2.ts";
export { gatedDeltaProduct } from "./transition/gated_delta_product.ts";
export { gatedRfa } from "./gated_rfa.ts";
export {
  decayLogits,
  mambaTimeStep,
  retentionDecay,
  s4dLin,
  s4dReal,
} from "./initial_decay.ts";
export type { DeltaFamilyOptions, FamilyOptions } from "./inputs.ts";
export { linearTransformer } from "./linear_transformer.ts";
export { logLinearAttention } from "./log_linear/log_linear_attention.ts";
export { mamba2 } from "./mamba2.ts";
export { mamba3 } from "./mamba3/mamba3.ts";
export { mlstm } from "./mlstm.ts";
export { pathAttention } from "./transition/path_attention.ts";
export { retention } from "./retention.ts";

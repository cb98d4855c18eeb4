/** The table of the models of the family. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { comba } from "./transition/comba.ts";
import { deltaNet } from "./delta_net.ts";
import { deltaProduct } from "./transition/delta_product.ts";
import { forgettingAttention } from "./forgetting_attention.ts";
import { gateLoop } from "./gate_loop.ts";
import { gatedDeltaNet } from "./gated_delta_net.ts";
import { gatedDeltaNet2 } from "./transition/gated_delta_net_2.ts";
import { gatedDeltaProduct } from "./transition/gated_delta_product.ts";
import { gatedLinearAttention } from "./gated_linear_attention.ts";
import { gatedRfa } from "./gated_rfa.ts";
import { hgrn2 } from "./hgrn2.ts";
import { kimiDeltaAttention } from "./kimi_delta_attention.ts";
import { linearTransformer } from "./linear_transformer.ts";
import { logLinearAttention } from "./log_linear/log_linear_attention.ts";
import { mamba2 } from "./mamba2.ts";
import { mamba3 } from "./mamba3/mamba3.ts";
import { mlstm } from "./mlstm.ts";
import { pathAttention } from "./transition/path_attention.ts";
import { retention } from "./retention.ts";
import { rwkv6 } from "./rwkv6.ts";
import { rwkv7 } from "./transition/rwkv7.ts";

/** A row of {@linkcode family}. */
export interface FamilyMember {
  /** The model's name in its paper. */
  readonly name: string;
  /** The function that computes the model from named inputs and options. */
  // deno-lint-ignore no-explicit-any -- each has inputs of its own
  readonly function: (inputs: any, options?: any) => tf.Tensor4D;
  /** The model's paper. */
  readonly paper: string;
  /** The kind of decay of the model's state. */
  readonly decay: "none" | "fixed" | "scalar" | "diagonal" | "delta";
  /** Whether the model divides by the sum of the weights. */
  readonly normalized: boolean;
  /** The model in terms of LION: what decays, keys and values stand for. */
  readonly lion: string;
}

/**
 * The models of the family: those of the paper's Table 1 in its order, then the
 * others.
 *
 * Source: LION (arXiv:2502.16249), Table 1.
 *
 * @example The models that divide by the sum of the weights
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { family } from "@lionjs/lion/family";
 *
 * const normalized = family.filter((member) => member.normalized);
 * assertEquals(
 *   normalized.map((member) => member.name),
 *   ["Linear Transformer", "mLSTM (xLSTM)", "Gated RFA", "FoX", "PaTH"],
 * );
 * ```
 */
export const family: readonly FamilyMember[] = [
  {
    name: "Linear Transformer",
    function: linearTransformer,
    paper: "Katharopoulos et al. 2020, arXiv:2006.16236",
    decay: "none",
    normalized: true,
    lion: "LION-LIT",
  },
  {
    name: "RetNet",
    function: retention,
    paper: "Sun et al. 2023, arXiv:2307.08621",
    decay: "fixed",
    normalized: false,
    lion: "LION-D, not normalised",
  },
  {
    name: "mLSTM (xLSTM)",
    function: mlstm,
    paper: "Beck et al. 2024, arXiv:2405.04517",
    decay: "scalar",
    normalized: true,
    lion: "LION-LSTM: arrival, keys e^i k, max(|N|, 1) in place of N",
  },
  {
    name: "Gated RFA",
    function: gatedRfa,
    paper: "Peng et al. 2021, arXiv:2103.02143",
    decay: "scalar",
    normalized: true,
    lion: "LION-S: arrival, keys (1 - g) φ(k)",
  },
  {
    name: "Mamba-2",
    function: mamba2,
    paper: "Dao and Gu 2024, arXiv:2405.21060",
    decay: "scalar",
    normalized: false,
    lion: "LION-S, not normalised: arrival, values Δ x",
  },
  {
    name: "RWKV-6",
    function: rwkv6,
    paper: "Peng et al. 2024, arXiv:2404.05892",
    decay: "diagonal",
    normalized: false,
    lion:
      "Theorem B.1: arrival, read one token earlier, bonus for the token itself",
  },
  {
    name: "HGRN-2",
    function: hgrn2,
    paper: "Qin et al. 2024, arXiv:2404.07904",
    decay: "diagonal",
    normalized: false,
    lion: "Theorem B.1: arrival, keys 1 - f",
  },
  {
    name: "DeltaNet",
    function: deltaNet,
    paper: "Yang et al. 2024, arXiv:2406.06484",
    decay: "delta",
    normalized: false,
    lion: "Appendix B.7: arrival, matrix I - β k kᵀ",
  },
  {
    name: "Gated DeltaNet",
    function: gatedDeltaNet,
    paper: "Yang et al. 2024, arXiv:2412.06464",
    decay: "delta",
    normalized: false,
    lion: "Appendix B.7: arrival, matrix e^g (I - β k kᵀ)",
  },
  {
    name: "GLA",
    function: gatedLinearAttention,
    paper: "Yang et al. 2023, arXiv:2312.06635",
    decay: "diagonal",
    normalized: false,
    lion: "Theorem B.1: arrival",
  },
  {
    name: "Kimi Delta Attention",
    function: kimiDeltaAttention,
    paper: "Kimi Team 2025, arXiv:2510.26692",
    decay: "delta",
    normalized: false,
    lion: "Appendix B.7: arrival, matrix (I - β k kᵀ) diag(α)",
  },
  {
    name: "GateLoop",
    function: gateLoop,
    paper: "Katsch 2023, arXiv:2311.01927",
    decay: "diagonal",
    normalized: false,
    lion: "Theorem B.1: arrival, of (cos Φ, sin Φ) times query and key",
  },
  {
    name: "RWKV-7",
    function: rwkv7,
    paper: "Peng et al. 2025, arXiv:2503.14456",
    decay: "delta",
    normalized: false,
    lion: "arrival, matrix diag(e^w) + b aᵀ",
  },
  {
    name: "Gated DeltaNet-2",
    function: gatedDeltaNet2,
    paper: "2026, arXiv:2605.22791",
    decay: "delta",
    normalized: false,
    lion: "arrival, matrix (I - k (b∘k)ᵀ) diag(α)",
  },
  {
    name: "DeltaProduct",
    function: deltaProduct,
    paper: "Siems et al. 2025, arXiv:2502.10297",
    decay: "delta",
    normalized: false,
    lion: "arrival, matrix Π (I - β k kᵀ)",
  },
  {
    name: "Gated DeltaProduct",
    function: gatedDeltaProduct,
    paper: "Siems et al. 2025, arXiv:2502.10297",
    decay: "delta",
    normalized: false,
    lion: "arrival, matrix e^g Π (I - β k kᵀ)",
  },
  {
    name: "Comba",
    function: comba,
    paper: "Hu et al. 2025, arXiv:2506.02475",
    decay: "delta",
    normalized: false,
    lion: "arrival, matrix e^g I - β k pᵀ",
  },
  {
    name: "FoX",
    function: forgettingAttention,
    paper: "Lin et al. 2025, arXiv:2503.02130",
    decay: "scalar",
    normalized: true,
    lion: "softmax of scores + log of LION-S's mask",
  },
  {
    name: "Mamba-3",
    function: mamba3,
    paper: "Lahoti et al. 2026, arXiv:2603.15569",
    decay: "scalar",
    normalized: false,
    lion: "LION-S, not normalised: arrival, turned b and c, two writes a token",
  },
  {
    name: "Log-linear",
    function: logLinearAttention,
    paper: "Guo et al. 2025, arXiv:2506.04761",
    decay: "scalar",
    normalized: false,
    lion: "LION-S, not normalised: arrival, times a weight per level",
  },
  {
    name: "PaTH",
    function: pathAttention,
    paper: "Yang et al. 2025, arXiv:2505.16381",
    decay: "delta",
    normalized: true,
    lion: "softmax of scores by matrices I - β w wᵀ + log of LION-S's mask",
  },
];

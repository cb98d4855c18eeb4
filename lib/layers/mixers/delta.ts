/** The delta rules of the family as mixers. @module */
import * as tf from "@tensorflow/tfjs-core";
import { deltaStep } from "../../attention/streaming/delta_step.ts";
import type { DeltaFamilyOptions, FamilyOptions } from "../../family/inputs.ts";
import { deltaNet, type DeltaNetInputs } from "../../family/delta_net.ts";
import {
  gatedDeltaNet,
  type GatedDeltaNetInputs,
} from "../../family/gated_delta_net.ts";
import {
  kimiDeltaAttention,
  type KimiDeltaAttentionInputs,
} from "../../family/kimi_delta_attention.ts";
import { splitHeads, toHeads } from "../../operations/heads/heads.ts";
import { applyLinear, linear } from "../linear.ts";
import type { Parameter, Parameters } from "../lion_layer.ts";
import type { CostCall, MixerCost, MixerState } from "../mixer.ts";
import type { FamilyModel, HeadSizes } from "./family.ts";
import { decayRate, logDecayOf, stepBias } from "./decay_rates.ts";
import {
  applyLowRank,
  lowRank,
  ofLengthOne,
  perToken,
  silu,
  softplus,
  withBias,
} from "./projections.ts";

/** Options of the models whose gates replace what a key holds. */
export interface GateOptions {
  /**
   * Whether gates reach 2 instead of 1, so that a token can turn what its key holds
   * into the opposite. @default false
   */
  readonly negativeEigenvalues?: boolean | undefined;
}

/**
 * DeltaNet: SiLU of queries, keys and values; queries and keys are scaled to
 * unit length, a sigmoid gives β, and the output is normalised per head. It has
 * no short convolutions.
 *
 * Source: Yang et al. 2024 (arXiv:2406.06484), section 3.3.
 */
export function deltaNetModel(
  options: GateOptions,
): FamilyModel<DeltaNetInputs> {
  return {
    parameters: deltaParameters,
    project: (x, parameters, numHeads) => ({
      inputs: vectorsOf(x, parameters, numHeads, options),
    }),
    run: (inputs, options) => deltaNet(inputs, deltaOptions(options)),
    step: nextByDeltaRule,
    sharesTokens: true,
    values: "v",
    output: { norm: "rms of heads" },
    cost: (sizes, call) => deltaCost(sizes, call, { gates: 0 }),
  };
}

/**
 * Gated DeltaNet: DeltaNet with Mamba-2's decay per token and a SiLU gate on
 * the normalised output.
 *
 * Source: Yang et al. 2024 (arXiv:2412.06464), section 3.4.
 */
export function gatedDeltaNetModel(
  options: GateOptions,
): FamilyModel<GatedDeltaNetInputs> {
  return {
    parameters: (dim, numHeads) => [
      ...deltaParameters(dim, numHeads),
      ...withBias(linear("step.", dim, numHeads), stepBias(numHeads)),
      decayRate(numHeads),
      ...linear("gate.", dim, dim),
    ],
    project(x, parameters, numHeads) {
      const steps = softplus(perToken(x, "step.", parameters));
      return {
        inputs: {
          ...vectorsOf(x, parameters, numHeads, options),
          logDecay: logDecayOf(steps, parameters),
        },
        gate: silu(applyLinear(x, "gate.", parameters)),
      };
    },
    run: (inputs, options) => gatedDeltaNet(inputs, deltaOptions(options)),
    step: nextByDeltaRule,
    sharesTokens: true,
    values: "v",
    output: { norm: "rms of heads" },
    cost: (sizes, call) => deltaCost(sizes, call, { gates: 1 }),
  };
}

/**
 * Kimi Delta Attention: Gated DeltaNet with one decay per channel from a
 * low-rank map, and a sigmoid gate, of low rank too, on the normalised output.
 *
 * Source: Kimi Team 2025 (arXiv:2510.26692), section 4.
 */
export function kimiDeltaAttentionModel(
  options: GateOptions,
): FamilyModel<KimiDeltaAttentionInputs> {
  return {
    parameters: (dim, numHeads) => [
      ...deltaParameters(dim, numHeads),
      ...lowRank("step.", dim, dim, stepBias(dim)),
      decayRate(numHeads),
      ...lowRank("gate.", dim, dim),
    ],
    project(x, parameters, numHeads) {
      const steps = softplus(applyLowRank(x, "step.", parameters));
      return {
        inputs: {
          ...vectorsOf(x, parameters, numHeads, options),
          logDecay: logDecayOf(toHeads(steps, numHeads), parameters),
        },
        gate: tf.sigmoid(applyLowRank(x, "gate.", parameters)),
      };
    },
    run: (inputs, options) => kimiDeltaAttention(inputs, deltaOptions(options)),
    step: nextByDeltaRule,
    sharesTokens: true,
    values: "v",
    output: { norm: "rms of heads" },
    cost: (sizes, call) => deltaCost(sizes, call, { gates: sizes.headDim }),
  };
}

/** Parameters of the projections to queries, keys, values and β. */
function deltaParameters(dim: number, numHeads: number): Parameter[] {
  return [
    ...linear("qkv.", dim, 3 * dim),
    ...linear("beta.", dim, numHeads),
  ];
}

/**
 * Projects x, `[batch, length, dim]`, to queries and keys of unit length,
 * values and β.
 */
function vectorsOf(
  x: tf.Tensor3D,
  parameters: Parameters,
  numHeads: number,
  { negativeEigenvalues = false }: GateOptions,
): DeltaNetInputs {
  const rows = silu(applyLinear(x, "qkv.", parameters));
  const { q, k, v } = splitHeads(rows, { numHeads });
  const beta = tf.sigmoid(perToken(x, "beta.", parameters));
  return {
    q: ofLengthOne(q),
    k: ofLengthOne(k),
    v,
    beta: negativeEigenvalues ? tf.mul(beta, 2) : beta,
  };
}

/** Options of the delta rule, which has two forms; any other form becomes "auto". */
export function deltaOptions(
  { form, ...others }: FamilyOptions,
): DeltaFamilyOptions {
  const isOne = form === "recurrent" || form === "chunkwise";
  return { ...others, form: isOne ? form : "auto" };
}

/** Runs the next tokens; keys, values and β have a row for each step of a token. */
export function nextByDeltaRule(
  inputs: DeltaNetInputs & { logDecay?: tf.Tensor | undefined },
  before: MixerState | undefined,
  mask: tf.Tensor2D | undefined,
): { y: tf.Tensor4D; state: MixerState } {
  const { y, state } = deltaStep(
    (before?.["state"] ?? null) as tf.Tensor4D | null,
    { ...inputs, mask },
  );
  return { y, state: { state } };
}

const CHUNK = 64;

/**
 * The cost of the delta rule. The recurrent form has three products with the
 * state, to look up the key, to write and to read. The chunkwise form has
 * products of keys with keys and queries, a triangular system for pseudo-keys
 * and pseudo-values, their weighted sum, and the same three products with the
 * state. Keys apart from the rows that write the corrections double the products
 * within chunks, but for the system, and add a product with the state.
 */
export function deltaCost(
  { batch, heads, length, headDim, valueDim }: HeadSizes,
  { form, chunkSize = CHUNK, causal }: CostCall,
  { gates, isUntied = false }: {
    /** Numbers per token and head that decay the state. */
    readonly gates: number;
    /** Whether other rows than the keys write the corrections. */
    readonly isUntied?: boolean;
  },
): MixerCost {
  const tokens = batch * heads * length;
  const directions = causal ? 1 : 2;
  const chunk = form === "recurrent" ? 1 : Math.min(chunkSize, length);
  const columns = headDim + valueDim;
  const state = headDim * valueDim;
  const times = isUntied ? 2 : 1;
  const inside = form === "recurrent"
    ? 0
    : chunk * (times * (4 * headDim + 2 * valueDim) + columns);
  const bytes = 4 * tokens * ((1 + times) * columns + 1 + directions * gates);
  const states = 4 * batch * heads * directions * state;
  const products = 2 * (2 + times) * state + (gates && state);
  return {
    operations: tokens * directions * (products + inside),
    bytes,
    peakBytes: bytes + states * Math.ceil(length / Math.max(chunk, CHUNK)),
  };
}

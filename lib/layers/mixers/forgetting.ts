/** The Forgetting Transformer's attention as a mixer. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { logSigmoid } from "../../operations/log_sigmoid/log_sigmoid.ts";
import { planSoftmax } from "../../attention/planning/softmax_plan.ts";
import {
  type SoftmaxState,
  softmaxStep,
} from "../../attention/streaming/softmax_step.ts";
import { forgettingAttention } from "../../family/forgetting_attention.ts";
import { toHeads } from "../../operations/heads/heads.ts";
import { applyMatrix, linear, matrix } from "../linear.ts";
import type { Parameter, Parameters } from "../lion_layer.ts";
import type { FamilyModel, Output } from "./family.ts";
import { perToken, withoutSteps } from "./projections.ts";

/** Queries, keys and values, `[batch, heads, length, headDim]`. */
export type SoftmaxVectors = {
  readonly [name in "q" | "k" | "v"]: tf.Tensor4D;
};

/** The output of softmax attention in flash-linear-attention: a projection. */
export const PROJECTED: Output = {
  norm: "none",
  names: { norm: "", projection: "o_proj." },
  hasBias: false,
};

/**
 * FoX: softmax attention with a forget gate per token and head, log σ of a linear map.
 * Positions are not needed. It has flash-linear-attention's defaults: neither a gate nor a
 * normalisation.
 *
 * Source: Lin et al. 2025 (arXiv:2503.02130), section 3, and flash-linear-attention's layer.
 */
export const FORGETTING_ATTENTION: FamilyModel<
  SoftmaxVectors & { readonly logDecay: tf.Tensor3D }
> = {
  parameters: (dim, numHeads) => [
    ...softmaxParameters(dim),
    ...linear("f_proj.", dim, numHeads),
  ],
  project: (x, parameters, numHeads) => ({
    inputs: {
      ...softmaxVectors(x, parameters, numHeads),
      logDecay: logSigmoid(perToken(x, "f_proj.", parameters)),
    },
  }),
  run: (inputs, { causal, mask, segments }) =>
    forgettingAttention(inputs, { causal, mask, segments }),
  step({ logDecay, ...vectors }, before, mask) {
    const steps = withoutSteps(logDecay, mask) as tf.Tensor3D;
    const next = { ...vectors, logDecay: steps, mask };
    return softmaxStep(before as SoftmaxState | undefined, next);
  },
  sharesTokens: false,
  output: PROJECTED,
  cost: (sizes, { causal }) => planSoftmax({ ...sizes, causal }),
};

/** Parameters of the projections to queries, keys and values, which have no bias. */
export function softmaxParameters(dim: number): Parameter[] {
  return ["q", "k", "v"].flatMap((name) => matrix(`${name}_proj.`, dim, dim));
}

/** Projects x, `[batch, length, dim]`. */
export function softmaxVectors(
  x: tf.Tensor3D,
  parameters: Parameters,
  numHeads: number,
): SoftmaxVectors {
  const heads = (name: string) =>
    toHeads(applyMatrix(x, `${name}_proj.`, parameters), numHeads);
  return { q: heads("q"), k: heads("k"), v: heads("v") };
}

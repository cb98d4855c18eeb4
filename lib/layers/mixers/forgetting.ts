/** The Forgetting Transformer's attention as a mixer. @module */
import * as tf from "@tensorflow/tfjs-core";
import { logSigmoid } from "../../operations/log_sigmoid/log_sigmoid.ts";
import { planSoftmax } from "../../attention/planning/softmax_plan.ts";
import {
  type SoftmaxState,
  softmaxStep,
} from "../../attention/streaming/softmax_step.ts";
import { forgettingAttention } from "../../family/forgetting_attention.ts";
import { toHeads } from "../../operations/heads/heads.ts";
import { rmsNorm } from "../../operations/rms_norm/rms_norm.ts";
import { applyMatrix, linear, matrix } from "../linear.ts";
import type { Parameter, Parameters } from "../lion_layer.ts";
import { scaleOnly } from "../normalization.ts";
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

/** Options of softmax attention that decays. */
export interface DecayedSoftmaxOptions {
  /** Whether queries and keys are normalised. @default false */
  readonly queryKeyNorm?: boolean | undefined;
}

/** Options of {@linkcode forgettingModel}. */
interface ForgettingOptions extends DecayedSoftmaxOptions {
  /** Whether a sigmoid gates the output. @default false */
  readonly outputGate?: boolean | undefined;
}

/**
 * FoX: softmax attention with a forget gate per token and head, log σ of a linear map.
 * Positions are not needed. By default it has neither a gate of the output nor a
 * normalisation of each head's queries and keys, as in flash-linear-attention.
 *
 * Source: Lin et al. 2025 (arXiv:2503.02130), section 3, and flash-linear-attention's layer.
 */
export function forgettingModel(
  { queryKeyNorm = false, outputGate = false }: ForgettingOptions,
): FamilyModel<SoftmaxVectors & { readonly logDecay: tf.Tensor3D }> {
  const norm: QueryKeyNorm | undefined = queryKeyNorm
    ? { prefix: "", over: "heads" }
    : undefined;
  return {
    parameters: (dim, numHeads) => [
      ...softmaxParameters(dim, norm),
      ...linear("f_proj.", dim, numHeads),
      ...(outputGate ? matrix("g_proj.", dim, dim) : []),
    ],
    project: (x, parameters, numHeads) => ({
      inputs: {
        ...softmaxVectors(x, parameters, numHeads, norm),
        logDecay: logSigmoid(perToken(x, "f_proj.", parameters)),
      },
      ...(outputGate
        ? { gate: tf.sigmoid(applyMatrix(x, "g_proj.", parameters)) }
        : {}),
    }),
    run: (inputs, { causal, mask, segments }) =>
      forgettingAttention(inputs, { causal, mask, segments }),
    step({ logDecay, ...vectors }, before, mask) {
      const steps = withoutSteps(logDecay, mask) as tf.Tensor3D;
      const next = { ...vectors, logDecay: steps, mask };
      return softmaxStep(before as SoftmaxState | undefined, next);
    },
    sharesTokens: false,
    values: "v",
    output: PROJECTED,
    cost: (sizes, { causal }) => planSoftmax({ ...sizes, causal }),
  };
}

/** How queries and keys are divided by their root mean square. */
export interface QueryKeyNorm {
  /** What comes before `q_norm.` and `k_norm.` in the names of the scales, `[dim]`. */
  readonly prefix: string;
  /** Whether each head is divided by its own, or all columns by theirs. */
  readonly over: "heads" | "columns";
}

/** Epsilon of flash-linear-attention's normalisations of queries and keys. */
const EPSILON = 1e-5;

/** Parameters of the projections to queries, keys and values, which have no bias. */
export function softmaxParameters(
  dim: number,
  norm: QueryKeyNorm | undefined,
): Parameter[] {
  return [
    ...["q", "k", "v"].flatMap((name) => matrix(`${name}_proj.`, dim, dim)),
    ...(norm
      ? ["q", "k"].flatMap((name) =>
        scaleOnly(`${norm.prefix}${name}_norm.`, dim)
      )
      : []),
  ];
}

/** Projects x, `[batch, length, dim]`. */
export function softmaxVectors(
  x: tf.Tensor3D,
  parameters: Parameters,
  numHeads: number,
  norm: QueryKeyNorm | undefined,
): SoftmaxVectors {
  const projected = (name: string) =>
    applyMatrix(x, `${name}_proj.`, parameters);
  const normalized = (name: string): tf.Tensor4D => {
    const rows = projected(name);
    if (!norm) return toHeads(rows, numHeads);
    const scale = parameters(`${norm.prefix}${name}_norm.weight`);
    if (norm.over === "columns") {
      const scaled = rmsNorm(rows, scale as tf.Tensor1D, { epsilon: EPSILON });
      return toHeads(scaled, numHeads);
    }
    const heads = toHeads(rows, numHeads), headDim = heads.shape[3];
    const normal = rmsNorm(heads, tf.ones([headDim]), { epsilon: EPSILON });
    return tf.mul(normal, tf.reshape(scale, [1, numHeads, 1, headDim]));
  };
  return {
    q: normalized("q"),
    k: normalized("k"),
    v: toHeads(projected("v"), numHeads),
  };
}

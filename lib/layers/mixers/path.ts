/** PaTH attention as a mixer. @module */
import * as tf from "@tensorflow/tfjs-core";
import { logSigmoid } from "../../operations/log_sigmoid/log_sigmoid.ts";
import { planAttention } from "../../attention/planning/plan.ts";
import {
  type CheckedPathAttentionInputs,
  pathAttention,
} from "../../family/transition/path_attention.ts";
import { type PathState, pathStep } from "../../family/transition/path_step.ts";
import { toHeads } from "../../operations/heads/heads.ts";
import { applyMatrix, linear, matrix } from "../linear.ts";
import { convolution, tapsOf } from "./convolution.ts";
import { deltaCost, deltaOptions } from "./delta.ts";
import type { FamilyModel } from "./family.ts";
import {
  type DecayedSoftmaxOptions,
  PROJECTED,
  type QueryKeyNorm,
  softmaxParameters,
  softmaxVectors,
} from "./forgetting.ts";
import { ofLengthOne, perToken } from "./projections.ts";

/** Rank of the map to the directions in which tokens change keys. */
const RANK = 32;

/** Taps of the convolution of these directions. */
const TAPS = 3;

/**
 * PaTH: softmax attention whose keys each token on the way changes, in a direction of low
 * rank with a short convolution and SiLU, by up to a reflection, and a forget gate. Queries
 * and keys, of all heads together, are normalised only if asked for, as in
 * flash-linear-attention.
 *
 * Source: Yang et al. 2025 (arXiv:2505.16381), section 3, and flash-linear-attention's
 * layer, which multiplies log decays by the scale of the scores too.
 */
export function pathModel(
  { queryKeyNorm = false }: DecayedSoftmaxOptions,
): FamilyModel<CheckedPathAttentionInputs> {
  const norm: QueryKeyNorm | undefined = queryKeyNorm
    ? { prefix: "maybe_", over: "columns" }
    : undefined;
  return {
    parameters: (dim, numHeads) => [
      ...softmaxParameters(dim, norm),
      ...matrix("w_proj.0.", dim, RANK),
      ...matrix("w_proj.1.", RANK, dim),
      ...convolution("w_conv1d.", dim, TAPS).slice(0, 1),
      ...linear("bt_proj.", dim, numHeads),
      ...linear("g_proj.", dim, numHeads),
    ],
    project(x, parameters, numHeads, convolve) {
      const few = applyMatrix(x, "w_proj.0.", parameters);
      const directions = convolve(applyMatrix(few, "w_proj.1.", parameters), {
        name: "w",
        taps: tapsOf(parameters("w_conv1d.weight")),
        activation: "silu",
      });
      return {
        inputs: {
          ...softmaxVectors(x, parameters, numHeads, norm),
          w: ofLengthOne(toHeads(directions, numHeads)),
          beta: tf.mul(tf.sigmoid(perToken(x, "bt_proj.", parameters)), 2),
          logDecay: logSigmoid(perToken(x, "g_proj.", parameters)),
        },
      };
    },
    run: (inputs, { attention: _attention, ...options }) =>
      pathAttention(inputs, deltaOptions(options)),
    step: (inputs, before, mask) =>
      pathStep(before as PathState | undefined, inputs, mask),
    sharesTokens: false,
    values: "v",
    output: PROJECTED,
    cost(sizes, call) {
      // All weights are held at once, as in the full form without a kernel.
      const weights = planAttention({
        ...{ ...sizes, form: "full", kernel: false, causal: call.causal },
        ...{ chunkSize: undefined, decays: true, normalize: true },
        precision: "f32",
      });
      // The scores are transitions whose values are as wide as the sequence is long.
      const { length } = sizes;
      const scores = deltaCost({ ...sizes, valueDim: length }, call, {
        gates: 0,
        isUntied: true,
      });
      return {
        operations: weights.operations + scores.operations,
        bytes: weights.bytes + scores.bytes,
        peakBytes: weights.peakBytes + scores.peakBytes,
      };
    },
  };
}

/** Softmax attention, the baseline, as a mixer. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { alibiSlopes } from "../../attention/decays/alibi.ts";
import { softmaxAttention } from "../../attention/softmax_attention.ts";
import { planSoftmax } from "../../attention/planning/softmax_plan.ts";
import { weightRows } from "../../attention/weight_rows.ts";
import {
  nextPlaces,
  type SoftmaxState,
  softmaxStep,
} from "../../attention/streaming/softmax_step.ts";
import { joinHeads, splitHeads } from "../../operations/heads/heads.ts";
import { rotated } from "../../operations/rotary.ts";
import { applyLinear, linear } from "../linear.ts";
import type { Parameters } from "../lion_layer.ts";
import type { Mixer, MixerCall } from "../mixer.ts";
import { applyNorm, norm } from "../normalization.ts";
import { projectionOperations } from "./projections.ts";

/** The options of attention that {@linkcode softmaxMixer} needs, with their defaults filled in. */
export interface SoftmaxMixerOptions {
  readonly numHeads: number;
  readonly outputNorm: boolean;
  readonly position: "none" | "rotary" | "alibi";
  readonly rotaryScale: number;
}

/**
 * Softmax attention as a mixer, which has a single form.
 *
 * Source: Vaswani et al. 2017 (arXiv:1706.03762).
 */
export function softmaxMixer(
  { numHeads, outputNorm, position, rotaryScale }: SoftmaxMixerOptions,
): Mixer {
  const slopes = position === "alibi" ? alibiSlopes(numHeads) : undefined;
  const turns = position === "rotary";
  const heads = (x: tf.Tensor3D, parameters: Parameters) =>
    splitHeads(applyLinear(x, "qkv.", parameters), { numHeads });
  const merge = (y: tf.Tensor4D, parameters: Parameters, epsilon: number) => {
    const rows = joinHeads(y);
    const normal = outputNorm
      ? applyNorm(rows, "norm.", parameters, epsilon)
      : rows;
    return applyLinear(normal, "proj.", parameters);
  };
  const attentionOf = (
    x: tf.Tensor3D,
    parameters: Parameters,
    { causal, mask, segments }: MixerCall,
  ) => {
    const { q, k, v } = heads(x, parameters);
    const placed = (x: tf.Tensor4D) =>
      turns ? rotated(x, undefined, rotaryScale) : x;
    const [queries, keys] = [placed(q), placed(k)];
    const attend = (v: tf.Tensor4D) =>
      softmaxAttention(queries, keys, v, { causal, slopes, mask, segments });
    return { v, attend };
  };
  return {
    parameters(shape) {
      const dim = shape.at(-1)!;
      return [
        ...linear("qkv.", dim, 3 * dim),
        ...(outputNorm ? norm("norm.", dim) : []),
        ...linear("proj.", dim, dim),
      ];
    },
    apply(x, parameters, call) {
      const { v, attend } = attentionOf(x, parameters, call);
      return merge(attend(v), parameters, call.epsilon);
    },
    weights(x, parameters, call, rows) {
      const { v, attend } = attentionOf(x, parameters, call);
      return weightRows(attend, v, rows);
    },
    step(x, parameters, before, { mask, epsilon }) {
      const earlier = before as SoftmaxState | undefined;
      const { q, k, v } = heads(x, parameters);
      const places = turns ? nextPlaces(earlier, { q, mask }) : undefined;
      const placed = (x: tf.Tensor4D) =>
        places ? rotated(x, places, rotaryScale) : x;
      const { y, state } = softmaxStep(earlier, {
        q: placed(q),
        k: placed(k),
        v,
        mask,
        slopes,
      });
      return { y: merge(y, parameters, epsilon), state };
    },
    operations: projectionOperations,
    cost(shape, { causal }) {
      const [batch, length, dim] = shape as [number, number, number];
      const headDim = dim / numHeads;
      const heads = { heads: numHeads, headDim, valueDim: headDim };
      return planSoftmax({ batch, length, ...heads, causal });
    },
  };
}

/** Softmax attention as a mixer, the baseline. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { softmaxAttention } from "../../attention/softmax_attention.ts";
import { planSoftmax } from "../../attention/softmax_plan.ts";
import {
  type SoftmaxState,
  softmaxStep,
} from "../../attention/softmax_step.ts";
import { joinHeads, splitHeads } from "../../operations/heads.ts";
import { applyLinear, linear } from "../linear.ts";
import type { Parameters } from "../lion_layer.ts";
import type { Mixer } from "../mixer.ts";
import { applyNorm, norm } from "../normalization.ts";
import { projectionOperations } from "./projections.ts";

/** Options of {@linkcode softmaxMixer}. */
export interface SoftmaxMixerOptions {
  /** Must divide the columns of the input. */
  readonly numHeads: number;
  /** Whether the heads' output is layer-normalised before it is projected. */
  readonly outputNorm: boolean;
}

/**
 * Softmax attention, in one form.
 *
 * Source: Vaswani et al. 2017 (arXiv:1706.03762).
 */
export function softmaxMixer(
  { numHeads, outputNorm }: SoftmaxMixerOptions,
): Mixer {
  const heads = (x: tf.Tensor3D, parameters: Parameters) =>
    splitHeads(applyLinear(x, "qkv.", parameters), { numHeads });
  const merge = (y: tf.Tensor4D, parameters: Parameters, epsilon: number) => {
    const rows = joinHeads(y);
    const normal = outputNorm
      ? applyNorm(rows, "norm.", parameters, epsilon)
      : rows;
    return applyLinear(normal, "proj.", parameters);
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
    apply(x, parameters, { causal, mask, segments, epsilon }) {
      const { q, k, v } = heads(x, parameters);
      const y = softmaxAttention(q, k, v, {
        causal,
        ...(mask ? { mask } : {}),
        ...(segments ? { segments } : {}),
      });
      return merge(y, parameters, epsilon);
    },
    step(x, parameters, before, { mask, epsilon }) {
      const { y, state } = softmaxStep(before as SoftmaxState | undefined, {
        ...heads(x, parameters),
        mask,
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

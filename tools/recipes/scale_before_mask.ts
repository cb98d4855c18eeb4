/** LION-S with another order of its two factors, as an ablation. @module */
import {
  diagonalDecay,
  lionAttention,
  logSigmoid,
  type Mixer,
  shiftedSilu,
} from "@lionjs/lion";
import { dense, joinHeads, splitHeads } from "@lionjs/lion/operations";
import type { Parameter, Parameters } from "@lionjs/lion/layers";
import { decayLogits, mambaTimeStep, s4dReal } from "@lionjs/lion/family";
import * as tf from "@tensorflow/tfjs-core";

/**
 * LION-S whose scores are divided by the sums of their rows before the mask is
 * laid over them, not after: rows of the result no longer add up to 1, and fade
 * where decays are small. A decay of each channel, which begins with HiPPO's.
 *
 * Source: a row of Table 6 of LION (arXiv:2502.16249).
 */
export function scaleBeforeMask(numHeads: number): Mixer {
  return {
    parameters(shape) {
      const dim = shape.at(-1)!;
      return [
        ...linear("qkv", dim, 3 * dim, "zeros"),
        ...linear("decay", dim, dim, {
          values: (seed) => hippoLogits(numHeads, dim, seed),
        }),
        ...linear("proj", dim, dim, "zeros"),
      ];
    },
    apply(x, parameters, { form, causal, mask, segments }) {
      const { q, k, v } = splitHeads(apply(x, "qkv", parameters), {
        numHeads,
        featureMap: shiftedSilu,
      });
      const [batch, heads, length, headDim] = v.shape;
      const rows: tf.Tensor4D = tf.reshape(
        apply(x, "decay", parameters),
        [batch, length, heads, headDim],
      );
      const logits = tf.transpose(rows, [0, 2, 1, 3]);
      const options = {
        ...{ form, causal },
        ...mask ? { mask } : {},
        ...segments ? { segments } : {},
      };
      const masked = lionAttention(q, k, v, {
        ...options,
        decay: diagonalDecay(logSigmoid(logits)),
        normalize: false,
      });
      const ones: tf.Tensor4D = tf.ones([batch, heads, length, 1]);
      const sums = lionAttention(q, k, ones, {
        ...options,
        normalize: false,
      });
      const y = tf.div<tf.Tensor4D>(masked, tf.add(sums, 1e-6));
      return apply(joinHeads(y), "proj", parameters);
    },
    operations: (shape) => {
      const [batch, length, dim] = shape as [number, number, number];
      return 2 * batch * length * 5 * dim * dim;
    },
  };
}

function linear(
  name: string,
  inputs: number,
  outputs: number,
  initial: Parameter["initial"],
): Parameter[] {
  return [
    {
      name: `${name}.weight`,
      shape: [inputs, outputs],
      initial: { deviation: inputs ** -0.5 },
      layout: "linear",
    },
    { name: `${name}.bias`, shape: [outputs], initial },
  ];
}

function apply(
  x: tf.Tensor3D,
  name: string,
  parameters: Parameters,
): tf.Tensor3D {
  return dense(
    x,
    parameters(`${name}.weight`) as tf.Tensor2D,
    parameters(`${name}.bias`) as tf.Tensor1D,
  ) as tf.Tensor3D;
}

/** `[dim]`, as LION-S begins with them. */
function hippoLogits(
  numHeads: number,
  dim: number,
  seed: number | undefined,
): tf.Tensor {
  return tf.tidy(() => {
    const steps = mambaTimeStep(numHeads, seed === undefined ? {} : { seed });
    const rates = tf.outerProduct(steps, s4dReal(dim / numHeads));
    return tf.reshape(decayLogits(rates), [dim]);
  });
}

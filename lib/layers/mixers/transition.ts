/** Newer delta rules of the family as mixers, with short convolutions. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  transitionStep,
  type TransitionStepInput,
} from "../../attention/streaming/transition_step.ts";
import { comba, type CombaInputs } from "../../family/transition/comba.ts";
import {
  deltaProduct,
  type DeltaProductInputs,
  rowsOfSteps,
} from "../../family/transition/delta_product.ts";
import {
  gatedDeltaNet2,
  type GatedDeltaNet2Inputs,
  gatedRows,
} from "../../family/transition/gated_delta_net_2.ts";
import {
  gatedDeltaProduct,
  type GatedDeltaProductInputs,
} from "../../family/transition/gated_delta_product.ts";
import { toHeads } from "../../operations/heads/heads.ts";
import { applyLinear, applyMatrix, linear, matrix } from "../linear.ts";
import type { Parameter, Parameters } from "../lion_layer.ts";
import type { MixerState } from "../mixer.ts";
import { convolution, type Convolve, tapsOf } from "./convolution.ts";
import { decayRate, logDecayOf, stepBias } from "./decay_rates.ts";
import {
  deltaCost,
  deltaOptions,
  type GateOptions,
  nextByDeltaRule,
} from "./delta.ts";
import type { FamilyModel, Output } from "./family.ts";
import { ofLengthOne, silu, softplus } from "./projections.ts";

/** Taps of short convolutions, unless options say otherwise. */
const CONV_SIZE = 4;

/** Options of the models with short convolutions. */
interface ConvolvedOptions {
  /** Number of taps of the convolutions; 0 for none. @default 4 */
  readonly convSize?: number | undefined;
}

/** The output of flash-linear-attention's layers. */
const PUBLISHED: Output = {
  norm: "rms of heads",
  names: { norm: "o_norm.", projection: "o_proj." },
  hasBias: false,
};

/**
 * Gated DeltaNet-2: a delta rule whose channels each have a decay, an erasing and a
 * writing gate; the output is normalised per head and gated by a sigmoid of low rank.
 *
 * Source: arXiv:2605.22791, and flash-linear-attention's layer.
 */
export function gatedDeltaNet2Model(
  { convSize = CONV_SIZE, negativeEigenvalues = false }:
    & ConvolvedOptions
    & GateOptions,
): FamilyModel<GatedDeltaNet2Inputs> {
  return {
    parameters(dim, numHeads) {
      const rank = dim / numHeads;
      return [
        ...vectorParameters(dim, convSize),
        ...matrix("f_proj.0.", dim, rank),
        ...matrix("f_proj.1.", rank, dim),
        ...matrix("b_proj.", dim, dim),
        ...matrix("w_proj.", dim, dim),
        decayRate(numHeads),
        { name: "dt_bias", shape: [dim], initial: stepBias(dim) },
        ...matrix("g_proj.0.", dim, rank),
        ...linear("g_proj.1.", rank, dim),
      ];
    },
    project(x, parameters, numHeads, convolve) {
      const heads = (x: tf.Tensor3D) => toHeads(x, numHeads);
      const few = applyMatrix(x, "f_proj.0.", parameters);
      const steps = applyMatrix(few, "f_proj.1.", parameters);
      const dt = softplus(tf.add(steps, parameters("dt_bias")) as tf.Tensor3D);
      const erase = tf.sigmoid(applyMatrix(x, "b_proj.", parameters));
      const gates = applyMatrix(x, "g_proj.0.", parameters);
      return {
        inputs: {
          ...vectorsOf(x, parameters, { numHeads, convolve, convSize }),
          logDecay: logDecayOf(heads(dt), parameters),
          eraseGate: heads(negativeEigenvalues ? tf.mul(erase, 2) : erase),
          writeGate: heads(tf.sigmoid(applyMatrix(x, "w_proj.", parameters))),
        },
        gate: tf.sigmoid(applyLinear(gates, "g_proj.1.", parameters)),
      };
    },
    run: (inputs, options) => gatedDeltaNet2(inputs, deltaOptions(options)),
    step: ({ q, ...inputs }, before, mask) => {
      const { k, logDecay } = inputs;
      return stepOf(before, mask, { q, k, logDecay, ...gatedRows(inputs) });
    },
    sharesTokens: false,
    output: PUBLISHED,
    cost: (sizes, call) => deltaCost(sizes, call, { gates: sizes.headDim }),
  };
}

/** Options of {@linkcode deltaProductModel}. */
interface DeltaProductOptions extends ConvolvedOptions {
  /** Steps per token. @default 2 */
  readonly steps?: number | undefined;
  /** Whether the state decays, as in Gated DeltaProduct. */
  readonly isGated: boolean;
}

/**
 * DeltaProduct: several steps of the delta rule per token, with gates β to 2, so that
 * steps can reflect; gated, Mamba-2's decay before the first step. The output is
 * normalised per head and gated by SiLU.
 *
 * Source: Siems et al. 2025 (arXiv:2502.10297), and flash-linear-attention's layer.
 */
export function deltaProductModel(
  { convSize = CONV_SIZE, steps = 2, isGated }: DeltaProductOptions,
): FamilyModel<DeltaProductInputs & { logDecay?: tf.Tensor }> {
  return {
    parameters: (dim, numHeads) => [
      ...vectorParameters(dim, convSize, steps),
      ...matrix("b_proj.", dim, steps * numHeads),
      ...(isGated ? decayParameters(dim, numHeads) : []),
      ...matrix("g_proj.", dim, dim),
    ],
    initial: ({ shape, layout, initial }) =>
      layout === "linear" ? xavier(shape as [number, number]) : initial,
    project(x, parameters, numHeads, convolve) {
      const sizes = { numHeads, convolve, convSize, steps };
      const beta = tf.sigmoid(applyMatrix(x, "b_proj.", parameters));
      return {
        inputs: {
          ...vectorsOf(x, parameters, sizes),
          beta: tf.mul(tf.squeeze(toSteps(beta, numHeads, steps), [4]), 2),
          ...(isGated ? { logDecay: decayOf(x, parameters) } : {}),
        },
        gate: silu(applyMatrix(x, "g_proj.", parameters)),
      };
    },
    run: (inputs, options) =>
      isGated
        ? gatedDeltaProduct(
          inputs as GatedDeltaProductInputs,
          deltaOptions(options),
        )
        : deltaProduct(inputs, deltaOptions(options)),
    step: ({ q, logDecay, ...vectors }, before, mask) =>
      nextByDeltaRule({ q, logDecay, ...rowsOfSteps(vectors) }, before, mask),
    sharesTokens: false,
    output: PUBLISHED,
    cost: ({ length, ...sizes }, call) =>
      deltaCost({ ...sizes, length: steps * length }, call, {
        gates: isGated ? 1 : 0,
      }),
  };
}

/**
 * Comba: Gated DeltaNet in which a token replaces what it reads with a key of its own,
 * p = σ(f) k, and the query is corrected by it, q - D p; the output is normalised per
 * head and gated by a sigmoid.
 *
 * Source: arXiv:2506.02475, and flash-linear-attention's layer, which scales p to unit
 * length after the factor σ(f), so that the factor has no effect; here it has one.
 */
export function combaModel(
  { convSize = CONV_SIZE }: ConvolvedOptions,
): FamilyModel<CombaInputs> {
  return {
    parameters: (dim, numHeads) => [
      ...vectorParameters(dim, convSize),
      ...decayParameters(dim, numHeads),
      ...matrix("b_proj.", dim, numHeads),
      { name: "decay", shape: [numHeads], initial: "ones" },
      { name: "D", shape: [numHeads], initial: "ones" },
      ...matrix("g_proj.", dim, dim),
    ],
    project(x, parameters, numHeads, convolve) {
      const ofHead = (name: string) =>
        tf.reshape(parameters(name), [1, numHeads, 1, 1]);
      const sizes = { numHeads, convolve, convSize };
      const { q, k, v } = vectorsOf(x, parameters, sizes);
      const p = tf.mul(k, tf.sigmoid(ofHead("decay")));
      const beta = tf.sigmoid(applyMatrix(x, "b_proj.", parameters));
      return {
        inputs: {
          ...{ k, v, p },
          q: tf.sub(q, tf.mul(ofHead("D"), p)),
          beta: tf.transpose(beta, [0, 2, 1]),
          logDecay: decayOf(x, parameters),
        },
        gate: tf.sigmoid(applyMatrix(x, "g_proj.", parameters)),
      };
    },
    run: (inputs, options) => comba(inputs, deltaOptions(options)),
    step: ({ q, k, v, p, beta, logDecay }, before, mask) =>
      stepOf(before, mask, {
        ...{ q, v, logDecay },
        k: tf.mul(tf.expandDims(beta, 3), k),
        a: tf.neg(p),
      }),
    sharesTokens: false,
    values: "v",
    output: PUBLISHED,
    cost: (sizes, call) => deltaCost(sizes, call, { gates: 1 }),
  };
}

/** Parameters of queries, and of the keys and values of each step. */
function vectorParameters(
  dim: number,
  convSize: number,
  steps = 1,
): Parameter[] {
  const vectors = [["q", dim], ["k", steps * dim], ["v", steps * dim]] as const;
  return [
    ...vectors.flatMap(([name, outputs]) =>
      matrix(`${name}_proj.`, dim, outputs)
    ),
    ...(convSize === 0
      ? []
      : vectors.flatMap(([name, channels]) =>
        convolution(`${name}_conv1d.`, channels, convSize).slice(0, 1)
      )),
  ];
}

/**
 * Projects x, `[batch, length, dim]`, to queries and keys of unit length and values,
 * `[batch, heads, length, headDim]`; with `steps`, keys and values have an axis of these
 * after the length.
 */
function vectorsOf(
  x: tf.Tensor3D,
  parameters: Parameters,
  { numHeads, convolve, convSize, steps }: {
    readonly convSize: number;
    readonly numHeads: number;
    readonly convolve: Convolve;
    readonly steps?: number;
  },
): { q: tf.Tensor4D; k: tf.Tensor4D; v: tf.Tensor4D } {
  const rows = (name: string): tf.Tensor3D => {
    const projected = applyMatrix(x, `${name}_proj.`, parameters);
    if (convSize === 0) return silu(projected);
    const taps = tapsOf(parameters(`${name}_conv1d.weight`));
    return convolve(projected, { name, taps, activation: "silu" });
  };
  const ofSteps = (x: tf.Tensor3D) =>
    steps === undefined
      ? toHeads(x, numHeads)
      : toSteps(x, numHeads, steps) as tf.Tensor as tf.Tensor4D;
  return {
    q: ofLengthOne(toHeads(rows("q"), numHeads)),
    k: ofLengthOne(ofSteps(rows("k"))),
    v: ofSteps(rows("v")),
  };
}

/**
 * Splits columns into steps and heads: `[batch, length, steps · heads · columns]` to
 * `[batch, heads, length, steps, columns]`.
 */
function toSteps(
  rows: tf.Tensor3D,
  numHeads: number,
  steps: number,
): tf.Tensor5D {
  const [batch, length, columns] = rows.shape;
  const split: tf.Tensor5D = tf.reshape(rows, [
    ...[batch, length, steps, numHeads] as const,
    columns / (steps * numHeads),
  ]);
  return tf.transpose(split, [0, 3, 1, 2, 4]);
}

/** Parameters of Mamba-2's decay per token and head. */
function decayParameters(dim: number, numHeads: number): Parameter[] {
  return [
    ...matrix("a_proj.", dim, numHeads),
    decayRate(numHeads, 0),
    { name: "dt_bias", shape: [numHeads], initial: stepBias(numHeads) },
  ];
}

/** Log decays, `[batch, heads, length]`. */
function decayOf(x: tf.Tensor3D, parameters: Parameters): tf.Tensor3D {
  const steps = applyMatrix(x, "a_proj.", parameters);
  const dt = softplus(tf.add(steps, parameters("dt_bias")));
  const rates = tf.neg(tf.exp(parameters("A_log")));
  return tf.transpose(tf.mul(dt, rates) as tf.Tensor3D, [0, 2, 1]);
}

/** The gain of {@linkcode xavier}, as in the authors' layers. */
const GAIN = 2 ** -2.5;

/** Uniform initial values, as wide as Glorot and Bengio 2010 advise, times a gain. */
function xavier([inputs, outputs]: [number, number]): Parameter["initial"] {
  const bound = GAIN * Math.sqrt(6 / (inputs + outputs));
  const shape = [inputs, outputs];
  return {
    values: (seed) => tf.randomUniform(shape, -bound, bound, "float32", seed),
  };
}

/** Runs the next tokens of a delta rule whose written rows are its keys. */
function stepOf(
  before: MixerState | undefined,
  mask: tf.Tensor2D | undefined,
  input: Omit<TransitionStepInput, "b" | "mask">,
): { y: tf.Tensor4D; state: MixerState } {
  const { y, state } = transitionStep(
    (before?.["state"] ?? null) as tf.Tensor4D | null,
    { ...input, b: null, mask },
  );
  return { y, state: { state } };
}

/** RWKV-7's layer as a mixer: its time mix, and its channel mix for the perceptron. @module */
import * as tf from "@tensorflow/tfjs-core";
import { transitionStep } from "../../attention/streaming/transition_step.ts";
import { rwkv7, type Rwkv7Inputs } from "../../family/transition/rwkv7.ts";
import { joinHeads, toHeads } from "../../operations/heads/heads.ts";
import { layerNorm } from "../../operations/layer_norm/layer_norm.ts";
import { applyLinear, applyMatrix, linear, matrix } from "../linear.ts";
import type { Parameter, Parameters } from "../lion_layer.ts";
import type { Mixer } from "../mixer.ts";
import { norm } from "../normalization.ts";
import { type Convolve, convolveNext, convolveWhole } from "./convolution.ts";
import { deltaCost, deltaOptions, type GateOptions } from "./delta.ts";
import { orthogonal } from "./orthogonal.ts";
import { matrixOperations, ofLengthOne, withBias } from "./projections.ts";

/** Options of {@linkcode rwkv7Mixer}. */
export interface Rwkv7MixerOptions extends GateOptions {
  readonly numHeads: number;
  /** The index of the layer, from 0, and the number of layers. */
  readonly layer: readonly [index: number, count: number];
  /** Ranks of the maps to decays, learning rates, shares of values and gates. */
  readonly ranks?:
    | readonly [decays: number, rates: number, values: number, gates: number]
    | undefined;
}

/** The factor of the log decays' sigmoid: a token's decay is at least e^-0.607. */
const LEAST_LOG_DECAY = -Math.exp(-0.5);

/** The projections that read a token mixed with the one before it. */
const MIXES = ["r", "w", "k", "v", "a", "g"] as const;

type Mix = typeof MIXES[number];

/**
 * RWKV-7: queries r, decays, keys, values, in-context learning rates and a gate, each of a
 * token mixed with the one before it by a weight per channel. Values of later layers are
 * mixed with those of the first one. The output is normalised per head, gets a bonus for
 * the token itself, and is gated. The block's perceptron becomes the channel mix. Where a
 * token attends to both sides, it is mixed with the mean of its two neighbours.
 *
 * Its parameters have the names and layouts of flash-linear-attention's layer. The
 * normalisation's epsilon is that of the layer times the columns of a head.
 *
 * Source: Peng et al. 2025 (arXiv:2503.14456), section 4, and its authors' code.
 */
export function rwkv7Mixer(options: Rwkv7MixerOptions): Mixer {
  const { numHeads, layer } = options;
  const [index, count] = layer;
  const isFirst = index === 0, passes = isFirst && count > 1;
  const output = (
    y: tf.Tensor4D,
    { r, k, v, gate }: Pick<Projected, "r" | "k" | "v" | "gate">,
    parameters: Parameters,
    epsilon: number,
  ): tf.Tensor3D => {
    const headDim = y.shape[3];
    const ones = tf.ones([headDim]), zeros = tf.zeros([headDim]);
    const each = joinHeads(
      layerNorm(y, ones, zeros, { epsilon: headDim * epsilon }),
    );
    const normal = tf.add(
      tf.mul(each, parameters("g_norm.weight")),
      parameters("g_norm.bias"),
    );
    const weights = tf.expandDims(parameters("r_k"), 1);
    const score = tf.sum(tf.mul(tf.mul(r, k), weights), 3, true);
    const bonus = joinHeads(tf.mul(score, v));
    const gated: tf.Tensor3D = tf.mul(tf.add(normal, bonus), gate);
    return applyMatrix(gated, "o_proj.", parameters);
  };
  return {
    readsFirst: !isFirst,
    parameters: (shape) => parametersOf(shape.at(-1)!, options),
    apply(x, parameters, call) {
      const { causal, form, chunkSize, mask, segments, epsilon, first } = call;
      const convolve = convolveWhole(call);
      const reading = { ...options, convolve, first };
      const given = projected(x, parameters, reading);
      const { gate: _gate, ...inputs } = given;
      const y = rwkv7(
        inputs,
        deltaOptions({ causal, form, chunkSize, mask, segments }),
      );
      return output(y, given, parameters, epsilon);
    },
    ...(passes && {
      passFirst(x, parameters, call) {
        const mixed = mixes(x, parameters, convolveWhole(call));
        return applyMatrix(mixed("v"), "v_proj.", parameters);
      },
    }),
    step(x, parameters, before, { mask, epsilon, first }) {
      const near = convolveNext(before, mask);
      const { convolve } = near;
      const reading = { ...options, convolve, first };
      const given = projected(x, parameters, reading);
      const { r, logDecay, k, v, a, b } = given;
      const { y, state } = transitionStep(
        (before?.["state"] ?? null) as tf.Tensor4D | null,
        { q: r, ...{ k, v, a, b, logDecay, mask } },
        { scale: 1 },
      );
      return {
        y: output(y, given, parameters, epsilon),
        state: { ...near.state, state },
        ...(passes ? { first: joinHeads(v) } : {}),
      };
    },
    perceptron: (hidden) => channelMix(hidden, layer),
    operations: (shape) =>
      matrixOperations(parametersOf(shape.at(-1)!, options), shape),
    cost(shape, call) {
      const [batch, length, dim] = shape as [number, number, number];
      const headDim = dim / numHeads;
      const heads = { heads: numHeads, headDim, valueDim: headDim };
      return deltaCost({ batch, length, ...heads }, call, {
        gates: headDim,
        isUntied: true,
      });
    },
  };
}

/** RWKV-7's inputs, and the gate of its output, `[batch, length, dim]`. */
type Projected =
  & { readonly [name in keyof Omit<Rwkv7Inputs, "initialState">]: tf.Tensor4D }
  & { readonly gate: tf.Tensor3D };

/** Projects x, `[batch, length, dim]`. */
function projected(
  x: tf.Tensor3D,
  parameters: Parameters,
  { numHeads, negativeEigenvalues = false, convolve, first }: GateOptions & {
    readonly numHeads: number;
    readonly convolve: Convolve;
    /** The first layer's values, in later layers. */
    readonly first: tf.Tensor3D | undefined;
  },
): Projected {
  const heads = (x: tf.Tensor3D) => toHeads(x, numHeads);
  const mixed = mixes(x, parameters, convolve);
  const lowRank = (
    name: Mix,
    x: tf.Tensor3D,
    between: (x: tf.Tensor3D) => tf.Tensor3D = (x) => x,
  ) => {
    const few = applyMatrix(x, `${name}_lora.lora.0.`, parameters);
    const up = name === "g" ? applyMatrix : applyLinear;
    return up(between(few), `${name}_lora.lora.2.`, parameters);
  };
  const ofValues = mixed("v");
  const own = applyMatrix(ofValues, "v_proj.", parameters);
  const v: tf.Tensor3D = first
    ? tf.add(
      own,
      tf.mul(tf.sub(first, own), tf.sigmoid(lowRank("v", ofValues))),
    )
    : own;
  const rate = tf.sigmoid(lowRank("a", mixed("a")));
  const keys = applyMatrix(mixed("k"), "k_proj.", parameters);
  const removed = ofLengthOne(
    heads(tf.mul(keys, parameters("k_k"))),
    SMALLEST,
  );
  const written = negativeEigenvalues ? tf.mul(rate, 2) : rate;
  const change = tf.mul(tf.sub(rate, 1), parameters("k_a"));
  const decays = tf.sigmoid(lowRank("w", mixed("w"), tf.tanh));
  const logDecay = tf.mul(decays, LEAST_LOG_DECAY);
  return {
    r: heads(applyMatrix(mixed("r"), "r_proj.", parameters)),
    logDecay: heads(logDecay as tf.Tensor3D),
    k: heads(tf.mul(keys, tf.add(change, 1))),
    v: heads(v),
    a: tf.neg(removed),
    b: tf.mul(removed, heads(written as tf.Tensor3D)),
    gate: lowRank("g", mixed("g"), tf.sigmoid),
  };
}

/** The square of PyTorch's smallest length of vectors that are scaled to unit length. */
const SMALLEST = 1e-24;

/** Mixes each token with the one before it, by the weights of a projection. */
function mixes(
  x: tf.Tensor3D,
  parameters: Parameters,
  convolve: Convolve,
): (name: Mix) => tf.Tensor3D {
  const change = changeIn(x, convolve);
  return (name) => tf.add(x, tf.mul(change, parameters(`x_${name}`)));
}

/** The token before each one, minus the token; see {@linkcode Convolve}. */
function changeIn(x: tf.Tensor3D, convolve: Convolve): tf.Tensor3D {
  const channels = x.shape[2];
  const taps = tf.concat([tf.ones([channels, 1]), tf.zeros([channels, 1])], 1);
  const near = convolve(x, { name: "shift", taps: taps as tf.Tensor2D });
  return tf.sub(near, x);
}

/**
 * RWKV-7's channel mix, in place of a block's perceptron: the square of ReLU of a linear
 * map of each token, mixed with the one before it, and a linear map back.
 */
function channelMix(
  hidden: number,
  [index, count]: Rwkv7MixerOptions["layer"],
): Mixer {
  const parametersOf = (dim: number): Parameter[] => [
    {
      name: "x_k",
      shape: [dim],
      initial: shares(dim, (n) => 1 - (n / dim) ** ((1 - index / count) ** 4)),
    },
    ...withInitial(
      matrix("key.", dim, hidden),
      orthogonal([dim, hidden]),
    ),
    ...withInitial(matrix("value.", hidden, dim), "zeros"),
  ];
  const run = (x: tf.Tensor3D, parameters: Parameters, convolve: Convolve) => {
    const change = tf.mul(changeIn(x, convolve), parameters("x_k"));
    const keys = applyMatrix(tf.add(x, change), "key.", parameters);
    return applyMatrix(
      tf.square(tf.relu(keys)) as tf.Tensor3D,
      "value.",
      parameters,
    );
  };
  return {
    parameters: (shape) => parametersOf(shape.at(-1)!),
    apply: (x, parameters, call) => run(x, parameters, convolveWhole(call)),
    step(x, parameters, before, { mask }) {
      const near = convolveNext(before, mask);
      return { y: run(x, parameters, near.convolve), state: near.state };
    },
    operations: (shape) => matrixOperations(parametersOf(shape.at(-1)!), shape),
  };
}

/** The powers of a channel's place in its initial weight for each projection. */
const POWERS: Readonly<Record<Mix, number>> = {
  ...{ r: 0.2, w: 0.9, k: 0.7, v: 0.7, a: 0.9, g: 0.2 },
};

function parametersOf(
  dim: number,
  { numHeads, layer: [index, count], ranks }: Rwkv7MixerOptions,
): Parameter[] {
  const headDim = dim / numHeads;
  const [ofDecays, ofRates, ofValues, ofGates] = ranks ??
    ranksOf(dim, headDim);
  const depth = count > 1 ? index / (count - 1) : 0;
  const rest = 1 - index / count;
  const linearly = (n: number) => n / Math.max(dim - 1, 1) - 0.5;
  const zigzag = (n: number) => {
    const middle = (headDim - 1) / 2;
    const u = (n % headDim - middle) / Math.max(middle, 0.5);
    return u * Math.abs(u);
  };
  const ofEach = (name: string, value: (n: number) => number): Parameter => ({
    ...{ name, shape: [dim], initial: shares(dim, value) },
  });
  const lowRank = (
    name: string,
    rank: number,
    bias?: (n: number) => number,
  ): Parameter[] => {
    const gain = 0.1 * Math.max(1, Math.sqrt(rank / dim));
    const up = withInitial(
      linear(`${name}_lora.lora.2.`, rank, dim),
      orthogonal([rank, dim], gain),
    );
    return [
      ...withInitial(matrix(`${name}_lora.lora.0.`, dim, rank), "zeros"),
      ...(bias ? withBias(up, shares(dim, bias)) : up.slice(0, 1)),
    ];
  };
  const scale = ((index + 1) / count) ** 0.7;
  return [
    ...MIXES.map((name): Parameter => ({
      name: `x_${name}`,
      shape: [1, 1, dim],
      initial: shares(
        dim,
        (n) => 1 - (n / dim) ** (POWERS[name] * rest),
        [1, 1, dim],
      ),
    })),
    ofEach("k_k", (n) => 0.71 - 0.1 * linearly(n)),
    ofEach("k_a", () => 1.02),
    {
      name: "r_k",
      shape: [numHeads, headDim],
      initial: shares(dim, () => -0.04, [numHeads, headDim]),
    },
    ...withInitial(matrix("r_proj.", dim, dim), orthogonal([dim, dim])),
    ...withInitial(matrix("k_proj.", dim, dim), orthogonal([dim, dim], 0.1)),
    ...withInitial(matrix("v_proj.", dim, dim), orthogonal([dim, dim])),
    ...withInitial(matrix("o_proj.", dim, dim), "zeros"),
    ...lowRank(
      "w",
      ofDecays,
      (n) =>
        -5.5 + 6 * (n / Math.max(dim - 1, 1)) ** (1 + depth ** 0.3) +
        2.5 * zigzag(n),
    ),
    ...(index === 0
      ? []
      : lowRank("v", ofValues, (n) => 0.73 - 0.4 * linearly(n))),
    ...lowRank(
      "a",
      ofRates,
      (n) => -0.19 + 0.3 * zigzag(n) + 0.4 * linearly(n),
    ),
    ...lowRank("g", ofGates),
    ...norm("g_norm.", dim).map((parameter, i) =>
      i === 0 ? { ...parameter, initial: shares(dim, () => scale) } : parameter
    ),
  ];
}

/** The ranks of the authors' models of this width. */
function ranksOf(
  dim: number,
  headDim: number,
): NonNullable<Rwkv7MixerOptions["ranks"]> {
  const rankOf = (factor: number) =>
    Math.max(32, 32 * Math.round(factor * Math.sqrt(dim) / 32));
  const ofHead = headDim / 64;
  return [
    ...[rankOf(2.5 * ofHead), rankOf(2.5 * ofHead)] as const,
    ...[rankOf(1.7 * ofHead), rankOf(5)] as const,
  ];
}

/** Initial values of one number per channel, from its index. */
function shares(
  count: number,
  value: (index: number) => number,
  shape: number[] = [count],
): Parameter["initial"] {
  return {
    values: () =>
      tf.tensor(Array.from({ length: count }, (_, n) => value(n)), shape),
  };
}

/** Replaces the initial values of the weight of a linear map, the first of its parameters. */
function withInitial(
  [weight, ...others]: readonly Parameter[],
  initial: Parameter["initial"],
): Parameter[] {
  return [{ ...weight!, initial }, ...others];
}

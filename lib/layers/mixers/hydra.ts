/**
 * Hydra's mixer: two Mamba-2 scans and a diagonal, one quasiseparable matrix.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../../attention/decays/decay.ts";
import { lionAttention } from "../../attention/lion_attention.ts";
import { assertOptions, assertPositiveInteger, optionsOf } from "@lionjs/base";
import { dense } from "../../operations/dense/dense.ts";
import { shortConvolution } from "../../operations/short_convolution/short_convolution.ts";
import { applyMatrix, matrix } from "../linear.ts";
import type { Parameter, Parameters } from "../lion_layer.ts";
import type { Mixer, MixerCall } from "../mixer.ts";
import { applyRmsNorm, scaleOnly } from "../normalization.ts";
import { convolution, tapsOf } from "./convolution.ts";
import { attentionCost } from "./family.ts";
import { stepBias } from "./decay_rates.ts";
import { denseParts, matrixOperations, softplus } from "./projections.ts";
import {
  type BidirectionalInputs,
  inBothDirections,
  joinDirections,
  splitDirections,
} from "../../operations/directions/directions.ts";

/** Options of {@linkcode hydraMixer}. */
export interface HydraMixerOptions {
  /** Columns of queries and keys, which all heads share. @default 64 */
  stateDim?: number | undefined;
  /** Number of taps of the convolution, odd. @default 7 */
  convSize?: number | undefined;
  /**
   * Channels of the values, as a multiple of the input's columns. @default 2
   */
  expand?: number | undefined;
  /**
   * Channels per head; must divide the number of channels.
   * @default 64, or as `numHeads` implies
   */
  headDim?: number | undefined;
  /** Number of heads, instead of `headDim`. @default as `headDim` implies */
  numHeads?: number | undefined;
}

const OPTIONS = optionsOf<HydraMixerOptions>()(
  "stateDim convSize expand headDim numHeads",
);

const HEAD_DIM = 64;

/** Epsilon of the normalisation in the authors' code, whatever the layer's. */
const EPSILON = 1e-5;

/**
 * Makes Hydra's mixer: attention from both ends, each with its own queries c,
 * keys b, time steps Δ and decays e^{Δ a}, shifted by one token, so that a
 * token attends to itself only through a diagonal δ:
 *
 *     y_i = c_{i-1} · S_{i-1} + c'_{i+1} · S'_{i+1} + δ_i x_i
 *     S_i = e^{Δ_i a} S_{i-1} + b_i Δ_i x_i
 *
 * with the SiLU of a centred convolution before it, and a normalisation, a gate
 * and a projection after it. It is bidirectional and has no causal version.
 *
 * Its parameters have the names and layouts of the authors' module.
 *
 * Source: Hwang et al. 2024 (arXiv:2407.09941), section 3, and its authors' code.
 *
 * @example In a layer
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hydraMixer, lionAttentionLayer } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const mixer = hydraMixer({ stateDim: 4, headDim: 8 });
 * const layer = lionAttentionLayer({ mixer });
 * const y = layer.apply(tf.ones([1, 5, 8])) as tf.Tensor;
 * assertEquals(y.shape, [1, 5, 8]);
 * ```
 *
 * @param options See {@linkcode HydraMixerOptions}.
 * @returns The mixer.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or, when it is
 * applied, the layer is causal or has one direction.
 */
export function hydraMixer(options: HydraMixerOptions = {}): Mixer {
  assertOptions("hydraMixer", options, OPTIONS);
  const { stateDim = 64, convSize = 7, expand = 2 } = options;
  const { headDim, numHeads } = options;
  const sizes = { stateDim, convSize, expand };
  const given = { ...sizes, headDim, numHeads };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    assertPositiveInteger(`hydraMixer's ${name}`, value);
  }
  if (headDim !== undefined && numHeads !== undefined) {
    throw new RangeError(
      `hydraMixer should get headDim or numHeads, got ${headDim} and ${numHeads}`,
    );
  }
  if (convSize % 2 === 0) {
    throw new RangeError(
      `hydraMixer's convSize should be odd, got ${convSize}`,
    );
  }
  const headsOf = (dim: number) => {
    const channels = expand * dim;
    const heads = numHeads ?? channels / (headDim ?? HEAD_DIM);
    if (Number.isInteger(heads) && channels % heads === 0) return heads;
    const name = numHeads === undefined ? "headDim" : "numHeads";
    throw new RangeError(
      `hydraMixer's ${name} should divide its ${channels} channels, got ${
        numHeads ?? headDim ?? HEAD_DIM
      }`,
    );
  };
  return {
    parameters: (shape) =>
      parametersOf(shape.at(-1)!, headsOf(shape.at(-1)!), sizes),
    apply(x, parameters, call) {
      if (call.causal) {
        throw new RangeError(
          "hydra should attend to both sides, got causal or another direction; " +
            'variant "mamba2" reads one',
        );
      }
      const heads = headsOf(x.shape[2]);
      return mix(x, parameters, call, { ...sizes, heads });
    },
    operations(shape) {
      const dim = shape.at(-1)!;
      const matrices = parametersOf(dim, headsOf(dim), sizes);
      return matrixOperations(matrices, shape);
    },
    cost([batch, length, dim], call) {
      // Both directions run as causal attention, as one doubled batch.
      const heads = headsOf(dim!);
      return attentionCost(
        {
          batch: 2 * batch!,
          heads,
          keyHeads: 1,
          length: length!,
          headDim: stateDim,
          valueDim: expand * dim! / heads,
        },
        { ...call, causal: true },
        false,
      );
    },
  };
}

interface Sizes {
  readonly stateDim: number;
  readonly convSize: number;
  readonly expand: number;
}

function parametersOf(
  dim: number,
  heads: number,
  { stateDim, convSize, expand }: Sizes,
): Parameter[] {
  const channels = expand * dim;
  const mixed = channels + 4 * stateDim;
  return [
    ...matrix("in_proj.", dim, channels + mixed + 2 * heads),
    ...convolution("conv1d.", mixed, convSize),
    { name: "dt_bias", shape: [heads], initial: stepBias(heads) },
    { name: "A_log", shape: [heads], initial: "zeros" },
    { name: "D", shape: [heads], initial: "ones" },
    ...matrix("fc_D.", channels, heads),
    ...scaleOnly("norm.", channels),
    ...matrix("out_proj.", channels, dim),
  ];
}

/**
 * Hydra's mixer without its layer: maps rows, `[batch, length, dim]`, to the
 * same shape.
 */
function mix(
  rows: tf.Tensor3D,
  parameters: Parameters,
  call: MixerCall,
  { stateDim, expand, heads }: Sizes & { readonly heads: number },
): tf.Tensor3D {
  const { mask, segments } = call;
  const channels = expand * rows.shape[2];
  const [gate, projected, rates] = denseParts(
    rows,
    parameters("in_proj.weight") as tf.Tensor2D,
    [channels, channels + 4 * stateDim, 2 * heads],
  );
  const mixed = shortConvolution(
    projected!,
    tapsOf(parameters("conv1d.weight")),
    parameters("conv1d.bias") as tf.Tensor1D,
    {
      place: "centred",
      activation: "silu",
      mask,
      segments,
    },
  );
  const bias = parameters("dt_bias") as tf.Tensor1D;
  const steps = softplus(tf.add(rates!, tf.concat([bias, bias])));
  const [forward, backward] = tf.split(
    tf.transpose(steps, [0, 2, 1]),
    2,
    1,
  ) as tf.Tensor3D[];
  const dt = inBothDirections(forward!, backward!, 2);
  const { x, ...inputs } = splitDirections(mixed, dt, stateDim);
  const rate = tf.exp(parameters("A_log"));
  const logDecay = tf.neg(tf.mul(dt, tf.expandDims(rate, 1))) as tf.Tensor3D;
  const own = dense(
    x,
    parameters("fc_D.weight") as tf.Tensor2D,
    parameters("D") as tf.Tensor1D,
  ) as tf.Tensor3D;
  const y = joinDirections(attend(inputs, logDecay, call), x, own, segments);
  const normal = applyRmsNorm(y, "norm.", parameters, EPSILON, gate!);
  return applyMatrix(normal, "out_proj.", parameters);
}

/**
 * Causal linear attention of both directions, each token included:
 * `[2 · batch, heads, length, headDim]`.
 */
function attend(
  { q, k, v }: Omit<BidirectionalInputs, "x">,
  logDecay: tf.Tensor3D,
  { mask, segments, form, chunkSize }: MixerCall,
): tf.Tensor4D {
  return lionAttention(q, k, v, {
    decay: selectiveDecay(logDecay, { convention: "arrival" }),
    ...{ causal: true, normalize: false, scale: 1, form },
    chunkSize,
    mask: mask && inBothDirections(mask, mask),
    segments: segments && inBothDirections(segments, segments),
  });
}

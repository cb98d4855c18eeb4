/**
 * Hydra's mixer: two Mamba-2 scans and a diagonal, one quasiseparable matrix.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../../attention/decay.ts";
import { spread } from "../../attention/decay_pair.ts";
import { lionAttention } from "../../attention/lion_attention.ts";
import { assertOptions, type OptionNames } from "../../contract/options.ts";
import { assertPositiveInteger } from "../../contract/values.ts";
import { dense } from "../../operations/dense.ts";
import { joinHeads } from "../../operations/heads.ts";
import { endsOf } from "../../operations/segments.ts";
import { shortConvolution } from "../../operations/short_convolution.ts";
import { linear } from "../linear.ts";
import type { Parameter, Parameters } from "../lion_layer.ts";
import type { Mixer, MixerCall } from "../mixer.ts";
import { applyRmsNorm, scaleOnly } from "../normalization.ts";
import { convolution, tapsOf } from "./convolution.ts";
import { attentionCost } from "./family.ts";
import { stepBias } from "./paces.ts";
import { matrixOperations, silu, softplus, toHeads } from "./projections.ts";

/** Options of {@linkcode hydraMixer}. */
export interface HydraMixerOptions {
  /** Columns of queries and keys, which all heads share. @default 64 */
  stateDim?: number;
  /** Number of taps of the convolution, odd. @default 7 */
  convSize?: number;
  /**
   * Channels of the values, as a multiple of the input's columns. @default 2
   */
  expand?: number;
  /**
   * Channels per head; must divide the number of channels.
   * @default 64, or as `numHeads` implies
   */
  headDim?: number;
  /** Number of heads, instead of `headDim`. @default as `headDim` implies */
  numHeads?: number;
}

const OPTIONS: OptionNames<HydraMixerOptions> = {
  stateDim: true,
  convSize: true,
  expand: true,
  headDim: true,
  numHeads: true,
};

/** Default channels per head. */
const HEAD_DIM = 64;

/** The authors' epsilon of the normalisation, whatever the layer's. */
const EPSILON = 1e-5;

/**
 * Hydra's mixer: attention from both ends, each with its own queries c, keys b,
 * time steps Δ and decays e^{Δ a}, shifted by one token, so that a token
 * attends to itself only through a diagonal δ:
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
      // Both directions run as causal attention, side by side.
      const heads = headsOf(dim!);
      return attentionCost(
        {
          batch: 2 * batch!,
          heads,
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
  const weight = (name: string, inputs: number, outputs: number) =>
    linear(`${name}.`, inputs, outputs).slice(0, 1);
  const mixed = channels + 4 * stateDim;
  return [
    ...weight("in_proj", dim, channels + mixed + 2 * heads),
    ...convolution("conv1d.", mixed, convSize),
    { name: "dt_bias", shape: [heads], initial: stepBias(heads) },
    { name: "A_log", shape: [heads], initial: "zeros" },
    { name: "D", shape: [heads], initial: "ones" },
    ...weight("fc_D", channels, heads),
    ...scaleOnly("norm.", channels),
    ...weight("out_proj", channels, dim),
  ];
}

function mix(
  rows: tf.Tensor3D,
  parameters: Parameters,
  call: MixerCall,
  { stateDim, expand, heads }: Sizes & { readonly heads: number },
): tf.Tensor3D {
  const { mask, segments } = call;
  const channels = expand * rows.shape[2];
  const [gate, mixed, ...steps] = tf.split(
    dense(rows, parameters("in_proj.weight") as tf.Tensor2D) as tf.Tensor3D,
    [channels, channels + 4 * stateDim, heads, heads],
    2,
  ) as tf.Tensor3D[];
  const convolved = shortConvolution(
    mixed!,
    tapsOf(parameters("conv1d.weight")),
    parameters("conv1d.bias") as tf.Tensor1D,
    {
      place: "centred",
      activation: "silu",
      ...(mask ? { mask } : {}),
      ...(segments ? { segments } : {}),
    },
  );
  const [x, ...vectors] = tf.split(
    convolved,
    [channels, stateDim, stateDim, stateDim, stateDim],
    2,
  ) as tf.Tensor3D[];
  const [b, c, backwardB, backwardC] = vectors as [
    tf.Tensor3D,
    tf.Tensor3D,
    tf.Tensor3D,
    tf.Tensor3D,
  ];
  const bias = parameters("dt_bias");
  const dt = steps.map((x) => softplus(tf.add(x, bias)) as tf.Tensor3D);
  const read = readBothSides({
    x: x!,
    dt: fromEnds(dt[0]!, dt[1]!),
    b: fromEnds(b, backwardB),
    c: fromEnds(c, backwardC),
    pace: tf.exp(parameters("A_log")) as tf.Tensor1D,
  }, call);
  const own = dense(
    x!,
    parameters("fc_D.weight") as tf.Tensor2D,
    parameters("D") as tf.Tensor1D,
  );
  const [batch, length] = rows.shape;
  const perHead = [batch, length, heads, channels / heads];
  const diagonal = tf.mul(tf.reshape(x!, perHead), tf.expandDims(own, 3));
  const y = tf.add(read, tf.reshape(diagonal, read.shape)) as tf.Tensor3D;
  const normal = applyRmsNorm(y, "norm.", parameters, EPSILON);
  return dense(
    tf.mul(normal, silu(gate!)),
    parameters("out_proj.weight") as tf.Tensor2D,
  ) as tf.Tensor3D;
}

/** The inputs from both ends, concatenated along the batch. */
interface FromEnds {
  /** `[batch, length, channels]`, shared by both ends. */
  readonly x: tf.Tensor3D;
  /** `[2 · batch, length, heads]` */
  readonly dt: tf.Tensor3D;
  /** `[2 · batch, length, stateDim]` */
  readonly b: tf.Tensor3D;
  readonly c: tf.Tensor3D;
  /** `[heads]` */
  readonly pace: tf.Tensor1D;
}

/** What each token reads from the tokens before it and after it. */
function readBothSides(
  { x, dt, b, c, pace }: FromEnds,
  { mask, segments, form, chunkSize }: MixerCall,
): tf.Tensor3D {
  const [, length, heads] = dt.shape, [batch] = x.shape;
  const steps = tf.transpose(dt, [0, 2, 1]) as tf.Tensor3D;
  const ofAll = (x: tf.Tensor3D) =>
    spread(tf.expandDims(x, 1), [2 * batch, heads, length, x.shape[2]]);
  const values = tf.mul(
    toHeads(fromEnds(x, x), heads),
    tf.expandDims(steps, 3),
  ) as tf.Tensor4D;
  const logDecay = tf.neg(tf.mul(steps, tf.expandDims(pace, 1)));
  const y = lionAttention(
    ofAll(c) as tf.Tensor4D,
    ofAll(b) as tf.Tensor4D,
    values,
    {
      decay: selectiveDecay(logDecay as tf.Tensor3D, {
        convention: "arrival",
      }),
      ...{ causal: true, normalize: false, scale: 1, form },
      ...(chunkSize ? { chunkSize } : {}),
      ...(mask ? { mask: fromEnds(mask, mask) } : {}),
      ...(segments ? { segments: fromEnds(segments, segments) } : {}),
    },
  );
  const [before, after] = tf.split(joinHeads(y), 2, 0) as tf.Tensor3D[];
  const ends = segments && endsOf(segments);
  return tf.add(
    afterBorders(next(before!), ends?.first),
    afterBorders(tf.reverse(next(after!), 1), ends?.last),
  );
}

/**
 * Concatenates one tensor, and the other with its tokens reversed, along the
 * batch.
 */
function fromEnds<T extends tf.Tensor>(forward: T, backward: T): T {
  return tf.concat([forward, tf.reverse(backward, 1)], 0);
}

/** Shifts rows by one token to the right. */
function next(x: tf.Tensor3D): tf.Tensor3D {
  const [batch, length, columns] = x.shape;
  const kept = tf.slice(x, [0, 0, 0], [batch, length - 1, columns]);
  return tf.pad(kept, [[0, 0], [1, 0], [0, 0]]);
}

/**
 * Zeros at the first tokens of segments, which nothing reaches across the
 * border.
 */
function afterBorders(
  x: tf.Tensor3D,
  ends: tf.Tensor2D | undefined,
): tf.Tensor3D {
  if (!ends) return x;
  return tf.mul(x, tf.cast(tf.logicalNot(tf.expandDims(ends, 2)), "float32"));
}

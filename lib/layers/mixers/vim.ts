/** The mixer of Vision Mamba: Mamba's selective scan from both ends. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertBoolean,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
} from "@lionjs/base";
import { dense } from "../../operations/dense/dense.ts";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { selectiveScan } from "../../operations/selective_scan/selective_scan.ts";
import {
  gated,
  scanFrom,
  type ScanInputs,
  stateBefore,
} from "../../operations/selective_scan/plain.ts";
import { shortConvolution } from "../../operations/short_convolution/short_convolution.ts";
import { applyMatrix, linear, matrix } from "../linear.ts";
import type { Parameter, Parameters, Shape } from "../lion_layer.ts";
import type { Mixer, MixerCall, MixerCost } from "../mixer.ts";
import { convolution, convolveNext, tapsOf } from "./convolution.ts";
import { stepBias } from "./decay_rates.ts";
import {
  denseParts,
  matrixOperations,
  softplus,
  withBias,
} from "./projections.ts";

/** Options of {@linkcode vimMixer}. */
export interface VimMixerOptions {
  /** Size of the state per channel. @default 16 */
  stateDim?: number | undefined;
  /** Number of taps of the convolutions. @default 4 */
  convSize?: number | undefined;
  /** Channels of the scan, as a multiple of the input's columns. @default 2 */
  expand?: number | undefined;
  /**
   * Rank of the projection to time steps.
   * @default a 16th of the input's columns, rounded up
   */
  stepRank?: number | undefined;
  /** Whether to average the two directions; `false` adds them. @default true */
  average?: boolean | undefined;
  /**
   * Whether to keep only the first direction: Mamba's own mixer, for text.
   * @default false
   */
  causal?: boolean | undefined;
}

const OPTIONS = optionsOf<VimMixerOptions>()(
  "stateDim convSize expand stepRank average causal",
);

/** Columns of the input per rank of the projection to time steps. */
const COLUMNS_A_STEP = 16;

/**
 * Makes Vision Mamba's mixer (bidirectional Mamba, "v2"): a projection to u and
 * z,
 *
 *     u' = SiLU(convolution of u)    Δ, b, c of projections of u'
 *     y  = selective scan of u', gated by SiLU(z)
 *
 * from both ends, each with its own parameters; then the mean of the two, and a
 * projection. With `causal`, it is Mamba's mixer, with the first direction
 * only.
 *
 * Its parameters have the names and layouts of the authors' module with
 * `bimamba_type="v2"`, whose `if_devide_out` is `average`.
 *
 * Source: Zhu et al. 2024 (arXiv:2401.09417), algorithm 1, and its authors' code.
 *
 * @example In a layer
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionAttentionLayer, vimMixer } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const layer = lionAttentionLayer({ mixer: vimMixer({ stateDim: 4 }) });
 * const y = layer.apply(tf.ones([1, 5, 8])) as tf.Tensor;
 * assertEquals(y.shape, [1, 5, 8]);
 * ```
 *
 * @param options See {@linkcode VimMixerOptions}.
 * @returns The mixer.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function vimMixer(options: VimMixerOptions = {}): Mixer {
  assertOptions("vimMixer", options, OPTIONS);
  const { stateDim = 16, convSize = 4, expand = 2, stepRank } = options;
  const { average = true, causal = false } = options;
  for (const [name, value] of Object.entries({ stateDim, convSize, expand })) {
    assertPositiveInteger(`vimMixer's ${name}`, value);
  }
  if (stepRank !== undefined) {
    assertPositiveInteger("vimMixer's stepRank", stepRank);
  }
  assertBoolean("vimMixer's average", average);
  assertBoolean("vimMixer's causal", causal);
  const directions = causal ? [FORWARD] : [FORWARD, BACKWARD];
  const sizes = { stateDim, convSize, expand, stepRank, directions };
  return {
    parameters: (shape) => parametersOf(shape.at(-1)!, sizes),
    apply(x, parameters, call) {
      if (call.causal && !causal) {
        throw new RangeError(
          "vimMixer should be causal where tokens read one side only; " +
            "pass it { causal: true }",
        );
      }
      const [taken, gate] = projected(x, parameters);
      const scans = directions.map((direction) =>
        scanOf(taken, gate, parameters, call, direction)
      );
      const y = scans.length === 1 ? scans[0]! : tf.addN(scans);
      const mean = average && !causal ? tf.mul(y, 0.5) : y;
      return applyMatrix(mean as tf.Tensor3D, "out_proj.", parameters);
    },
    ...(causal ? { step: stepOf } : {}),
    operations: (shape) =>
      matrixOperations(parametersOf(shape.at(-1)!, sizes), shape),
    cost: (shape) => scanCost(shape, sizes),
  };
}

interface Sizes {
  readonly stateDim: number;
  readonly convSize: number;
  readonly expand: number;
  readonly stepRank: number | undefined;
  readonly directions: readonly Direction[];
}

/** The names of a direction's parameters: their suffix, and the decay rate's name. */
interface Direction {
  readonly suffix: string;
  readonly rate: string;
}

const FORWARD: Direction = { suffix: "", rate: "A_log" };
const BACKWARD: Direction = { suffix: "_b", rate: "A_b_log" };

function parametersOf(
  dim: number,
  { stateDim, convSize, expand, stepRank, directions }: Sizes,
): Parameter[] {
  const channels = expand * dim;
  const rank = stepRank ?? Math.ceil(dim / COLUMNS_A_STEP);
  const ofDirection = ({ suffix, rate }: Direction): Parameter[] => [
    {
      name: rate,
      shape: [channels, stateDim],
      initial: { values: () => pacesOf(channels, stateDim) },
    },
    { name: `D${suffix}`, shape: [channels], initial: "ones" },
    ...convolution(`conv1d${suffix}.`, channels, convSize),
    ...matrix(`x_proj${suffix}.`, channels, rank + 2 * stateDim),
    ...withBias(
      linear(`dt_proj${suffix}.`, rank, channels),
      stepBias(channels),
    ),
  ];
  return [
    ...matrix("in_proj.", dim, 2 * channels),
    ...directions.flatMap(ofDirection),
    ...matrix("out_proj.", channels, dim),
  ];
}

/**
 * The logarithms of S4D-Real's decay rates, log 1, log 2, … for each channel:
 * `[channels, stateDim]`.
 */
function pacesOf(channels: number, stateDim: number): tf.Tensor2D {
  return tf.tidy(() => {
    const rates = tf.log(tf.range(1, stateDim + 1));
    return tf.tile(tf.expandDims(rates, 0), [channels, 1]) as tf.Tensor2D;
  });
}

/**
 * Projects x, `[batch, length, dim]`, to the scans' input and gate,
 * `[batch, length, channels]` each.
 */
function projected(
  x: tf.Tensor3D,
  parameters: Parameters,
): [tf.Tensor3D, tf.Tensor3D] {
  const weight = parameters("in_proj.weight") as tf.Tensor2D;
  const channels = weight.shape[1] / 2;
  const [taken, gate] = denseParts(x, weight, [channels, channels]);
  return [taken!, gate!];
}

/** Runs convolution, scan and gate of one direction; `[batch, length, channels]`. */
function scanOf(
  taken: tf.Tensor3D,
  z: tf.Tensor3D,
  parameters: Parameters,
  { mask, segments }: Pick<MixerCall, "mask" | "segments">,
  direction: Direction,
): tf.Tensor3D {
  const reading = {
    reverse: direction === BACKWARD,
    mask,
    segments,
  };
  const { taps, bias, activation } = convolutionOf(parameters, direction);
  const x = shortConvolution(taken, taps, bias, { ...reading, activation });
  const inputs = selected(x, parameters, direction);
  return selectiveScan({ ...inputs, z }, reading);
}

/** The short convolution of one direction, with SiLU. */
function convolutionOf(parameters: Parameters, { suffix }: Direction) {
  return {
    taps: tapsOf(parameters(`conv1d${suffix}.weight`)),
    bias: parameters(`conv1d${suffix}.bias`) as tf.Tensor1D,
    activation: "silu",
  } as const;
}

/**
 * Projects x, `[batch, length, channels]`, to the inputs of its selective scan:
 * time steps, b and c.
 */
function selected(
  x: tf.Tensor3D,
  parameters: Parameters,
  { suffix, rate }: Direction,
): Omit<ScanInputs, "z" | "begins"> {
  const weight = parameters(`dt_proj${suffix}.weight`) as tf.Tensor2D;
  const bias = parameters(`dt_proj${suffix}.bias`) as tf.Tensor1D;
  const rates = parameters(rate) as tf.Tensor2D;
  const [rank, stateDim] = [weight.shape[0], rates.shape[1]];
  const [steps, b, c] = denseParts(
    x,
    parameters(`x_proj${suffix}.weight`) as tf.Tensor2D,
    [rank, stateDim, stateDim],
  );
  return {
    x,
    dt: softplus(dense(steps!, weight, bias)) as tf.Tensor3D,
    a: tf.neg(tf.exp(rates)),
    b: b!,
    c: c!,
    d: parameters(`D${suffix}`) as tf.Tensor1D,
  };
}

/**
 * Runs Mamba on the next tokens. Its state is the scan's state, and the last
 * rows, which the next convolution reads again.
 */
const stepOf: NonNullable<Mixer["step"]> = (
  rows,
  parameters,
  before,
  { mask },
) => {
  const present = (x: tf.Tensor3D) => mask ? withoutPadding(x, mask) : x;
  const [taken, z] = projected(rows, parameters);
  const near = convolveNext(before, mask);
  const x = near.convolve(taken, {
    name: "taken",
    ...convolutionOf(parameters, FORWARD),
  });
  const own = selected(x, parameters, FORWARD);
  const inputs = {
    ...own,
    x: present(own.x),
    dt: present(own.dt),
    begins: undefined,
  };
  const state = (before?.["state"] ?? stateBefore(inputs)) as tf.Tensor4D;
  const scanned = scanFrom(state, inputs);
  const y = gated(scanned.read, { ...inputs, z });
  return {
    y: applyMatrix(y, "out_proj.", parameters),
    state: { state: scanned.state, ...near.state },
  };
};

/**
 * Operations per entry of the state: its decay, its update and the output; an
 * exponential counts as ten.
 */
const OPERATIONS_A_NUMBER = 16;

function scanCost(
  shape: Shape,
  { stateDim, convSize, expand, directions: { length: directions } }: Sizes,
): MixerCost {
  const [batch, length, dim] = shape as [number, number, number];
  const numbers = batch * length * expand * dim;
  // Traffic: x, dt, z and y of each direction; b and c, which all channels share.
  const bytes = directions * 4 * (4 * numbers + 2 * batch * length * stateDim);
  return {
    operations: directions * numbers *
      (OPERATIONS_A_NUMBER * stateDim + 2 * convSize),
    bytes,
    peakBytes: bytes,
  };
}

/** The mixer of Vision Mamba: Mamba's selective scan from both ends. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertOptions, type OptionNames } from "../../contract/options.ts";
import { assertBoolean, assertPositiveInteger } from "../../contract/values.ts";
import { dense } from "../../operations/dense.ts";
import { withoutPadding } from "../../operations/padding.ts";
import {
  selectiveScan,
  type SelectiveScanInputs,
} from "../../operations/selective_scan.ts";
import {
  gated,
  scanFrom,
  stateBefore,
} from "../../operations/selective_scan_plain.ts";
import {
  shortConvolution,
  type ShortConvolutionOptions,
} from "../../operations/short_convolution.ts";
import { linear } from "../linear.ts";
import type { Parameter, Parameters, Shape } from "../lion_layer.ts";
import type { Mixer, MixerCall, MixerCost } from "../mixer.ts";
import { convolution, tapsOf } from "./convolution.ts";
import { stepBias } from "./paces.ts";
import { matrixOperations, softplus, withBias } from "./projections.ts";

/** Options of {@linkcode vimMixer}. */
export interface VimMixerOptions {
  /** Numbers of a channel's state. @default 16 */
  stateDim?: number;
  /** Taps of the convolutions. @default 4 */
  convSize?: number;
  /** Channels of the scan, in columns of the input. @default 2 */
  expand?: number;
  /** Columns that the time steps are made of. @default a 16th of the input's, rounded up */
  stepRank?: number;
  /** Whether the two directions are averaged; else added. @default true */
  average?: boolean;
  /** Whether there is the first direction only: Mamba's own mixer, for text. @default false */
  causal?: boolean;
}

const OPTIONS: OptionNames<VimMixerOptions> = {
  stateDim: true,
  convSize: true,
  expand: true,
  stepRank: true,
  average: true,
  causal: true,
};

/** Columns of the input for each column of the time steps. */
const COLUMNS_A_STEP = 16;

/**
 * Vision Mamba's mixer (bidirectional Mamba, "v2"): of a projection to u and z,
 *
 *     u' = SiLU(convolution of u)    Δ, b, c of projections of u'
 *     y  = selective scan of u', gated by SiLU(z)
 *
 * from both ends, with parameters of its own for each; then the mean of the two,
 * and a projection. Causal, it is Mamba's mixer, with the first direction only.
 *
 * Parameters have the names and layouts of the authors' module with
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
            "give it { causal: true }",
        );
      }
      const [taken, gate] = projected(x, parameters);
      const scans = directions.map((direction) =>
        scanOf(taken, gate, parameters, call, direction)
      );
      const y = scans.length === 1 ? scans[0]! : tf.addN(scans);
      return project(
        average && !causal ? tf.mul(y, 0.5) : y,
        "out_proj",
        parameters,
      );
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

/** What the names of a direction's parameters have after them, and the pace's. */
interface Direction {
  readonly suffix: string;
  readonly pace: string;
}

const FORWARD: Direction = { suffix: "", pace: "A_log" };
const BACKWARD: Direction = { suffix: "_b", pace: "A_b_log" };

function parametersOf(
  dim: number,
  { stateDim, convSize, expand, stepRank, directions }: Sizes,
): Parameter[] {
  const channels = expand * dim;
  const rank = stepRank ?? Math.ceil(dim / COLUMNS_A_STEP);
  const weight = (name: string, inputs: number, outputs: number) =>
    linear(`${name}.`, inputs, outputs).slice(0, 1);
  const ofDirection = ({ suffix, pace }: Direction): Parameter[] => [
    {
      name: pace,
      shape: [channels, stateDim],
      initial: { values: () => pacesOf(channels, stateDim) },
    },
    { name: `D${suffix}`, shape: [channels], initial: "ones" },
    ...convolution(`conv1d${suffix}.`, channels, convSize),
    ...weight(`x_proj${suffix}`, channels, rank + 2 * stateDim),
    ...withBias(
      linear(`dt_proj${suffix}.`, rank, channels),
      stepBias(channels),
    ),
  ];
  return [
    ...weight("in_proj", dim, 2 * channels),
    ...directions.flatMap(ofDirection),
    ...weight("out_proj", channels, dim),
  ];
}

/** log 1, log 2, … for each channel: S4D-Real's paces. */
function pacesOf(channels: number, stateDim: number): tf.Tensor2D {
  return tf.tidy(() => {
    const paces = tf.log(tf.range(1, stateDim + 1));
    return tf.tile(tf.expandDims(paces, 0), [channels, 1]) as tf.Tensor2D;
  });
}

function project(
  x: tf.Tensor3D,
  name: string,
  parameters: Parameters,
): tf.Tensor3D {
  const weight = parameters(`${name}.weight`) as tf.Tensor2D;
  return dense(x, weight) as tf.Tensor3D;
}

/** What the scans take up, and what gates them. */
function projected(
  x: tf.Tensor3D,
  parameters: Parameters,
): [tf.Tensor3D, tf.Tensor3D] {
  const columns = project(x, "in_proj", parameters);
  return tf.split(columns, 2, 2) as [tf.Tensor3D, tf.Tensor3D];
}

/** One direction, gated. */
function scanOf(
  taken: tf.Tensor3D,
  z: tf.Tensor3D,
  parameters: Parameters,
  { mask, segments }: Pick<MixerCall, "mask" | "segments">,
  direction: Direction,
): tf.Tensor3D {
  const reading = {
    reverse: direction === BACKWARD,
    ...(mask ? { mask } : {}),
    ...(segments ? { segments } : {}),
  };
  const x = convolved(taken, parameters, direction, reading);
  const inputs = selected(x, parameters, direction);
  return selectiveScan({ ...inputs, z }, reading);
}

function convolved(
  taken: tf.Tensor3D,
  parameters: Parameters,
  { suffix }: Direction,
  reading: ShortConvolutionOptions = {},
): tf.Tensor3D {
  return shortConvolution(
    taken,
    tapsOf(parameters(`conv1d${suffix}.weight`)),
    parameters(`conv1d${suffix}.bias`) as tf.Tensor1D,
    { ...reading, activation: "silu" },
  );
}

/** What a scan of x reads beside it. */
function selected(
  x: tf.Tensor3D,
  parameters: Parameters,
  { suffix, pace }: Direction,
): Required<Omit<SelectiveScanInputs, "z">> {
  const weight = parameters(`dt_proj${suffix}.weight`) as tf.Tensor2D;
  const bias = parameters(`dt_proj${suffix}.bias`) as tf.Tensor1D;
  const paces = parameters(pace) as tf.Tensor2D;
  const [rank, stateDim] = [weight.shape[0], paces.shape[1]];
  const [steps, b, c] = tf.split(
    project(x, `x_proj${suffix}`, parameters),
    [rank, stateDim, stateDim],
    2,
  ) as tf.Tensor3D[];
  return {
    x,
    dt: softplus(dense(steps!, weight, bias)) as tf.Tensor3D,
    a: tf.neg(tf.exp(paces)),
    b: b!,
    c: c!,
    d: parameters(`D${suffix}`) as tf.Tensor1D,
  };
}

/** Mamba for the tokens that come next: it remembers a state, and what the next tokens' convolutions read. */
const stepOf: NonNullable<Mixer["step"]> = (
  rows,
  parameters,
  before,
  { mask },
) => {
  const present = (x: tf.Tensor3D) => mask ? withoutPadding(x, mask) : x;
  const [taken, z] = projected(rows, parameters);
  const [batch, length, channels] = taken.shape;
  const reach = tapsOf(parameters("conv1d.weight")).shape[1] - 1;
  const earlier = (before?.taken ??
    tf.zeros([batch, reach, channels])) as tf.Tensor3D;
  const joined = tf.concat([earlier, present(taken)], 1);
  const line = mask ? closedUp(joined, mask, reach) : joined;
  const x = convolved(line, parameters, FORWARD);
  const last = (x: tf.Tensor3D, count: number): tf.Tensor3D =>
    tf.slice(x, [0, reach + length - count, 0], [batch, count, channels]);
  const own = selected(last(x, length), parameters, FORWARD);
  const inputs = {
    ...own,
    x: present(own.x),
    dt: present(own.dt),
    begins: undefined,
  };
  const state = (before?.state ?? stateBefore(inputs)) as tf.Tensor4D;
  const scanned = scanFrom(state, inputs);
  const y = gated(scanned.read, { ...inputs, z });
  return {
    y: project(y, "out_proj", parameters),
    state: { state: scanned.state, taken: last(line, reach) },
  };
};

/**
 * Rows in which those of earlier tokens stand before the first new one, where
 * padding was between them; whatever is before them is not read.
 *
 * @param rows Those of `reach` earlier tokens, padding and the new tokens.
 * @param mask Of padding and new tokens.
 */
function closedUp(
  rows: tf.Tensor3D,
  mask: tf.Tensor2D,
  reach: number,
): tf.Tensor3D {
  const [batch, length, columns] = rows.shape;
  const isPadding = tf.cast(tf.equal(mask, 0), "int32");
  const padding = tf.sum(isPadding, 1, true);
  const places = tf.range(0, length, 1, "int32");
  const isEarlier = tf.less(places, tf.add(padding, reach));
  const moved = tf.mul(tf.cast(isEarlier, "int32"), padding);
  const from = tf.maximum(tf.sub(places, moved), 0);
  // Of all texts: without chained operations, tfjs's gather of batches has no
  // gradient.
  const texts = tf.expandDims(tf.range(0, batch), 1);
  const ofAll = tf.cast(tf.add(from, tf.mul(texts, length)), "int32");
  const flat = tf.reshape(rows, [batch * length, columns]);
  return tf.reshape(
    tf.gather(flat, tf.reshape(ofAll, [-1])),
    rows.shape,
  );
}

/** Operations of a number of a state: its decay, a step, and what is read; a power counts as ten. */
const OPERATIONS_A_NUMBER = 16;

/** Of scans and convolutions. */
function scanCost(
  shape: Shape,
  { stateDim, convSize, expand, directions: { length: directions } }: Sizes,
): MixerCost {
  const [batch, length, dim] = shape as [number, number, number];
  const numbers = batch * length * expand * dim;
  // x, dt, z and y of a direction, and the rows that all channels share.
  const bytes = directions * 4 * (4 * numbers + 2 * batch * length * stateDim);
  return {
    operations: directions * numbers *
      (OPERATIONS_A_NUMBER * stateDim + 2 * convSize),
    bytes,
    peakBytes: bytes,
  };
}

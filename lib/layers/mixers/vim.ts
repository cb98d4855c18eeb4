/** The mixer of Vision Mamba: Mamba's selective scan from both ends. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertOptions, type OptionNames } from "../../contract/options.ts";
import { assertBoolean, assertPositiveInteger } from "../../contract/values.ts";
import { dense } from "../../operations/dense.ts";
import { selectiveScan } from "../../operations/selective_scan.ts";
import { shortConvolution } from "../../operations/short_convolution.ts";
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
  /** Whether the two directions are averaged, where a token reads both; else added. @default true */
  average?: boolean;
}

const OPTIONS: OptionNames<VimMixerOptions> = {
  stateDim: true,
  convSize: true,
  expand: true,
  stepRank: true,
  average: true,
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
 * and a projection. Causal, as Mamba's, it has the first direction only.
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
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If an option has an impossible value.
 */
export function vimMixer(options: VimMixerOptions = {}): Mixer {
  assertOptions("vimMixer", options, OPTIONS);
  const { stateDim = 16, convSize = 4, expand = 2, stepRank } = options;
  const { average = true } = options;
  for (const [name, value] of Object.entries({ stateDim, convSize, expand })) {
    assertPositiveInteger(`vimMixer's ${name}`, value);
  }
  if (stepRank !== undefined) {
    assertPositiveInteger("vimMixer's stepRank", stepRank);
  }
  assertBoolean("vimMixer's average", average);
  const sizes = { stateDim, convSize, expand, stepRank };
  return {
    parameters: (shape) => parametersOf(shape.at(-1)!, sizes),
    apply(x, parameters, call) {
      const columns = dense(x, parameters("in_proj.weight") as tf.Tensor2D);
      const [taken, gate] = tf.split(columns, 2, 2) as tf.Tensor3D[];
      const scan = (direction: Direction) =>
        scanOf(taken!, gate!, parameters, call, direction);
      const forward = scan(FORWARD);
      const both = call.causal ? forward : tf.add(forward, scan(BACKWARD));
      const y = average && !call.causal ? tf.mul(both, 0.5) : both;
      return dense(
        y,
        parameters("out_proj.weight") as tf.Tensor2D,
      ) as tf.Tensor3D;
    },
    operations: (shape) =>
      matrixOperations(parametersOf(shape.at(-1)!, sizes), shape),
    cost: (shape, { causal }) => scanCost(shape, sizes, causal),
  };
}

interface Sizes {
  readonly stateDim: number;
  readonly convSize: number;
  readonly expand: number;
  readonly stepRank: number | undefined;
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
  { stateDim, convSize, expand, stepRank }: Sizes,
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
    ...ofDirection(FORWARD),
    ...ofDirection(BACKWARD),
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

/** One direction, gated. */
function scanOf(
  taken: tf.Tensor3D,
  z: tf.Tensor3D,
  parameters: Parameters,
  { mask, segments }: MixerCall,
  direction: Direction,
): tf.Tensor3D {
  const own = <T extends tf.Tensor>(name: string, part: string): T =>
    parameters(`${name}${direction.suffix}.${part}`) as T;
  const reading = {
    reverse: direction === BACKWARD,
    ...(mask ? { mask } : {}),
    ...(segments ? { segments } : {}),
  };
  const x = shortConvolution(
    taken,
    tapsOf(own("conv1d", "weight")),
    own("conv1d", "bias"),
    { ...reading, activation: "silu" },
  );
  const stepWeight: tf.Tensor2D = own("dt_proj", "weight");
  const paces = parameters(direction.pace) as tf.Tensor2D;
  const [rank, stateDim] = [stepWeight.shape[0], paces.shape[1]];
  const [steps, b, c] = tf.split(
    dense(x, own("x_proj", "weight")),
    [rank, stateDim, stateDim],
    2,
  ) as tf.Tensor3D[];
  const dt = softplus(dense(steps!, stepWeight, own("dt_proj", "bias")));
  return selectiveScan({
    x,
    dt: dt as tf.Tensor3D,
    a: tf.neg(tf.exp(paces)),
    b: b!,
    c: c!,
    d: parameters(`D${direction.suffix}`) as tf.Tensor1D,
    z,
  }, reading);
}

/** Operations of a number of a state: its decay, a step, and what is read; a power counts as ten. */
const OPERATIONS_A_NUMBER = 16;

/** Of scans and convolutions. */
function scanCost(
  shape: Shape,
  { stateDim, convSize, expand }: Sizes,
  causal: boolean,
): MixerCost {
  const [batch, length, dim] = shape as [number, number, number];
  const numbers = batch * length * expand * dim;
  const directions = causal ? 1 : 2;
  // x, dt, z and y of a direction, and the rows that all channels share.
  const bytes = directions * 4 * (4 * numbers + 2 * batch * length * stateDim);
  return {
    operations: directions * numbers *
      (OPERATIONS_A_NUMBER * stateDim + 2 * convSize),
    bytes,
    peakBytes: bytes,
  };
}

/**
 * Mamba's state space model (selective scan), with a decay rate for each
 * channel and each entry of its state.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertNumbers,
  assertShape,
  floats,
  hasKernel,
  isRecording,
  type Operation,
  planKernel,
  runKernel,
} from "@lionjs/tfjs/kernel";
import { assertBoolean, assertOptions, optionsOf } from "@lionjs/base";
import { tokensIn, withoutPadding } from "../padding/padding.ts";
import { type ScanInputs, scanPlainly } from "./plain.ts";
import { checkedSegments, endsOf } from "../segments.ts";

/**
 * The kernel of {@linkcode selectiveScan}: inputs `x, dt, a, b, c`, `d?` and
 * `z?`, and `begins?`, `[batch, length]`, 1 at tokens before which the state is
 * reset to zero. Outputs `y` and, if a gradient is recorded, the states that
 * the forward kernel keeps for its gradient kernel.
 */
export const SELECTIVE_SCAN: Operation<"y", "states"> = {
  kernel: "LionSelectiveScan",
  gradientsIn: ["x", "dt", "a", "b", "c", "d", "z"],
  outputs: ["y"],
  further: ["states"],
  gradientReads: ["states"],
  plain: (
    inputs: { [name in keyof ScanInputs]: ScanInputs[name] },
    { reverse }: SelectiveScanAttributes,
  ) => ({ y: scanPlainly(inputs, reverse) }),
};

/** Attributes of the selective scan's kernels. */
export interface SelectiveScanAttributes {
  /** Whether the scan runs from the last token to the first. */
  readonly reverse: boolean;
  /** Whether the kernel outputs `states`, for its gradient. */
  readonly keepStates: boolean;
}

/** The sizes of a selective scan, for which a kernel makes its plan. */
export interface SelectiveScanRequest {
  /** Number of sequences. */
  readonly batch: number;
  /** Tokens per sequence. */
  readonly length: number;
  /** Number of channels, each with its own state. */
  readonly channels: number;
  /** Size of a channel's state. */
  readonly stateDim: number;
}

/** Inputs of {@linkcode selectiveScan}. */
export interface SelectiveScanInputs {
  /** Inputs of the states, `[batch, length, channels]`. */
  x: tf.Tensor;
  /** The time step of each token and channel, `[batch, length, channels]`, >= 0. */
  dt: tf.Tensor;
  /** Decay rates of the states, `[channels, stateDim]`, < 0. */
  a: tf.Tensor;
  /** The input vectors B, `[batch, length, stateDim]`. */
  b: tf.Tensor;
  /** The output vectors C, `[batch, length, stateDim]`. */
  c: tf.Tensor;
  /** Skip weights D: how much of x each channel adds, `[channels]`. @default none */
  d?: tf.Tensor | undefined;
  /** Gates: the output is multiplied by SiLU(z), `[batch, length, channels]`. @default none */
  z?: tf.Tensor | undefined;
}

/** Options of {@linkcode selectiveScan}. */
export interface SelectiveScanOptions {
  /** Whether the scan runs from the last token to the first. @default false */
  reverse?: boolean | undefined;
  /**
   * Whether a fused kernel may run, if the backend has one; `false` runs tfjs
   * operations, which agree to float32 accuracy. @default true
   */
  kernel?: boolean | undefined;
  /**
   * The padding mask, `[batch, length]`: 0 for padding, 1 (or anything else,
   * even NaN) for a token. Padding is skipped, whatever the inputs hold there:
   * it writes nothing, and the state does not decay. Its output and all its
   * gradients are 0.
   */
  mask?: tf.Tensor | undefined;
  /**
   * Segments, int32 `[batch, length]`: the number of the packed sequence that
   * each token belongs to. Nothing passes between neighbours with different
   * numbers, except that NaN or Infinity in one sequence may make results of
   * others NaN.
   * @default each row is one sequence
   */
  segments?: tf.Tensor | undefined;
}

const INPUTS = optionsOf<SelectiveScanInputs>()("x dt a b c d z");

const OPTIONS = optionsOf<SelectiveScanOptions>()(
  "reverse kernel mask segments",
);

/**
 * Computes Mamba's selective scan: each channel has a state h of stateDim
 * numbers, each with its own decay rate,
 *
 *     h_t = e^{Δ_t a} h_{t-1} + Δ_t b_t x_t
 *     y_t = c_t · h_t + d x_t,    times SiLU(z_t) with gates
 *
 * Differentiable in all inputs. Time is linear in the length; the kernel keeps
 * a state every few tokens and recomputes those in between. Integers and
 * booleans are converted to float32.
 *
 * Results that depend on a NaN are NaN. A NaN or Infinity in a token may also
 * make other results of the same batch entry NaN. Finite results are correct,
 * and those of other entries do not change by a bit.
 *
 * Source: Gu and Dao 2023 (arXiv:2312.00752), equation 2 with algorithm 2.
 *
 * @example A state without decay adds up its inputs
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { selectiveScan } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor3D = tf.tensor3d([1, 2, 3], [1, 3, 1]);
 * const one: tf.Tensor3D = tf.ones([1, 3, 1]);
 * const a = tf.tensor2d([[-1e-9]]);
 * const y = selectiveScan({ x, dt: one, a, b: one, c: one });
 * const sums = await y.data();
 * [1, 3, 6].forEach((sum, i) => assertAlmostEquals(sums[i]!, sum, 1e-6));
 * ```
 *
 * @param inputs See {@linkcode SelectiveScanInputs}.
 * @param options See {@linkcode SelectiveScanOptions}.
 * @returns The outputs, `[batch, length, channels]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If there are no channels, or states are empty.
 */
export function selectiveScan(
  inputs: SelectiveScanInputs,
  options: SelectiveScanOptions = {},
): tf.Tensor3D {
  const { x, dt, a, b, c, d, z, segments } = check(inputs, options);
  const { reverse = false, kernel = true, mask } = options;
  return tf.tidy(() => {
    const tokens = mask && tokensIn("mask", mask);
    const read = <T extends tf.Tensor>(name: string, x: T) => {
      const numbers = floats(`selectiveScan's ${name}`, x);
      return withoutPadding(numbers, tokens);
    };
    const present = {
      x: read("x", x),
      dt: read("dt", dt),
      a: floats("selectiveScan's a", a),
      b: read("b", b),
      c: read("c", c),
      d: d && floats("selectiveScan's d", d),
      z: z && read("z", z),
      begins: segments && tf.cast(
        endsOf(segments)[reverse ? "last" : "first"],
        "float32",
      ) as tf.Tensor2D,
    };
    const y = kernel && isFused(x, a)
      ? runKernel(SELECTIVE_SCAN, present, {
        reverse,
        keepStates: isRecording(),
      }).y as tf.Tensor3D
      : scanPlainly(present, reverse);
    return withoutPadding(y, tokens);
  });
}

/** Whether the backend has a kernel for this scan; no kernel takes zero tokens. */
function isFused(x: tf.Tensor3D, a: tf.Tensor2D): boolean {
  if (x.size === 0 || !hasKernel(SELECTIVE_SCAN)) return false;
  const [batch, length, channels] = x.shape;
  const plan = planKernel<SelectiveScanRequest>(SELECTIVE_SCAN, {
    ...{ batch, length, channels },
    stateDim: a.shape[1],
  });
  return plan === undefined || !("refusal" in plan);
}

/** Checks all arguments, and returns the tensors. */
function check(
  inputs: SelectiveScanInputs,
  options: SelectiveScanOptions,
): Omit<ScanInputs, "begins"> & { segments: tf.Tensor2D | undefined } {
  const owner = "selectiveScan";
  assertOptions(owner, inputs, INPUTS, "input");
  assertOptions(owner, options, OPTIONS);
  const { x, dt, a, b, c, d, z } = inputs;
  const perChannel = "batch, length, channels";
  assertShape(`${owner}'s x`, x, [null, null, null], perChannel);
  const [batch, length, channels] = x.shape;
  assertShape(`${owner}'s dt`, dt, x.shape, perChannel);
  assertShape(`${owner}'s a`, a, [channels, null], "channels, stateDim");
  const stateDim = a.shape[1];
  if (channels === 0 || stateDim === 0) {
    throw new RangeError(
      `${owner}'s a should have at least one channel and one number per state, got shape [${a.shape}]`,
    );
  }
  const perToken = [batch, length, stateDim] as const;
  const axes = "batch, length, stateDim";
  assertShape(`${owner}'s b`, b, perToken, axes);
  assertShape(`${owner}'s c`, c, perToken, axes);
  if (d !== undefined) assertShape(`${owner}'s d`, d, [channels], "channels");
  if (z !== undefined) assertShape(`${owner}'s z`, z, x.shape, perChannel);
  for (const [name, tensor] of Object.entries(inputs)) {
    if (tensor) assertNumbers(`${owner}'s ${name}`, tensor);
  }
  const { reverse = false, kernel = true, mask } = options;
  assertBoolean(`${owner}'s reverse`, reverse);
  assertBoolean(`${owner}'s kernel`, kernel);
  if (mask !== undefined) {
    assertShape("mask", mask, [batch, length], "batch, length");
  }
  const segments = checkedSegments(options.segments, [batch, length]);
  return { x, dt, a, b, c, d, z, segments };
}

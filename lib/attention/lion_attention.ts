/**
 * The operation: bidirectional linear attention with decay, in any form.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { assertOptions, optionsOf } from "@lionjs/base";
import { isRecording } from "@lionjs/tfjs/kernel";
import { joinHeads } from "../operations/heads/heads.ts";
import { tokensIn } from "../operations/padding/padding.ts";
import { assertDecay, type Decay, noDecay } from "./decays/decay.ts";
import { isDiagonalDecay } from "./decays/diagonal_decay.ts";
import { resolveDecays } from "./decays/resolve_decays.ts";
import {
  assertAttention,
  type GivenVectors,
  type Vectors,
} from "./forms/checks.ts";
import type { AttentionSettings, ConcreteForm } from "./forms/form.ts";
import { runPlain } from "./forms/run_plain.ts";
import { checkedSegments } from "../operations/segments.ts";
import { type Precision, runFused } from "./planning/kernel.ts";
import { type AttentionPlan, planAttention } from "./planning/plan.ts";

/**
 * How attention is computed. All forms give the same output and gradients.
 *
 * - `"full"`: one masked matrix product. Quadratic time; quadratic memory,
 *   unless a kernel computes the mask on the fly, tile by tile.
 * - `"recurrent"`: two sweeps with a state of constant size. Linear time,
 *   sequential.
 * - `"blockwise"`: the full form in slices of keys. Quadratic time, linear memory.
 * - `"chunkwise"`: the full form inside chunks, states between them. Linear
 *   time, parallel.
 * - `"auto"`: the chunkwise kernel where the backend has one; otherwise
 *   `"full"` or `"chunkwise"`, whichever was measured to be faster at the given
 *   length.
 *
 * On WebAssembly and WebGPU each form is a single kernel; with diagonal decays,
 * only `"chunkwise"` has a kernel.
 */
export type AttentionForm = "auto" | ConcreteForm;

/** Options of {@linkcode lionAttention}. */
export interface LionAttentionOptions {
  /** How a token's weight fades with distance. @default noDecay() */
  decay?: Decay | undefined;
  /** The form in which attention is computed. @default "auto" */
  form?: AttentionForm | undefined;
  /**
   * Whether a fused kernel may run; `false` runs the form's TensorFlow.js
   * operations, the reference that the kernels are tested against.
   * @default true
   */
  kernel?: boolean | undefined;
  /**
   * Tokens per chunk.
   * @default the kernel's choice; without a kernel 64, or 256 for `"blockwise"`
   */
  chunkSize?: number | undefined;
  /** The factor of the scores q · k. @default 1 / sqrt(headDim) */
  scale?: number | undefined;
  /** Whether to divide by the row sum of the masked scores. @default true */
  normalize?: boolean | undefined;
  /** The number added to the row sum, after `scale`; 0 or more. @default 1e-6 */
  epsilon?: number | undefined;
  /**
   * Whether each token attends only to itself and the tokens before it. NaN or
   * Infinity in a later token may make earlier outputs NaN; otherwise it does
   * not change them. @default false
   */
  causal?: boolean | undefined;
  /**
   * The padding mask, `[batch, length]`, float32, int32 or bool: 0 for padding,
   * 1 (or anything else, even NaN) for a token. Padding is never read, even if
   * q, k or v hold NaN or Infinity there. At padding the output and the
   * gradients of q, k and v are 0, and the gradient of the output is ignored.
   * The decays of padding still apply: they have gradients, and a NaN among
   * them reaches the tokens whose paths cross it.
   */
  mask?: tf.Tensor | undefined;
  /**
   * Segments, `[batch, length]`, int32: the number of the packed sequence that
   * each token belongs to. No token attends across a change of number, even
   * back to an earlier one. Each sequence has the output and the gradients that
   * it would have alone, as long as all values are finite; NaN or Infinity in
   * one may make results of the others NaN. The decay at a change does not
   * apply, and its gradient is 0. @default each row is one sequence
   */
  segments?: tf.Tensor | undefined;
  /**
   * The precision of products. With `"f16"`, the fused kernel multiplies 16-bit numbers
   * and adds in 32 bits: faster on some GPUs, accurate to about three digits. @default "f32"
   */
  precision?: Precision | undefined;
}

/** The names of the options of {@linkcode LionAttentionOptions}. */
export const LION_OPTIONS = optionsOf<LionAttentionOptions>()(
  "decay form kernel chunkSize scale normalize epsilon causal mask segments",
  "precision",
);

/**
 * Computes bidirectional linear attention with decay:
 *
 *     y_i = Σ_j M_ij s (q_i · k_j) v_j / (Σ_j M_ij s (q_i · k_j) + ε)
 *
 * with the mask M of the decay and the scale s. A diagonal decay has one mask for each
 * channel, inside the product q_i · k_j. Differentiable in q, k, v and
 * the decay's tensors, in every form.
 *
 * The computation is in float32: integers and booleans are converted, and their
 * gradients are float32 too.
 *
 * A result that depends on a NaN is NaN. A NaN or Infinity in a token may also
 * make other results of the same head and batch entry NaN; which ones depends
 * on the form and the backend. Finite results are correct, and those of other
 * heads and entries do not change by a bit.
 *
 * Source: LION (arXiv:2502.16249), Theorems 3.1 and 3.2.
 *
 * @example All forms give the same result
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { eluPlusOne, lionAttention, logSigmoid, selectiveDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const [batch, heads, length, headDim] = [1, 2, 10, 4];
 * const random = (seed: number) =>
 *   tf.randomNormal<tf.Rank.R4>([batch, heads, length, headDim], 0, 1, "float32", seed);
 * const q = eluPlusOne(random(1)), k = eluPlusOne(random(2)), v = random(3);
 * const logits = tf.randomNormal<tf.Rank.R3>([batch, heads, length], 0, 1, "float32", 4);
 * const decay = selectiveDecay(logSigmoid(logits));
 *
 * const full = await lionAttention(q, k, v, { decay, form: "full" }).data();
 * for (const form of ["recurrent", "blockwise", "chunkwise"] as const) {
 *   const same = await lionAttention(q, k, v, { decay, form, chunkSize: 4 }).data();
 *   full.forEach((value, i) => assertAlmostEquals(same[i]!, value, 1e-5));
 * }
 * ```
 *
 * @example Two sequences packed into a row have the outputs that they have
 * alone
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { fixedDecay, lionAttention } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const decay = fixedDecay(tf.tensor1d([-0.5]));
 * const x: tf.Tensor4D = tf.randomUniform([1, 1, 5, 2]);
 * const segments = tf.tensor2d([[1, 1, 1, 2, 2]], [1, 5], "int32");
 * const packed = await lionAttention(x, x, x, { decay, segments }).data();
 *
 * const second = tf.slice(x, [0, 0, 3, 0], [1, 1, 2, 2]) as tf.Tensor4D;
 * const alone = await lionAttention(second, second, second, { decay }).data();
 * alone.forEach((value, i) => assertAlmostEquals(packed[6 + i]!, value, 1e-5));
 * ```
 *
 * @param q Queries, `[batch, heads, length, headDim]`, or
 * `[batch, 1, length, headDim]` if all heads share them, with the feature map
 * applied.
 * @param k Keys in the shape of q, with the feature map applied.
 * @param v `[batch, heads, length, valueDim]`
 * @param options See {@linkcode LionAttentionOptions}.
 * @returns `[batch, heads, length, valueDim]`
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or the form's largest
 * tensor does not fit the backend.
 */
export function lionAttention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  options: LionAttentionOptions = {},
): tf.Tensor4D {
  return attend({ q, k, v }, options, false) as tf.Tensor4D;
}

/**
 * `joinHeads` of {@linkcode lionAttention}, which takes no pass of its own where a kernel
 * writes the heads of each token side by side.
 *
 * @returns `[batch, length, heads · valueDim]`
 */
export function attentionWithJoinedHeads(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  options: LionAttentionOptions = {},
): tf.Tensor3D {
  return attend({ q, k, v }, options, true) as tf.Tensor3D;
}

function attend(
  given: GivenVectors,
  options: LionAttentionOptions,
  joinsHeads: boolean,
): tf.Tensor {
  const { plan, settings, vectors, segments } = checkAttention(
    "lionAttention",
    given,
    options,
  );
  const { decay = noDecay(), mask } = options;
  const [batch, heads, length] = vectors.v.shape;
  const headDim = vectors.q.shape[3];
  return tf.tidy(() => {
    const decays = resolveDecays(decay, {
      shape: [batch, heads, length, headDim],
      ...{ causal: settings.causal, segments },
      makeFinite: plan.kernel === null,
    });
    const tokens = mask && tokensIn("mask", mask);
    const inputs = { ...vectors, decays, tokens };
    const { precision = "f32" } = options;
    const y = plan.kernel === null
      ? runPlain(plan, inputs, settings)
      : runFused(plan, inputs, { ...settings, precision, joinsHeads });
    return joinsHeads && y.rank === 4 ? joinHeads(y) : y;
  });
}

/**
 * Tells which form and kernel {@linkcode lionAttention} would run for the same
 * arguments on the current backend, and what that would cost, without running
 * it.
 *
 * @example Why a form is chosen
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { explainAttention } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor4D = tf.zeros([1, 1, 4096, 8]);
 * const plan = explainAttention(x, x, x);
 * assertEquals(plan.form, "chunkwise");
 * assertEquals(plan.kernel, null);
 * assertEquals(plan.reason, "backend cpu has no kernel of its own");
 * assertEquals(plan.operations, 4096 * 4 * 8 * 9);
 * ```
 *
 * @param q Queries, `[batch, heads, length, headDim]`, or one head that all
 * share.
 * @param k Keys in the shape of q.
 * @param v `[batch, heads, length, valueDim]`
 * @param options See {@linkcode LionAttentionOptions}.
 * @returns See {@linkcode AttentionPlan}.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or the form's largest
 * tensor does not fit the backend.
 */
export function explainAttention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  options: LionAttentionOptions = {},
): AttentionPlan {
  return checkAttention("explainAttention", { q, k, v }, options).plan;
}

/** The plan and the checked arguments of a call, as {@linkcode checkAttention} returns them. */
interface Checked {
  readonly plan: AttentionPlan;
  readonly settings: AttentionSettings;
  readonly vectors: Vectors;
  readonly segments: tf.Tensor2D | undefined;
}

/** Checks all arguments and plans the computation. */
export function checkAttention(
  owner: string,
  given: GivenVectors,
  options: LionAttentionOptions,
): Checked {
  assertOptions(owner, options, LION_OPTIONS);
  const checked = assertAttention(given, options, { canShare: true });
  const { settings, kernel, vectors: { q, v } } = checked;
  const [batch, keyHeads, length, headDim] = q.shape;
  const { decay } = options;
  if (decay !== undefined) assertDecay("decay", decay);
  const segments = checkedSegments(options.segments, [batch, length]);
  const plan = planAttention({
    ...{ batch, heads: v.shape[1], keyHeads, length, headDim },
    valueDim: v.shape[3],
    form: options.form ?? "auto",
    ...{ kernel, causal: settings.causal, normalize: settings.normalize },
    chunkSize: options.chunkSize,
    decays: segments !== undefined ||
      decay !== undefined && decay.kind !== "none",
    diagonal: decay !== undefined && isDiagonalDecay(decay),
    precision: options.precision ?? "f32",
    withGradient: isRecording(),
  });
  return { plan, settings, vectors: checked.vectors, segments };
}

/** Checks of the tensors and options that all kinds of attention share. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { assertNumbers } from "../../contract/floats.ts";
import { assertNotEmpty, assertShape } from "../../contract/shape.ts";
import {
  assertBoolean,
  assertEpsilon,
  assertFinite,
} from "../../contract/values.ts";
import type { AttentionSettings } from "./form.ts";

/** The options of every kind of attention, as given. */
interface CommonOptions {
  readonly scale?: number | undefined;
  readonly epsilon?: number | undefined;
  readonly kernel?: boolean | undefined;
  readonly causal?: boolean | undefined;
  readonly normalize?: boolean | undefined;
  readonly mask?: tf.Tensor2D | undefined;
}

/** {@linkcode CommonOptions} with their defaults, without the mask. */
interface CheckedOptions {
  readonly settings: AttentionSettings;
  /** Whether a fused kernel may run. */
  readonly kernel: boolean;
}

/**
 * Checks the tensors and the options of attention, and fills in the defaults.
 *
 * @param canShare Whether one head of q and k may be that of all heads of v.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * of the wrong type.
 * @throws {RangeError} If a tensor is empty, or an option has an invalid value.
 */
export function assertAttention(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  { mask, ...options }: CommonOptions,
  canShare = false,
): CheckedOptions {
  assertVectors(q, k, v, canShare);
  const [batch, , length, headDim] = q.shape;
  if (mask !== undefined) assertMask(mask, [batch, length]);
  const { scale = 1 / Math.sqrt(headDim), epsilon = 1e-6 } = options;
  assertFinite("scale", scale);
  assertEpsilon("epsilon", epsilon);
  const { kernel = true, causal = false, normalize = true } = options;
  for (const [name, x] of Object.entries({ kernel, causal, normalize })) {
    assertBoolean(name, x);
  }
  return { settings: { causal, scale, normalize, epsilon }, kernel };
}

/**
 * Checks the tensors and the options of the delta rule, as
 * {@linkcode assertAttention} does for attention.
 *
 * @param beta β, how much each token replaces, `[batch, heads, length]`.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * of the wrong type.
 * @throws {RangeError} If a tensor is empty, or an option has an invalid value.
 */
export function assertDelta(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  beta: tf.Tensor3D,
  options: CommonOptions,
): CheckedOptions {
  const checked = assertAttention(q, k, v, options);
  const [batch, heads, length] = q.shape;
  assertShape("beta", beta, [batch, heads, length], "batch, heads, length");
  assertNumbers("beta", beta);
  return checked;
}

/**
 * Checks queries, keys and values.
 *
 * @param canShare Whether one head of q and k may be that of all heads of v.
 * @throws {TypeError} If a tensor has the wrong shape or dtype.
 * @throws {RangeError} If a tensor is empty.
 */
export function assertVectors(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  canShare = false,
): void {
  const axes = "batch, heads, length, headDim";
  assertShape("q", q, [null, null, null, null], axes);
  const [batch, heads, length] = q.shape;
  assertShape("k", k, q.shape, axes);
  const valueHeads = canShare && heads === 1 ? null : heads;
  assertShape("v", v, [batch, valueHeads, length, null], `${axes} of values`);
  for (const [name, x] of Object.entries({ q, v })) assertNotEmpty(name, x);
  for (const [name, x] of Object.entries({ q, k, v })) assertNumbers(name, x);
}

/**
 * Checks a mask of padding.
 *
 * @throws {TypeError} If it has the wrong shape or dtype.
 */
export function assertMask(
  mask: tf.Tensor2D,
  shape: readonly [batch: number, length: number],
): void {
  assertShape("mask", mask, shape, "batch, length");
  assertNumbers("mask", mask);
}

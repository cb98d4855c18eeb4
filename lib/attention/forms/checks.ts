/** Checks of the tensors and options that all kinds of attention share. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  assertNotEmpty,
  assertNumbers,
  assertShape,
} from "@lionjs/tfjs/kernel";
import { assertBoolean, assertEpsilon, assertFloat } from "@lionjs/base";
import type { AttentionSettings } from "./form.ts";

/** The options of every kind of attention, as given. */
interface CommonOptions {
  readonly scale?: number | undefined;
  readonly epsilon?: number | undefined;
  readonly kernel?: boolean | undefined;
  readonly causal?: boolean | undefined;
  readonly normalize?: boolean | undefined;
  readonly mask?: tf.Tensor | undefined;
}

/** Queries, keys and values, as a caller gives them. */
export type GivenVectors = Readonly<Record<"q" | "k" | "v", tf.Tensor>>;

/** Queries, keys and values that are checked. */
export type Vectors = Readonly<Record<"q" | "k" | "v", tf.Tensor4D>>;

/** {@linkcode CommonOptions} with their defaults, without the mask. */
interface CheckedOptions<Inputs = Vectors> {
  readonly settings: AttentionSettings;
  /** Whether a fused kernel may run. */
  readonly kernel: boolean;
  readonly vectors: Inputs;
}

/**
 * Checks the tensors and the options of attention, and fills in the defaults.
 *
 * @param canShare Whether one head of q and k may be that of all heads of v.
 */
export function assertAttention(
  given: GivenVectors,
  { mask, ...options }: CommonOptions,
  canShare = false,
): CheckedOptions {
  const vectors = assertVectors(given, canShare);
  const [batch, , length, headDim] = vectors.q.shape;
  if (mask !== undefined) assertMask(mask, [batch, length]);
  const { scale = 1 / Math.sqrt(headDim), epsilon = 1e-6 } = options;
  assertFloat("scale", scale);
  assertEpsilon("epsilon", epsilon);
  const { kernel = true, causal = false, normalize = true } = options;
  for (const [name, x] of Object.entries({ kernel, causal, normalize })) {
    assertBoolean(name, x);
  }
  return { settings: { causal, scale, normalize, epsilon }, kernel, vectors };
}

/**
 * Checks the tensors and the options of the delta rule, as
 * {@linkcode assertAttention} does for attention.
 *
 * @param given The vectors, and β, how much each token replaces, `[batch, heads, length]`.
 */
export function assertDelta(
  { beta, ...given }: GivenVectors & { readonly beta: tf.Tensor },
  options: CommonOptions,
): CheckedOptions<Vectors & { readonly beta: tf.Tensor3D }> {
  const { vectors, ...checked } = assertAttention(given, options);
  const [batch, heads, length] = vectors.q.shape;
  assertShape("beta", beta, [batch, heads, length], "batch, heads, length");
  assertNumbers("beta", beta);
  return { ...checked, vectors: { ...vectors, beta } };
}

/**
 * Checks queries, keys and values.
 *
 * @param canShare Whether one head of q and k may be that of all heads of v.
 */
export function assertVectors(
  { q, k, v }: GivenVectors,
  canShare = false,
): Vectors {
  const axes = "batch, heads, length, headDim";
  assertShape("q", q, [null, null, null, null], axes);
  const [batch, heads, length] = q.shape;
  assertShape("k", k, q.shape, axes);
  const valueHeads = canShare && heads === 1 ? null : heads;
  assertShape("v", v, [batch, valueHeads, length, null], `${axes} of values`);
  for (const [name, x] of Object.entries({ q, v })) assertNotEmpty(name, x);
  for (const [name, x] of Object.entries({ q, k, v })) assertNumbers(name, x);
  return { q, k, v };
}

/** Checks a mask of padding. */
export function assertMask(
  mask: tf.Tensor,
  shape: readonly [batch: number, length: number],
): asserts mask is tf.Tensor2D {
  assertShape("mask", mask, shape, "batch, length");
  assertNumbers("mask", mask);
}

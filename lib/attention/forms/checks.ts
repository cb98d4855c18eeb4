/** Checks of the tensors and options that all kinds of attention share. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  assertNotEmpty,
  assertNumbers,
  assertShape,
} from "@lionjs/tfjs/kernel";
import {
  assertBoolean,
  assertEpsilon,
  assertFloat,
  assertPositiveInteger,
  shown,
} from "@lionjs/base";
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

/** Checks the tensors and the options of attention, and fills in the defaults. */
export function assertAttention(
  given: GivenVectors,
  { mask, ...options }: CommonOptions,
  allowances?: Allowances,
): CheckedOptions {
  const vectors = assertVectors(given, allowances);
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

/** The vectors of transitions, as a caller gives them; those that are `undefined` or null are left out. */
export type GivenTransition =
  & GivenVectors
  & Readonly<Partial<Record<"a" | "b" | "beta", tf.Tensor | null | undefined>>>;

/** The vectors of transitions that are checked. */
export interface CheckedTransition extends Vectors {
  readonly a?: tf.Tensor4D;
  readonly b?: tf.Tensor4D;
  readonly beta?: tf.Tensor3D;
}

/**
 * Checks the tensors and the options of transitions, as
 * {@linkcode assertAttention} does for attention.
 *
 * @param given The vectors, all but q with a row for each step of each token.
 */
export function assertTransition(
  { q, k, v, ...others }: GivenTransition,
  { steps = 1, ...options }: CommonOptions & { steps?: number | undefined },
): CheckedOptions<CheckedTransition> {
  assertPositiveInteger("steps", steps);
  if (others.b && !others.a) {
    throw new TypeError(
      `a should be a tensor where b is one, since b is where what a reads is added, got ${
        shown(others.a)
      }: pass b as null too if nothing is read`,
    );
  }
  const checked = assertAttention({ q, k, v }, options, { steps });
  const rows = checked.vectors.k.shape.slice(0, 3);
  const axes = axesOf(steps);
  const vectors: CheckedOptions<Record<string, tf.Tensor>>["vectors"] = {
    ...checked.vectors,
  };
  for (const [name, x] of Object.entries(others)) {
    if (x === undefined || x === null) continue;
    const isBeta = name === "beta";
    const shape = isBeta ? rows : checked.vectors.k.shape;
    assertShape(name, x, shape, isBeta ? axes : `${axes}, headDim`);
    assertNumbers(name, x);
    vectors[name] = x;
  }
  return { ...checked, vectors: vectors as unknown as CheckedTransition };
}

/** Checks a state, and returns it; `undefined` if there is none. */
export function checkedState(
  name: string,
  state: tf.Tensor | null | undefined,
  { q, v }: Vectors,
): tf.Tensor4D | undefined {
  if (state === null || state === undefined) return undefined;
  const [batch, heads, , headDim] = q.shape;
  const shape = [batch, heads, headDim, v.shape[3]] as const;
  assertShape(name, state, shape, "batch, heads, headDim, valueDim");
  assertNumbers(name, state);
  return state;
}

/** What {@linkcode assertVectors} lets vectors differ in. */
interface Allowances {
  /** Whether one head of q and k may be that of all heads of v. @default false */
  readonly canShare?: boolean;
  /** Rows of k and v for each token. @default 1 */
  readonly steps?: number;
}

/** Checks queries, keys and values. */
export function assertVectors(
  { q, k, v }: GivenVectors,
  { canShare = false, steps = 1 }: Allowances = {},
): Vectors {
  const axes = "batch, heads, length, headDim", ofRows = axesOf(steps);
  assertShape("q", q, [null, null, null, null], axes);
  const [batch, heads, length, headDim] = q.shape;
  const rows = length * steps;
  assertShape("k", k, [batch, heads, rows, headDim], `${ofRows}, headDim`);
  const valueHeads = canShare && heads === 1 ? null : heads;
  const ofValues = `${ofRows}, headDim of values`;
  assertShape("v", v, [batch, valueHeads, rows, null], ofValues);
  for (const [name, x] of Object.entries({ q, v })) assertNotEmpty(name, x);
  for (const [name, x] of Object.entries({ q, k, v })) assertNumbers(name, x);
  return { q, k, v };
}

/** The axes of what has a row for each step of a token. */
function axesOf(steps: number): string {
  return `batch, heads, length${steps === 1 ? "" : " · steps"}`;
}

/** Checks a mask of padding. */
export function assertMask(
  mask: tf.Tensor,
  shape: readonly [batch: number, length: number],
): asserts mask is tf.Tensor2D {
  assertShape("mask", mask, shape, "batch, length");
  assertNumbers("mask", mask);
}

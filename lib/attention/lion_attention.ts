/**
 * The operation: bidirectional linear attention with decay, in any form.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { largestTensorBytes } from "../backend/limits.ts";
import { blockwise } from "./blockwise.ts";
import { chunkwise } from "./chunkwise.ts";
import {
  type Decay,
  type LogDecayPair,
  logDecayPair,
  noDecay,
} from "./decay.ts";
import type { Form } from "./form.ts";
import { full } from "./full.ts";
import { recurrent } from "./recurrent.ts";
import { assertShape } from "./shape.ts";

/**
 * How attention is computed; all give the same function and gradients.
 *
 * - `"full"`: one masked matrix product. Quadratic time and memory.
 * - `"recurrent"`: two sweeps with a state of constant size. Linear, sequential.
 * - `"blockwise"`: the full form in slices of keys. Quadratic time, linear memory.
 * - `"chunkwise"`: full inside chunks, states between them. Linear, parallel.
 * - `"auto"`: `"full"` or `"chunkwise"`, whichever was measured faster at the
 *   given length on the current backend.
 */
export type AttentionForm =
  | "auto"
  | "full"
  | "recurrent"
  | "blockwise"
  | "chunkwise";

/** Options of {@linkcode lionAttention}. */
export interface LionAttentionOptions {
  /** How a token's weight fades with distance. @default noDecay() */
  decay?: Decay;
  /** How to compute it. @default "auto" */
  form?: AttentionForm;
  /** Tokens a chunk. @default 64 for chunkwise, 256 for blockwise */
  chunkSize?: number;
  /** Multiplies q · k. @default 1 / sqrt(headDim) */
  scale?: number;
  /** Whether to divide by the row sum of the masked scores. @default true */
  normalize?: boolean;
  /** Added to the row sum, after `scale`. @default 1e-6 */
  epsilon?: number;
  /** Whether a token reads only itself and the tokens before it. @default false */
  causal?: boolean;
  /**
   * `[batch, length]`, 1 for a token and 0 for padding. Padding is never read,
   * whatever it holds; rows of the output at padding have no meaning. Decays
   * of padding still count as steps.
   */
  mask?: tf.Tensor2D;
}

const FORMS = { full, recurrent, blockwise, chunkwise } satisfies Record<
  string,
  Form
>;

/**
 * Tokens up to which full is faster than chunkwise, forward with gradients, as
 * measured on two CPU cores (webgpu on Mesa's software adapter) with 4 heads of
 * 64: `LION_BENCH_LENGTHS=64,128,192,256,384,512 deno task bench`.
 */
const CROSSOVER: Record<string, number> = { webgpu: 384, wasm: 192, cpu: 256 };

/**
 * Bidirectional linear attention with decay:
 *
 *     y_i = Σ_j M_ij s (q_i · k_j) v_j / (Σ_j M_ij s (q_i · k_j) + ε)
 *
 * with the mask M of the decay and the scale s. Differentiable in q, k, v and
 * the tensors of the decay, in every form.
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
 * @param q `[batch, heads, length, headDim]`, with the feature map applied.
 * @param k `[batch, heads, length, headDim]`, with the feature map applied.
 * @param v `[batch, heads, length, valueDim]`
 * @param options See {@linkcode LionAttentionOptions}.
 * @returns `[batch, heads, length, valueDim]`
 * @throws {TypeError} If a tensor has the wrong shape.
 * @throws {RangeError} If an option has an impossible value, or the form's
 * largest tensor does not fit the backend.
 */
export function lionAttention(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  options: LionAttentionOptions = {},
): tf.Tensor4D {
  const {
    decay = noDecay(),
    form = "auto",
    normalize = true,
    epsilon = 1e-6,
    causal = false,
    mask,
  } = options;
  const axes = "batch, heads, length, headDim";
  assertShape("q", q, [null, null, null, null], axes);
  const [batch, heads, length, headDim] = q.shape;
  assertShape("k", k, q.shape, axes);
  assertShape("v", v, [batch, heads, length, null], `${axes} of values`);
  for (const [name, { size, shape }] of Object.entries({ q, v })) {
    if (size > 0) continue;
    throw new RangeError(`${name} should not be empty, got shape [${shape}]`);
  }
  if (mask) assertShape("mask", mask, [batch, length], "batch, length");
  const { scale = 1 / Math.sqrt(headDim) } = options;
  assertNumber("scale", scale);
  assertNumber("epsilon", epsilon);
  // All weights are 1: there is no mask to apply, and none to cut in chunks.
  const maskless = decay.kind === "none" && !causal;
  const chosen = form === "auto" ? automaticForm(q.shape, maskless) : form;
  const chunkSize = options.chunkSize ?? (chosen === "blockwise" ? 256 : 64);
  assertForm(chosen, chunkSize);
  if (chosen === "full") {
    assertFits(chosen, q.shape, length);
  } else if (chosen === "blockwise" || chosen === "chunkwise" && !maskless) {
    assertFits(chosen, q.shape, Math.min(chunkSize, length));
  }

  return tf.tidy(() => {
    const pair = restrict(logDecayPair(decay, [batch, heads, length]), {
      causal,
      heads,
      length,
    });
    const queries = tf.mul(q, scale) as tf.Tensor4D;
    const keys = mask ? withoutPadding(k, mask) : k;
    // The normaliser is what attention makes of a column of ones.
    const values: tf.Tensor4D = normalize
      ? tf.concat([v, tf.ones<tf.Rank.R4>([batch, heads, length, 1])], 3)
      : v;
    const sums = FORMS[chosen](queries, keys, values, pair, chunkSize);
    if (!normalize) return sums;
    const [weighted, weight] = tf.split(sums, [v.shape[3], 1], 3);
    return tf.div(weighted!, tf.add(weight!, epsilon));
  });
}

function withoutPadding(k: tf.Tensor4D, mask: tf.Tensor2D): tf.Tensor4D {
  const [batch, length] = mask.shape;
  const kept = tf.reshape(tf.cast(mask, "float32"), [batch, 1, length, 1]);
  return tf.mul(k, kept) as tf.Tensor4D;
}

/** A causal token has no backward state; without decay it has a mask all the same. */
function restrict(
  pair: LogDecayPair | null,
  { causal, heads, length }: { causal: boolean; heads: number; length: number },
): LogDecayPair | null {
  if (!causal) return pair;
  if (pair === null) {
    return { forward: tf.zeros([1, heads, length]), backward: null };
  }
  // What is not read has a gradient of zero, not none at all.
  const forward = tf.add(pair.forward, tf.zerosLike(pair.backward!));
  return { forward: forward as tf.Tensor3D, backward: null };
}

type Shape = readonly [
  batch: number,
  heads: number,
  length: number,
  headDim: number,
];

/** Without a mask, chunkwise is two small products, and pays from headDim on. */
function automaticForm(shape: Shape, maskless: boolean): keyof typeof FORMS {
  const [, , length, headDim] = shape;
  const crossover = maskless ? headDim : CROSSOVER[tf.getBackend()] ?? 256;
  const fits = scoreBytes(shape, length) <= largestTensorBytes();
  return length <= crossover && fits ? "full" : "chunkwise";
}

/** Size of the scores of all queries with so many keys at a time. */
function scoreBytes([batch, heads, length]: Shape, keys: number): number {
  return 4 * batch * heads * length * keys;
}

function assertForm(
  form: string,
  chunkSize: number,
): asserts form is keyof typeof FORMS {
  if (!Object.hasOwn(FORMS, form)) {
    throw new RangeError(
      `form should be "auto", ${
        Object.keys(FORMS).map((name) => `"${name}"`).join(", ")
      }, got ${JSON.stringify(form)}`,
    );
  }
  if (!Number.isInteger(chunkSize) || chunkSize < 1) {
    throw new RangeError(
      `chunkSize should be a positive integer, got ${chunkSize}`,
    );
  }
}

/** Refuses scores that no tensor of the backend can hold, and says what would fit. */
function assertFits(form: string, shape: Shape, keys: number): void {
  const bytes = scoreBytes(shape, keys);
  const limit = largestTensorBytes();
  if (bytes <= limit) return;
  const [batch, heads, length] = shape;
  const backend = tf.getBackend();
  throw new RangeError(
    `form "${form}" makes scores of shape [batch, heads, length, keys] = ` +
      `[${batch}, ${heads}, ${length}, ${keys}], ${bytes} bytes, more than ` +
      `the ${limit} of a tensor on ${backend}${
        backend === "webgpu" ? " (maxStorageBufferBindingSize)" : ""
      }; use form: "chunkwise"${
        form === "full" ? "" : " with a smaller chunkSize"
      }`,
  );
}

function assertNumber(name: string, value: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`${name} should be a number, got ${typeof value}`);
  }
  if (!Number.isFinite(value)) {
    throw new RangeError(`${name} should be finite, got ${value}`);
  }
}

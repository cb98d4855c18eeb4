/** Log-linear attention: a decaying state for each level of a tree over the tokens. @module */
import * as tf from "@tensorflow/tfjs-core";
import { composed } from "@lionjs/tfjs/record";
import { selectiveDecay } from "../../attention/decays/decay.ts";
import { logDecayPair } from "../../attention/decays/decay_pair.ts";
import { bidirectional } from "../../attention/forms/bidirectional.ts";
import { withoutPadding } from "../../operations/padding/padding.ts";
import {
  assertBoolean,
  assertFloat,
  assertOneOf,
  assertPositiveInteger,
} from "@lionjs/base";
import {
  type Checked,
  type Model,
  runModel,
  WHOLE_SEQUENCE_OPTIONS,
  type WholeSequenceOptions,
} from "../inputs.ts";
import { chunkwise, full, type Leveled, packed } from "./forms.ts";
import { levelsOf } from "./levels.ts";

/** Inputs of {@linkcode logLinearAttention}. */
export interface LogLinearAttentionInputs {
  /** Queries, `[batch, heads, length, headDim]`. */
  q: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`. */
  k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  v: tf.Tensor;
  /**
   * Natural logarithm of each token's decay, applied on arriving at it,
   * `[batch, heads, length]`, <= 0.
   */
  logDecay: tf.Tensor;
  /**
   * How much each token reads of each level, `[batch, heads, length, levels]`,
   * of any sign; level 0 is the token itself, and level n the tokens in the
   * other half of the smallest block of 2^n that they share. At least
   * bit length(length - 1) + 1 levels; more are not read.
   */
  levelScales: tf.Tensor;
}

/** Options of {@linkcode logLinearAttention}. */
export interface LogLinearAttentionOptions
  extends Omit<WholeSequenceOptions, "form"> {
  /**
   * The form of computation; both give the same result. `"full"` takes
   * quadratic time and memory, `"chunkwise"` n log n.
   * @default "auto"
   */
  form?: "auto" | "full" | "chunkwise" | undefined;
  /** Tokens per chunk, of which a power of two is taken. @default 32 */
  chunkSize?: number | undefined;
}

const MODEL = {
  name: "logLinearAttention",
  inputs: {
    q: "keys",
    k: "keys",
    v: "values",
    logDecay: "per token",
    levelScales: "per level",
  },
  options: WHOLE_SEQUENCE_OPTIONS,
} as const satisfies Model<LogLinearAttentionInputs>;

/** {@linkcode LogLinearAttentionInputs} whose axes are known. */
export type CheckedLogLinearAttentionInputs = Checked<typeof MODEL>;

/**
 * Log-linear attention: a token reads the tokens before it from blocks whose
 * sizes are powers of two, the nearest ones from small blocks, and weighs what
 * it reads from each block itself.
 *
 *     y_i = s Σ_{j <= i} λ_i[level(i, j)] e^{g_{j+1} + … + g_i} (q_i · k_j) v_j
 *
 * where level(i, j) is the bit length of i xor j, for places from 0. In LION,
 * it is LION-S with log decays g, applied on arrival, not normalised, and a
 * weight for each level. In both directions, places count from either end, and
 * the token itself counts once. At padding vectors and scales are 0, while
 * decays and places go on; packed sequences have places of their own.
 *
 * Source: Guo et al. 2025 (arXiv:2506.04761), section 3.
 *
 * @example Each token reads its neighbour in the block of two, and the whole
 * block of two before that
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { logLinearAttention } from "@lionjs/lion/family";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const q: tf.Tensor4D = tf.ones([1, 1, 4, 1]);
 * const v = tf.tensor4d([1000, 100, 10, 1], [1, 1, 4, 1]);
 * const logDecay: tf.Tensor3D = tf.zeros([1, 1, 4]);
 * const levelScales = tf.tile(tf.tensor4d([1, 2, 3], [1, 1, 1, 3]), [1, 1, 4, 1]);
 * const inputs = { q, k: q, v, logDecay, levelScales };
 * const y = await logLinearAttention(inputs, { causal: true }).data();
 * assertEquals([...y], [1000, 2100, 3310, 3321]);
 * ```
 *
 * @param inputs See {@linkcode LogLinearAttentionInputs}.
 * @param options See {@linkcode LogLinearAttentionOptions}; the scale is 1.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If an input has the wrong shape or dtype, or an input or
 * option is unknown or of the wrong type.
 * @throws {RangeError} If there are too few levels for the tokens, or an option
 * has an invalid value.
 */
export function logLinearAttention(
  inputs: LogLinearAttentionInputs,
  options: LogLinearAttentionOptions = {},
): tf.Tensor4D {
  return runModel(MODEL, inputs, options, (given, { tokens, segments }) => {
    const { scale = 1, causal = false, form = "auto", chunkSize = 32 } =
      options;
    assertBoolean("causal", causal);
    assertOneOf("form", form, ["auto", "full", "chunkwise"]);
    assertPositiveInteger("chunkSize", chunkSize);
    assertFloat("scale", scale);
    const levelScales = assertLevels(given.levelScales);
    const decay = selectiveDecay(given.logDecay, { convention: "arrival" });
    const { q, k, v } = given, [batch, heads, length] = v.shape;
    const logDecay = logDecayPair(decay, [batch, heads, length])!.forward;
    const read = { q: tf.mul(q, scale), k, v, logDecay, levelScales };
    // A token alone has no other level.
    const isFull = form === "full" ||
      length <= (form === "auto" ? chunkSize : 1);
    const y = composed(
      "LionLogLinearAttention",
      { ...read, levelScales: given.levelScales, segments },
      { causal },
      () =>
        isFull
          ? full(read as Leveled, causal, segments)
          : inChunks(read as Leveled, causal, chunkSize, segments),
    );
    return withoutPadding(y, tokens);
  });
}

/** One direction, or both as one batch. */
function inChunks(
  { logDecay, ...read }: Leveled,
  causal: boolean,
  chunkSize: number,
  segments: tf.Tensor2D | undefined,
): tf.Tensor4D {
  const run = (
    { logDecay, ...read }: Record<keyof Leveled, tf.Tensor4D>,
    segments: tf.Tensor2D | undefined,
  ) => {
    const given: Leveled = { ...read, logDecay: tf.squeeze(logDecay, [3]) };
    return segments ? packed(given, segments) : chunkwise(given, chunkSize);
  };
  const directed: Record<keyof Leveled, tf.Tensor4D> = {
    ...read,
    logDecay: tf.expandDims(logDecay, 3),
  };
  if (causal) return run(directed, segments);
  const { q, k, v, levelScales } = read;
  const ofItself = tf.mul(
    tf.sum(tf.mul(q, k), 3, true),
    tf.slice(levelScales, [0, 0, 0, 0], [-1, -1, -1, 1]),
  );
  const both = bidirectional(directed, directed, run, segments);
  return tf.sub(both, tf.mul(ofItself, v));
}

/** The scales of the levels that there are; throws if there are not all of them. */
function assertLevels(levelScales: tf.Tensor4D): tf.Tensor4D {
  const [, , length, given] = levelScales.shape, levels = levelsOf(length);
  if (given < levels) {
    throw new RangeError(
      `logLinearAttention's levelScales should have at least ${levels} levels for ${length} tokens, bit length(length - 1) + 1, got ${given}; give each token more scales`,
    );
  }
  return tf.slice(levelScales, [0, 0, 0, 0], [-1, -1, -1, levels]);
}

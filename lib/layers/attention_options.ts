/** Options of attention in a layer, and what they have to be. @module */
import {
  eluPlusOne,
  identity,
  relu,
  shiftedSilu,
} from "../operations/feature_map.ts";
import type { AttentionForm } from "../attention/lion_attention.ts";
import type { Order } from "../attention/orders.ts";
import { assertForm } from "../attention/plan.ts";
import type { OptionNames } from "../contract/options.ts";
import { assertBooleans, assertRate } from "./option_values.ts";

/**
 * What decides how tokens are weighed.
 *
 * - `"lit"`: linear attention without decay, LION-LIT.
 * - `"d"`: a learned decay for each head, LION-D.
 * - `"s"`: a decay that each token chooses, LION-S.
 * - `"softmax"`: softmax attention, the baseline. It has one form, and no orders.
 *
 * All of them read both ways alike, unless they are causal: reversed tokens have
 * reversed outputs. A decay says how far a token is, and not on which side, so
 * that a model that takes the mean over its tokens needs positions to tell a
 * sequence from its reverse.
 */
export type AttentionVariant = "lit" | "d" | "s" | "softmax";

/** The feature maps that a layer can be saved with. */
export const FEATURE_MAPS = { identity, relu, eluPlusOne, shiftedSilu };

/** Options of attention in a layer. */
export interface AttentionOptions {
  /** How tokens are weighed. */
  variant: AttentionVariant;
  /** Must divide the columns of the input. */
  numHeads: number;
  /** How it is computed; see {@linkcode AttentionForm}. @default "auto" */
  form?: AttentionForm;
  /** Tokens per chunk. @default the form's or kernel's choice */
  chunkSize?: number;
  /** Of queries and keys. @default "eluPlusOne" for `"lit"`, else "shiftedSilu" */
  featureMap?: keyof typeof FEATURE_MAPS;
  /**
   * The ways through the tokens, of which each has its own decays: `"raster"`
   * is the tokens' own; `"snake"` winds through the rows and through the
   * columns of `grid`. Without decay, order does not matter. @default "raster"
   */
  order?: "raster" | "snake" | readonly Order[];
  /** Rows and columns of the tokens, for `"snake"`. */
  grid?: readonly [rows: number, columns: number];
  /** Whether token 0 is a class token: it keeps its place, and LION-S does not decay it. @default false */
  classToken?: boolean;
  /** Whether a token reads only itself and the tokens before it, on each way. @default false */
  causal?: boolean;
  /**
   * Whether sequences are packed into rows: the last input, `[batch, length]`,
   * then says which one each token belongs to, and none reads another; see
   * `segments` of lionAttention. @default false
   */
  segments?: boolean;
  /** Whether to divide by the row sum of the scores. @default true */
  normalize?: boolean;
  /** Whether the heads' output is layer-normalised before it is projected. @default false */
  outputNorm?: boolean;
  /** Share of the output's values that training drops. @default 0 */
  dropout?: number;
}

/** The names of the options. */
export const ATTENTION_OPTIONS: OptionNames<AttentionOptions> = {
  variant: true,
  numHeads: true,
  form: true,
  chunkSize: true,
  featureMap: true,
  order: true,
  grid: true,
  classToken: true,
  causal: true,
  segments: true,
  normalize: true,
  outputNorm: true,
  dropout: true,
};

const VARIANTS: readonly string[] = ["lit", "d", "s", "softmax"];

/**
 * Throws unless the options make an attention for so many columns.
 *
 * @throws {TypeError} If one is of the wrong kind.
 * @throws {RangeError} If one has an impossible value.
 */
export function assertAttentionOptions(
  options: AttentionOptions,
  dim: number,
): void {
  const { variant, numHeads, featureMap, order, grid } = options;
  const { classToken, causal, segments, normalize, outputNorm } = options;
  assertBooleans({ classToken, causal, segments, normalize, outputNorm });
  if (!VARIANTS.includes(variant)) {
    throw new RangeError(
      `variant should be "lit", "d", "s" or "softmax", got ${
        JSON.stringify(variant)
      }`,
    );
  }
  if (!(Number.isInteger(numHeads) && numHeads > 0 && dim % numHeads === 0)) {
    throw new RangeError(
      `numHeads should divide the layer's ${dim} columns, got ${numHeads}`,
    );
  }
  if (featureMap !== undefined && !Object.hasOwn(FEATURE_MAPS, featureMap)) {
    throw new RangeError(
      `featureMap should be one of ${
        Object.keys(FEATURE_MAPS).join(", ")
      }, got ${JSON.stringify(featureMap)}`,
    );
  }
  if (order === "snake" && !grid) {
    throw new RangeError(
      `order "snake" needs the grid of the tokens, [rows, columns]`,
    );
  }
  if (classToken && segments) {
    throw new RangeError(
      "classToken is token 0 of a row, and segments pack several sequences " +
        "into one; give each its own class token among its tokens, and no classToken",
    );
  }
  if (Array.isArray(order) && order.length === 0) {
    throw new RangeError("order should hold a list of tokens or more, got []");
  }
  if (typeof order === "string" && order !== "snake" && order !== "raster") {
    throw new RangeError(
      `order should be "raster", "snake" or lists of tokens, got "${order}"`,
    );
  }
  assertRate("dropout", options.dropout);
  assertForm(options.form ?? "auto", options.chunkSize);
}

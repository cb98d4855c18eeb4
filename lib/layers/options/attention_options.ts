/** Options of attention in a layer, and their checks. @module */
import type { AttentionForm } from "../../attention/lion_attention.ts";
import type { Order } from "../../attention/orders.ts";
import { assertForm } from "../../attention/planning/plan.ts";
import { assertFinite, assertOneOf, optionsOf, shown } from "@lionjs/base";
import { FEATURE_MAPS } from "./feature_maps.ts";
import type { Mixer } from "../mixer.ts";
import type { DecayFunction, LearnedDecay } from "../mixers/lion_decays.ts";
import {
  assertBooleans,
  assertCount,
  assertNotGiven,
  assertRate,
} from "./option_values.ts";
import { assertCustomParts } from "./custom_registry.ts";

/**
 * The names of the variants, LION's first.
 *
 * @example Each variant in a block
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionBlock } from "@lionjs/lion";
 * import { ATTENTION_VARIANTS } from "@lionjs/lion/layers";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x = tf.ones([1, 5, 8]);
 * for (const variant of ATTENTION_VARIANTS) {
 *   const block = lionBlock({ variant, numHeads: 2 });
 *   assertEquals((block.apply(x) as tf.Tensor).shape, [1, 5, 8]);
 * }
 * ```
 */
export const ATTENTION_VARIANTS = [
  "lit",
  "d",
  "s",
  "softmax",
  "gla",
  "hgrn2",
  "rwkv6",
  "mamba2",
  "mlstm",
  "delta",
  "gated-delta",
  "kda",
  "rwkv7",
  "gated-delta-2",
  "delta-product",
  "gated-delta-product",
  "comba",
  "mamba3",
  "log-linear",
  "fox",
  "path",
  "hydra",
  "vim",
] as const;

/**
 * The kinds of attention in layers.
 *
 * - `"lit"`: linear attention without decay, LION-LIT.
 * - `"d"`: one learned decay per head, LION-D.
 * - `"s"`: one decay per head and token, LION-S.
 * - `"softmax"`: softmax attention, the baseline; a single form, no orders.
 * - `"gla"`, `"hgrn2"`, `"rwkv6"`: gated linear attention, HGRN-2 and RWKV-6,
 *   with one decay per channel.
 * - `"mamba2"`, `"mlstm"`: Mamba-2 and xLSTM's mLSTM, with one decay per token.
 * - `"delta"`, `"gated-delta"`, `"kda"`: DeltaNet, Gated DeltaNet and Kimi
 *   Delta Attention, which replace the value stored under a key. They have two
 *   forms, recurrent and chunkwise; any other form selects `"auto"`.
 * - `"rwkv7"`: RWKV-7, with a token shift, and with its channel mix in place of
 *   the perceptron. The layers of a model share the first one's values; see `layer`.
 * - `"gated-delta-2"`, `"delta-product"`, `"gated-delta-product"`, `"comba"`:
 *   Gated DeltaNet-2, DeltaProduct without and with decay, and Comba, delta rules
 *   with short convolutions. They and RWKV-7 have the same two forms.
 * - `"mamba3"`, `"log-linear"`: Mamba-3, and log-linear attention, which is
 *   Mamba-2 with a state for each scale of distance, for up to 16,384 tokens. Its
 *   scales count places from both ends of a row, those of padding too.
 * - `"fox"`, `"path"`: the Forgetting Transformer and PaTH, softmax attention whose
 *   weights decay, in PaTH also with keys that tokens on the way reflect.
 * - `"hydra"`: Hydra, which is always bidirectional; {@linkcode hydraMixer}
 *   takes options. Without `numHeads`, its heads have 64 channels.
 * - `"vim"`: Vision Mamba's mixer or, if causal, Mamba's; {@linkcode vimMixer}
 *   takes options. It has a single form and ignores `numHeads`.
 *
 * The models of the family are the functions of `@lionjs/lion/family` with
 * their papers' projections, gates, normalisations and initial decays; those from
 * `"gla"` to `"kda"` without short convolutions and token shifts. The later ones
 * have the parameters of flash-linear-attention or, for Mamba-3, of its authors,
 * with heads of keys and values that divide the layer's columns. Where a token
 * attends to both sides, their convolutions and shifts are the mean of those from
 * either end.
 *
 * Hydra and Vim have separate convolutions and parameters for each direction.
 * The others, unless causal or rotary, treat both directions alike: reversed
 * tokens give reversed outputs. A decay tells how far away a token is, not on
 * which side, so a model that averages over its tokens needs positions to tell
 * a sequence from its reverse.
 */
export type AttentionVariant = typeof ATTENTION_VARIANTS[number];

/**
 * Options of attention in a layer. Exactly one of `variant`, `mixer` and
 * `decay` is required.
 */
export interface AttentionOptions {
  /** The kind of attention. */
  variant?: AttentionVariant | undefined;
  /** A custom mixer, or its registered name, instead of `variant`. */
  mixer?: Mixer | string | undefined;
  /** A custom decay for LION, or its registered name, instead of `variant`. */
  decay?: DecayFunction | LearnedDecay | string | undefined;
  /**
   * Diagonal decays for LION-D and LION-S, one per channel of the keys: the
   * paper's vector decays. `"random"` initialises them like a decay per head.
   * `"hippo"` initialises channel n to `e^(-Δ (n + 1))`, the diagonal of
   * HiPPO-LegS, with one step Δ per head from 0.001 to 0.1. Decays stay
   * sigmoids, since the paper's exponential for Long Range Arena may exceed 1.
   * @default one decay per head
   */
  diagonalDecay?: "hippo" | "random" | undefined;
  /** Number of heads; must divide the input's columns. Custom mixers ignore it. */
  numHeads?: number | undefined;
  /** Form of computation; see {@linkcode AttentionForm}. @default "auto" */
  form?: AttentionForm | undefined;
  /** Tokens per chunk. @default the form's or kernel's choice */
  chunkSize?: number | undefined;
  /**
   * Feature map of queries and keys, for LION only.
   * @default "eluPlusOne" for `"lit"`, else "shiftedSilu"
   */
  featureMap?: keyof typeof FEATURE_MAPS | undefined;
  /**
   * The orders in which tokens are read, each with its own decays, for LION only:
   * `"raster"` is the tokens' own order, `"snake"` winds through the rows and
   * the columns of `grid`. Without decay, order does not matter.
   * @default "raster"
   */
  order?: "raster" | "snake" | readonly Order[] | undefined;
  /** Number of rows and columns of tokens, for `"snake"`. */
  grid?: readonly [rows: number, columns: number] | undefined;
  /** Whether token 0 is a class token: it keeps its place, and LION-S does not decay it. @default false */
  classToken?: boolean | undefined;
  /**
   * The tokens that each token attends to in each order: those on both sides,
   * those before it (`"forward"`: causal attention), or those after it
   * (`"backward"`).
   * @default "both"
   */
  direction?: "both" | "forward" | "backward" | undefined;
  /**
   * Length of the blocks of block diffusion, for LION only: a token then attends to
   * those of its block, on both sides, and to all blocks before it. What these hold
   * is a state of constant size, so each block takes the same time, however many
   * there are before it. @default one block, the whole sequence
   */
  blockLength?: number | undefined;
  /**
   * How often a token counts itself if it attends to both sides. `"twice"` is
   * an ablation, two causal mixers from both ends: LION's mask is then M + I.
   * @default "once"
   */
  countSelf?: "once" | "twice" | undefined;
  /**
   * Whether sequences are packed into rows. The last input, `[batch, length]`,
   * then holds the number of each token's sequence, and sequences do not attend
   * to each other; see `segments` of lionAttention. @default false
   */
  segments?: boolean | undefined;
  /** Whether LION divides by the row sum of the scores. @default true */
  normalize?: boolean | undefined;
  /** Whether LION and softmax layer-normalise the heads' output. @default false */
  outputNorm?: boolean | undefined;
  /**
   * Number of taps of the short convolutions of `"gated-delta-2"`,
   * `"delta-product"`, `"gated-delta-product"` and `"comba"`; 0 for none. @default 4
   */
  convSize?: number | undefined;
  /** Steps per token of `"delta-product"` and `"gated-delta-product"`. @default 2 */
  steps?: number | undefined;
  /**
   * Whether the gates of `"delta"`, `"gated-delta"`, `"kda"`, `"gated-delta-2"` and
   * `"rwkv7"` reach 2 instead of 1, so that a token can turn what its key holds into
   * the opposite, which tracking a parity needs. @default false
   */
  negativeEigenvalues?: boolean | undefined;
  /**
   * Whether `"fox"` and `"path"` divide queries and keys by their root mean square,
   * `"fox"` those of each head by itself. @default false
   */
  queryKeyNorm?: boolean | undefined;
  /** Whether the output of `"fox"` is gated, by the sigmoid of a linear map. @default false */
  outputGate?: boolean | undefined;
  /**
   * How decay rates of `"mamba3"` depend on what is projected, x: `"heavy-tailed"` is
   * 1 + x above 0 and 1 / (1 - x) below, and `"softplus"` its authors' first map, for
   * weights that were trained with it. @default "heavy-tailed"
   */
  decayRates?: "heavy-tailed" | "softplus" | undefined;
  /**
   * Ranks of the low-rank maps of `"rwkv7"`: to decays, learning rates, shares of
   * the first layer's values, and gates. @default as its authors, by the width
   */
  ranks?:
    | readonly [decays: number, rates: number, values: number, gates: number]
    | undefined;
  /**
   * For `"rwkv7"`, the index of the layer, from 0, and the number of layers: the
   * initial values depend on them. If there are several, the first one has a second
   * output, which the others get as their last input. Models fill it in.
   * @default [0, 1]
   */
  layer?: readonly [index: number, count: number] | undefined;
  /**
   * How the scores of softmax depend on positions, the class token's included.
   * `"rotary"` rotates queries and keys (RoPE), which also tells left from
   * right; it needs an even number of columns per head. `"alibi"` subtracts a
   * penalty that grows with distance, equal to both sides: the counterpart of
   * LION-D with fixed decays. Models have learned positions as well.
   * @default "none"
   */
  position?: "none" | "rotary" | "alibi" | undefined;
  /**
   * What rotary positions are divided by: the length to read over the length of
   * training, with which a trained model reads longer sequences. At least 1.
   *
   * Source: Chen et al. 2023 (arXiv:2306.15595), position interpolation.
   *
   * @default 1
   */
  rotaryScale?: number | undefined;
  /** Share of the output's values that training sets to 0. @default 0 */
  dropout?: number | undefined;
}

export const ATTENTION_OPTIONS = optionsOf<AttentionOptions>()(
  "variant mixer decay diagonalDecay numHeads form chunkSize featureMap order",
  "grid classToken direction countSelf segments normalize outputNorm position",
  "rotaryScale convSize steps negativeEigenvalues queryKeyNorm outputGate decayRates",
  "ranks layer dropout blockLength",
);

/** Whether attention is causal: no token attends to tokens after it. */
export function isCausal({ direction }: AttentionOptions): boolean {
  return direction === "forward";
}

/** Whether the mixer is LION, with one of its variants or a custom decay. */
export function isLion(
  { variant, decay }: Pick<AttentionOptions, "variant" | "decay">,
): boolean {
  return decay !== undefined || ["lit", "d", "s"].includes(variant!);
}

/** Throws unless the options are valid for this number of columns. */
export function assertAttentionOptions(
  options: AttentionOptions,
  dim: number,
): void {
  const { featureMap, form = "auto", chunkSize, dropout } = options;
  const { classToken, segments, normalize, outputNorm } = options;
  const { negativeEigenvalues, queryKeyNorm, outputGate } = options;
  assertBooleans({ classToken, segments, normalize, outputNorm });
  assertBooleans({ negativeEigenvalues, queryKeyNorm, outputGate });
  assertWeighing(options, dim);
  assertDirection(options);
  if (featureMap !== undefined && !Object.hasOwn(FEATURE_MAPS, featureMap)) {
    throw new RangeError(
      `featureMap should be one of ${
        Object.keys(FEATURE_MAPS).join(", ")
      }, got ${shown(featureMap)}`,
    );
  }
  assertOrder(options);
  assertLions(options);
  assertPosition(options, dim);
  assertDiagonalDecay(options);
  assertVariantOptions(options);
  assertBlocks(options);
  if (classToken && segments) {
    throw new RangeError(
      "classToken is token 0 of a row, but segments pack several sequences " +
        "into one; put a class token among each sequence's tokens, and leave out classToken",
    );
  }
  assertRate("dropout", dropout);
  assertForm(form, chunkSize);
}

/** Throws unless exactly one option says how tokens are weighted. */
function assertWeighing(options: AttentionOptions, dim: number): void {
  const { variant, mixer, decay, numHeads } = options;
  const given = Object.entries({ variant, mixer, decay })
    .filter(([, value]) => value !== undefined).map(([name]) => name);
  if (given.length > 1) {
    throw new RangeError(
      `one of variant, mixer and decay should say how tokens are weighted, got ${
        given.join(" and ")
      }`,
    );
  }
  assertCustomParts(options);
  if (mixer !== undefined) return;
  if (decay === undefined) assertOneOf("variant", variant, ATTENTION_VARIANTS);
  if (variant === "vim") return;
  if (variant === "hydra" && numHeads === undefined) return;
  if (!(Number.isInteger(numHeads) && numHeads! > 0 && dim % numHeads! === 0)) {
    throw new RangeError(
      `numHeads should divide the layer's ${dim} columns, got ${
        shown(numHeads)
      }`,
    );
  }
}

/** Throws unless the mixer supports the direction and the count of a token itself. */
function assertDirection(options: AttentionOptions): void {
  const { direction = "both", countSelf = "once", variant } = options;
  assertOneOf("direction", direction, ["both", "forward", "backward"]);
  assertOneOf("countSelf", countSelf, ["once", "twice"]);
  const isOneSided = direction !== "both";
  if (variant === "hydra" && (isOneSided || countSelf === "twice")) {
    throw new RangeError(
      'variant "hydra" attends to both sides, and weights a token itself by ' +
        `D, got direction "${direction}" and countSelf "${countSelf}"; ` +
        '"mamba2" can attend to one side',
    );
  }
  if (countSelf === "once") return;
  if (isOneSided) {
    throw new RangeError(
      'countSelf "twice" is for tokens that attend to both sides, got ' +
        `direction "${direction}"`,
    );
  }
  if (variant === "softmax" || variant === "fox" || variant === "path") {
    throw new RangeError(
      `countSelf "twice" is for linear attention, got variant "${variant}"`,
    );
  }
}

/** Throws unless attention in blocks is LION's, in the tokens' own order. */
function assertBlocks(options: AttentionOptions): void {
  const { blockLength, variant, direction, countSelf, order } = options;
  if (blockLength === undefined) return;
  assertCount("blockLength", blockLength);
  const wrong = !isLion(options)
    ? variant ? `variant "${variant}"` : "a custom mixer"
    : direction !== undefined && direction !== "both"
    ? `direction "${direction}"`
    : countSelf === "twice"
    ? 'countSelf "twice"'
    : order !== undefined && order !== "raster"
    ? "an order"
    : options.segments
    ? "segments"
    : options.classToken
    ? "a class token"
    : undefined;
  if (wrong === undefined) return;
  throw new RangeError(
    `blockLength is for LION that attends to both sides of a single sequence in its order, got ${wrong}`,
  );
}

function assertOrder({ order, grid }: AttentionOptions): void {
  if (grid !== undefined && !Array.isArray(grid)) {
    throw new TypeError(
      `grid should be [rows, columns], got ${shown(grid)}`,
    );
  }
  if (order === "snake" && !grid) {
    throw new RangeError(
      `order "snake" needs the grid of the tokens, [rows, columns]`,
    );
  }
  if (Array.isArray(order) && order.length === 0) {
    throw new RangeError(
      "order should hold at least one list of tokens, got []",
    );
  }
  const isKnown = order === undefined || order === "snake" ||
    order === "raster" || Array.isArray(order);
  if (isKnown) return;
  const Kind = typeof order === "string" ? RangeError : TypeError;
  throw new Kind(
    `order should be "raster", "snake" or lists of tokens, got ${shown(order)}`,
  );
}

/** Throws if a mixer other than LION is given an option that only LION has. */
function assertLions(options: AttentionOptions): void {
  const { variant, featureMap, normalize, outputNorm, order } = options;
  if (isLion(options) || variant === "softmax") return;
  const other = order === "raster" ? undefined : order;
  const mixer = variant ? `variant "${variant}"` : "a custom mixer";
  assertNotGiven(
    { featureMap, normalize, outputNorm, order: other },
    `is an option of LION, which ${mixer} does not have`,
  );
}

function assertPosition(
  { position, rotaryScale, variant, numHeads }: AttentionOptions,
  dim: number,
): void {
  if (rotaryScale !== undefined) {
    if (position !== "rotary") {
      throw new RangeError(
        `rotaryScale is an option of position "rotary", got position ${
          shown(position)
        }; leave it out`,
      );
    }
    assertFinite("rotaryScale", rotaryScale);
    if (rotaryScale < 1) {
      throw new RangeError(
        `rotaryScale should be at least 1, got ${rotaryScale}`,
      );
    }
  }
  if (position === undefined) return;
  assertOneOf("position", position, ["none", "rotary", "alibi"]);
  if (position === "none") return;
  if (variant !== "softmax") {
    throw new RangeError(
      `position is an option of variant "softmax", got position "${position}" for ${
        variant ? `variant "${variant}"` : "another mixer"
      }; leave it out`,
    );
  }
  const headDim = dim / numHeads!;
  if (position === "rotary" && headDim % 2 !== 0) {
    throw new RangeError(
      `position "rotary" should have an even number of columns per head, got ${headDim}`,
    );
  }
}

function assertDiagonalDecay(
  { diagonalDecay, variant }: AttentionOptions,
): void {
  if (diagonalDecay === undefined) return;
  assertOneOf("diagonalDecay", diagonalDecay, ["hippo", "random"]);
  if (variant === "d" || variant === "s") return;
  throw new RangeError(
    `diagonalDecay is an option of variants "d" and "s", got ${
      variant ? `variant "${variant}"` : "a custom decay or mixer"
    }; leave it out`,
  );
}

/** The variants that have each option of their own. */
const OWN_OPTIONS = {
  convSize: ["gated-delta-2", "delta-product", "gated-delta-product", "comba"],
  steps: ["delta-product", "gated-delta-product"],
  negativeEigenvalues: [
    ...["delta", "gated-delta", "kda", "gated-delta-2", "rwkv7"] as const,
  ],
  queryKeyNorm: ["fox", "path"],
  outputGate: ["fox"],
  decayRates: ["mamba3"],
  ranks: ["rwkv7"],
  layer: ["rwkv7"],
} as const satisfies Partial<
  Record<keyof AttentionOptions, readonly AttentionVariant[]>
>;

/** Throws unless options that few variants have are valid, and given to these. */
function assertVariantOptions(options: AttentionOptions): void {
  const { variant, convSize, steps, decayRates, ranks, layer } = options;
  for (const [name, variants] of Object.entries(OWN_OPTIONS)) {
    if (variants.some((one) => one === variant)) continue;
    assertNotGiven(
      { [name]: options[name as keyof typeof OWN_OPTIONS] },
      `is an option of ${variants.map((one) => `"${one}"`).join(", ")}, which ${
        variant ? `variant "${variant}"` : "a custom decay or mixer"
      } does not have`,
    );
  }
  if (convSize !== undefined) assertCount("convSize", convSize, 0);
  if (steps !== undefined) assertCount("steps", steps);
  if (decayRates !== undefined) {
    assertOneOf("decayRates", decayRates, ["heavy-tailed", "softplus"]);
  }
  if (ranks !== undefined) assertRanks(ranks);
  if (layer !== undefined) assertLayer(layer);
}

/** Throws unless the option `ranks` is four ranks. */
function assertRanks(ranks: unknown): void {
  if (!Array.isArray(ranks) || ranks.length !== 4) {
    throw new TypeError(
      `ranks should be [decays, rates, values, gates], got ${shown(ranks)}`,
    );
  }
  ranks.forEach((rank, i) => assertCount(`ranks[${i}]`, rank));
}

/** Throws unless the option `layer` is an index and the number of layers. */
function assertLayer(layer: unknown): void {
  const [index, count, ...more] = Array.isArray(layer) ? layer : [];
  const are = more.length === 0 && Number.isInteger(index) &&
    Number.isInteger(count) && 0 <= index && index < count;
  if (are) return;
  const Kind = Array.isArray(layer) ? RangeError : TypeError;
  throw new Kind(
    `layer should be [index, count], the layer's index and the number of layers, got ${
      shown(layer)
    }`,
  );
}

/** Options of attention in a layer, and what they have to be. @module */
import type { AttentionForm } from "../attention/lion_attention.ts";
import type { Order } from "../attention/orders.ts";
import { assertForm } from "../attention/plan.ts";
import type { OptionNames } from "../contract/options.ts";
import { FEATURE_MAPS } from "./feature_maps.ts";
import type { Mixer } from "./mixer.ts";
import type {
  ChannelDecayInit,
  DecayFunction,
  LearnedDecay,
} from "./mixers/lion_decays.ts";
import { assertBooleans, assertRate } from "./option_values.ts";
import { assertOwnParts } from "./own_parts.ts";

/** The variants, LION's first. */
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
  "hydra",
  "vim",
] as const;

/**
 * What decides how tokens are weighed.
 *
 * - `"lit"`: linear attention without decay, LION-LIT.
 * - `"d"`: a learned decay for each head, LION-D.
 * - `"s"`: a decay that each token chooses, LION-S.
 * - `"softmax"`: softmax attention, the baseline. It has one form, and no orders.
 * - `"gla"`, `"hgrn2"`, `"rwkv6"`: gated linear attention, HGRN-2 and RWKV-6, with a
 *   decay of each channel.
 * - `"mamba2"`, `"mlstm"`: Mamba-2 and xLSTM's mLSTM, with a decay of each token.
 * - `"delta"`, `"gated-delta"`, `"kda"`: DeltaNet, Gated DeltaNet and Kimi Delta
 *   Attention, which replace what a key finds. They have two forms, recurrent and
 *   chunkwise, and choose by themselves where another is asked for.
 * - `"hydra"`: Hydra, which reads both sides only; {@linkcode hydraMixer} has options.
 *   Without `numHeads` its heads have 64 channels.
 * - `"vim"`: Vision Mamba's mixer, and causal Mamba's; {@linkcode vimMixer} has options.
 *   It has no heads, whatever `numHeads` is, and one form.
 *
 * The models of the family are what `@lionjs/lion/family` has, between projections,
 * gates and normalisations as in their papers, with first decays from there too;
 * without short convolutions and shifts of tokens before them.
 *
 * Hydra and Vim have convolutions and parameters for each direction. The others
 * read both ways alike, unless they are causal or rotary: reversed tokens have
 * reversed outputs. A decay says how far a token is, and not on which side, so
 * that a model that takes the mean over its tokens needs positions to tell a
 * sequence from its reverse.
 */
export type AttentionVariant = typeof ATTENTION_VARIANTS[number];

/** Options of attention in a layer: one of `variant`, `mixer` and `decay`, and how it is computed. */
export interface AttentionOptions {
  /** How tokens are weighed. */
  variant?: AttentionVariant;
  /** A mixer of one's own in its place, or the name that it is registered by. */
  mixer?: Mixer | string;
  /**
   * A decay of one's own inside LION in its place, or the name that it is
   * registered by.
   */
  decay?: DecayFunction | LearnedDecay | string;
  /**
   * LION-D and LION-S have a decay of each channel of the keys: the paper's vector
   * decays. `"random"`: they begin as one of a head does. `"hippo"`: they begin
   * as `e^(-Δ (n + 1))` for channel n: the diagonal of HiPPO-LegS, in steps
   * of a Δ of each head from 0.001 to 0.1. They stay sigmoids, where the paper, for
   * Long Range Arena, has an exponential that may grow above 1. @default as
   * `variant` says, one decay a head
   */
  decayInit?: ChannelDecayInit;
  /** Must divide the columns of the input; a mixer of one's own has its own. */
  numHeads?: number;
  /** How it is computed; see {@linkcode AttentionForm}. @default "auto" */
  form?: AttentionForm;
  /** Tokens per chunk. @default the form's or kernel's choice */
  chunkSize?: number;
  /** Of queries and keys, LION's. @default "eluPlusOne" for `"lit"`, else "shiftedSilu" */
  featureMap?: keyof typeof FEATURE_MAPS;
  /**
   * The ways through the tokens, of which each has its own decays: `"raster"`
   * is the tokens' own; `"snake"` winds through the rows and through the
   * columns of `grid`. LION's; without decay, order does not matter. @default "raster"
   */
  order?: "raster" | "snake" | readonly Order[];
  /** Rows and columns of the tokens, for `"snake"`. */
  grid?: readonly [rows: number, columns: number];
  /** Whether token 0 is a class token: it keeps its place, and LION-S does not decay it. @default false */
  classToken?: boolean;
  /**
   * Whether each token attends only to itself and the tokens before it, on each
   * way. @default false
   */
  causal?: boolean;
  /**
   * Which tokens a token reads besides itself: those on both sides, those before
   * it (`"forward"`, the same as `causal`) or those after it. @default "both", or "forward" if causal
   */
  direction?: Direction;
  /**
   * How often a token counts itself where it reads both sides. `"twice"` is an
   * ablation, the sum of two causal mixers, one from each end: LION's mask is
   * then M + I, and its row sums are of that. @default "once"
   */
  diagonal?: "once" | "twice";
  /**
   * Whether sequences are packed into rows: the last input, `[batch, length]`,
   * then says which one each token belongs to, and none reads another; see
   * `segments` of lionAttention. @default false
   */
  segments?: boolean;
  /** Whether to divide by the row sum of the scores; LION's. @default true */
  normalize?: boolean;
  /** Whether the heads' output is layer-normalised before it is projected; LION's and softmax's. @default false */
  outputNorm?: boolean;
  /**
   * How the scores of softmax know where tokens stand, class token included:
   * `"rotary"` turns queries and keys (RoPE), which tells the sides of a token
   * apart too and needs an even number of columns a head; `"alibi"` takes off
   * what grows with distance, the same to both sides: LION-D's counterpart, with
   * decays that are not learned. Models have learned positions besides. @default "none"
   */
  position?: PositionInScores;
  /** Share of the output's values that training drops. @default 0 */
  dropout?: number;
}

/** How the scores of softmax know where tokens stand. */
export type PositionInScores = "none" | "rotary" | "alibi";

/** Which tokens a token reads besides itself. */
export type Direction = "both" | "forward" | "backward";

/** The names of the options. */
export const ATTENTION_OPTIONS: OptionNames<AttentionOptions> = {
  variant: true,
  mixer: true,
  decay: true,
  decayInit: true,
  numHeads: true,
  form: true,
  chunkSize: true,
  featureMap: true,
  order: true,
  grid: true,
  classToken: true,
  causal: true,
  direction: true,
  diagonal: true,
  segments: true,
  normalize: true,
  outputNorm: true,
  position: true,
  dropout: true,
};

/** Whether a token reads nothing after it. */
export function isCausal({ causal, direction }: AttentionOptions): boolean {
  return causal === true || direction === "forward";
}

/** Whether LION weighs the tokens. */
export function isLion(
  { variant, decay }: Pick<AttentionOptions, "variant" | "decay">,
): boolean {
  return decay !== undefined || ["lit", "d", "s"].includes(variant!);
}

/**
 * Throws unless the options make an attention for so many columns.
 *
 * @throws {TypeError} If an option has the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function assertAttentionOptions(
  options: AttentionOptions,
  dim: number,
): void {
  const { featureMap, form = "auto", chunkSize, dropout } = options;
  const { classToken, causal, segments, normalize, outputNorm } = options;
  assertBooleans({ classToken, causal, segments, normalize, outputNorm });
  assertWeighing(options, dim);
  assertDirection(options);
  if (featureMap !== undefined && !Object.hasOwn(FEATURE_MAPS, featureMap)) {
    throw new RangeError(
      `featureMap should be one of ${
        Object.keys(FEATURE_MAPS).join(", ")
      }, got ${JSON.stringify(featureMap)}`,
    );
  }
  assertOrder(options);
  assertLions(options);
  assertPosition(options, dim);
  assertDecayInit(options);
  if (classToken && segments) {
    throw new RangeError(
      "classToken is token 0 of a row, and segments pack several sequences " +
        "into one; give each its own class token among its tokens, and no classToken",
    );
  }
  assertRate("dropout", dropout);
  assertForm(form, chunkSize);
}

/** Throws unless one thing says how tokens are weighed. */
function assertWeighing(options: AttentionOptions, dim: number): void {
  const { variant, mixer, decay, numHeads } = options;
  const given = Object.entries({ variant, mixer, decay })
    .filter(([, value]) => value !== undefined).map(([name]) => name);
  if (given.length > 1) {
    throw new RangeError(
      `one of variant, mixer and decay should say how tokens are weighed, got ${
        given.join(" and ")
      }`,
    );
  }
  assertOwnParts(options);
  if (mixer !== undefined) return;
  if (
    decay === undefined &&
    !ATTENTION_VARIANTS.includes(variant as AttentionVariant)
  ) {
    const names = ATTENTION_VARIANTS.map((name) => `"${name}"`);
    throw new RangeError(
      `variant should be ${names.slice(0, -1).join(", ")} or ${
        names.at(-1)
      }, got ${JSON.stringify(variant)}`,
    );
  }
  if (variant === "vim") return;
  if (variant === "hydra" && numHeads === undefined) return;
  if (!(Number.isInteger(numHeads) && numHeads! > 0 && dim % numHeads! === 0)) {
    throw new RangeError(
      `numHeads should divide the layer's ${dim} columns, got ${numHeads}`,
    );
  }
}

/** Throws unless it can be read in that direction. */
function assertDirection(options: AttentionOptions): void {
  const { causal, direction = "both", diagonal = "once", variant } = options;
  if (!["both", "forward", "backward"].includes(direction)) {
    throw new RangeError(
      `direction should be "both", "forward" or "backward", got ${
        JSON.stringify(direction)
      }`,
    );
  }
  if (causal && options.direction && direction !== "forward") {
    throw new RangeError(
      `causal is direction "forward", got direction ${
        JSON.stringify(direction)
      } too`,
    );
  }
  if (diagonal !== "once" && diagonal !== "twice") {
    throw new RangeError(
      `diagonal should be "once" or "twice", got ${JSON.stringify(diagonal)}`,
    );
  }
  const isOneSided = causal || direction !== "both";
  if (variant === "hydra" && (isOneSided || diagonal === "twice")) {
    throw new RangeError(
      'variant "hydra" reads both sides, and has a diagonal of its own, got ' +
        `${
          causal ? "causal" : `direction "${direction}"`
        } and diagonal "${diagonal}"; ` +
        '"mamba2" reads one side too',
    );
  }
  if (diagonal === "once") return;
  if (isOneSided) {
    throw new RangeError(
      'diagonal "twice" is for tokens that read both sides, got ' +
        `direction "${causal ? "forward" : direction}"`,
    );
  }
  if (variant === "softmax") {
    throw new RangeError(
      'diagonal "twice" is for linear attention, got variant "softmax"',
    );
  }
}

function assertOrder({ order, grid }: AttentionOptions): void {
  if (order === "snake" && !grid) {
    throw new RangeError(
      `order "snake" needs the grid of the tokens, [rows, columns]`,
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
}

/** Throws if a mixer that is not LION's is given what only LION has. */
function assertLions(options: AttentionOptions): void {
  const { variant, featureMap, normalize, outputNorm, order } = options;
  if (isLion(options) || variant === "softmax") return;
  const lions = { featureMap, normalize, outputNorm };
  const given = Object.entries(lions).find(([, value]) => value !== undefined);
  const wrong = given ?? (order && order !== "raster" && ["order", order]);
  if (!wrong) return;
  throw new RangeError(
    `${wrong[0]} is an option of LION, which ${
      variant ? `variant "${variant}"` : "a mixer of one's own"
    } does not have; leave it out, got ${JSON.stringify(wrong[1])}`,
  );
}

function assertPosition(
  { position, variant, numHeads }: AttentionOptions,
  dim: number,
): void {
  if (position === undefined) return;
  if (!["none", "rotary", "alibi"].includes(position)) {
    throw new RangeError(
      `position should be "none", "rotary" or "alibi", got ${
        JSON.stringify(position)
      }`,
    );
  }
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
      `position "rotary" should have an even number of columns a head, got ${headDim}`,
    );
  }
}

function assertDecayInit({ decayInit, variant }: AttentionOptions): void {
  if (decayInit === undefined) return;
  if (decayInit !== "hippo" && decayInit !== "random") {
    throw new RangeError(
      `decayInit should be "hippo" or "random", got ${
        JSON.stringify(decayInit)
      }`,
    );
  }
  if (variant === "d" || variant === "s") return;
  throw new RangeError(
    `decayInit is an option of variants "d" and "s", got ${
      variant ? `variant "${variant}"` : "a decay or a mixer of one's own"
    }; leave it out`,
  );
}

/** Masked tokens, and batches of them, for masked language models. @module */
import { assertOptions, assertShare, optionsOf, shown } from "@lionjs/base";
import { integers } from "../batches/integers.ts";
import { below, type Random } from "../batches/random.ts";
import type { Collate } from "../batches/stream.ts";
import type { PadTokensOptions } from "./pad_tokens.ts";
import {
  collateTokens,
  IGNORE_INDEX,
  type PackOptions,
  type TokenTypesOptions,
} from "./token_batch.ts";
import { type TypedTokens, withTypes } from "./token_examples.ts";
import type { SpecialTokens, Tokenizer } from "./tokenizer.ts";

/** Options of {@linkcode maskTokens}. */
export interface MaskTokensOptions {
  /**
   * Share of the tokens to predict: 0.15 in BERT; 0.3 is common for training.
   */
  rate: number;
  /** Random number generator that chooses the tokens to predict. */
  random: Random;
  /** The tokenizer, whose special tokens are never chosen. */
  tokenizer: Pick<Tokenizer, "specials" | "vocabularySize">;
}

/** Options of {@linkcode collateMasked}. */
export interface CollateMaskedOptions
  extends
    Omit<MaskTokensOptions, "random">,
    Pick<PadTokensOptions, "length">,
    PackOptions,
    TokenTypesOptions {}

const OPTIONS = optionsOf<MaskTokensOptions>()("rate random tokenizer");

const COLLATE_OPTIONS = optionsOf<CollateMaskedOptions>()(
  "rate tokenizer length packed tokenTypes",
);

/**
 * Masks tokens as BERT does: of the tokens to predict, 80 % become the mask, 10
 * % become a random token that is not special, and 10 % stay unchanged.
 *
 * Source: Devlin et al. 2019 (arXiv:1810.04805).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { byteTokenizer, maskTokens } from "@lionjs/lion/data";
 *
 * const tokenizer = byteTokenizer();
 * const { ids, labels } = maskTokens([70, tokenizer.specials.sep, 71], {
 *   rate: 1,
 *   random: () => 0.5,
 *   tokenizer,
 * });
 * const { mask, sep } = tokenizer.specials;
 * assertEquals([...ids], [mask, sep, mask]);
 * assertEquals([...labels], [70, -100, 71]);
 * ```
 *
 * @param ids The ids of the tokens.
 * @param options See {@linkcode MaskTokensOptions}.
 * @returns `ids`, the input of the model, and `labels`: the original ids of the
 * chosen tokens, -100 elsewhere.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If the rate is not from 0 to 1, or an id is not an integer
 * of 32 bits.
 */
export function maskTokens(
  ids: ArrayLike<number>,
  options: MaskTokensOptions,
): { ids: Int32Array; labels: Int32Array } {
  assertOptions("maskTokens", options, OPTIONS);
  const { rate, random, tokenizer } = options;
  assertShare("rate", rate);
  if (typeof random !== "function") {
    throw new TypeError(
      `random should be a function such as Math.random, got ${shown(random)}`,
    );
  }
  assertTokenizer(tokenizer, ["mask"]);
  const { specials, vocabularySize } = tokenizer;
  const special = new Set<number>(Object.values(specials));
  const anyToken = (): number => {
    const id = below(vocabularySize, random);
    return special.has(id) ? anyToken() : id;
  };
  const seen = Int32Array.from(integers("ids", ids));
  const labels = new Int32Array(ids.length).fill(IGNORE_INDEX);
  seen.forEach((id, i) => {
    if (special.has(id) || random() >= rate) return;
    labels[i] = id;
    const kind = random();
    if (kind < 0.8) seen[i] = specials.mask;
    else if (kind < 0.9) seen[i] = anyToken();
  });
  return { ids: seen, labels };
}

/** Throws unless a tokenizer has the special tokens that masking needs. */
function assertTokenizer(
  tokenizer: Pick<Tokenizer, "specials" | "vocabularySize">,
  kinds: readonly (keyof SpecialTokens)[],
): void {
  const { specials = {}, vocabularySize } = Object(tokenizer);
  if (
    typeof specials === "object" && specials !== null &&
    Object.values(specials).every(Number.isInteger) &&
    kinds.every((kind) => Object.hasOwn(specials, kind)) &&
    Number.isInteger(vocabularySize) && vocabularySize > 0
  ) return;
  throw new TypeError(
    `tokenizer should be one such as byteTokenizer(), got ${shown(tokenizer)}`,
  );
}

/**
 * Makes batches for masked language modelling with `lionBert`: inputs `ids` and
 * `mask`, labels `[batch, length]` by {@linkcode maskTokens}. A sequence gets a
 * new mask each time it is in a batch. It is an array of ids, or has types as
 * well, as from a tokenizer's `encodeWithSpecials`.
 *
 * With `tokenTypes: true`, for a model with token types, like `lionBert` by
 * default, the next input is `types`. With `packed: true`, for a model with
 * `segments: true`, the last one is `segments`, as from
 * {@linkcode packSequences}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { batchesInOrder, byteTokenizer, collateMasked, datasetOf } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const tokenizer = byteTokenizer();
 * const sequences = datasetOf([tokenizer.encode("a lion"), tokenizer.encode("a cat")]);
 * const batches = batchesInOrder(sequences, {
 *   batchSize: 2,
 *   collate: collateMasked({ tokenizer, rate: 0.15 }),
 * });
 * for await (const { inputs: [ids, mask], labels } of batches) {
 *   assertEquals(ids!.shape, [2, 6]);
 *   assertEquals(labels.shape, [2, 6]);
 *   tf.dispose([ids!, mask!, labels]);
 * }
 * ```
 *
 * @param options See {@linkcode CollateMaskedOptions}.
 * @returns The function, for `shuffledBatches` and `batchesInOrder`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If the rate is not from 0 to 1, or `length` is invalid.
 */
export function collateMasked(
  options: CollateMaskedOptions,
): Collate<ArrayLike<number> | TypedTokens> {
  assertOptions("collateMasked", options, COLLATE_OPTIONS);
  const { rate, tokenizer, length, packed, tokenTypes } = options;
  assertShare("rate", rate);
  assertTokenizer(tokenizer, ["pad", "mask"]);
  const collate = collateTokens({
    pad: tokenizer.specials.pad,
    length,
    packed,
    tokenTypes,
  });
  return (sequences, random) =>
    collate(
      withTypes(sequences).map(({ ids, types }) => ({
        types,
        ...maskTokens(ids, { rate, random, tokenizer }),
      })),
      random,
    );
}

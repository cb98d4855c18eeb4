/** Words for the gaps of a text, by a masked language model. @module */
import {
  assertInteger,
  assertModel,
  assertOptions,
  assertPositiveInteger,
  assertText,
  optionsOf,
} from "@lionjs/base";
import type { Tokenizer } from "@lionjs/data/text";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  inputsOf,
  lengthOf,
  modelIn,
  padOf,
  type TextModel,
  tokenizerFor,
  type Tokens,
} from "./text_input.ts";

/** A token for a gap, and how likely it is. */
export interface FilledGap {
  /** The text of the token. */
  readonly token: string;
  /** The id of the token. */
  readonly id: number;
  /** The token's probability, from 0 to 1. */
  readonly probability: number;
}

/** Options of {@linkcode fill}. */
export interface FillOptions {
  /** The most tokens to return for a gap. @default 5 */
  top?: number | undefined;
  /** What stands for a gap in the text. @default "[MASK]" */
  gap?: string | undefined;
  /** The tokenizer. @default the one beside the model */
  tokenizer?: Tokenizer | undefined;
}

const OPTIONS = optionsOf<FillOptions>()("top gap tokenizer");

/**
 * Returns the likeliest tokens for each gap of a text, the likeliest first.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fill, lionBert } from "@lionjs/lion";
 * import { byteTokenizer } from "@lionjs/lion/data";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionBert({
 *   vocabularySize: 261, dim: 8, depth: 1, numHeads: 2, maxLength: 32, variant: "s",
 * });
 * const tokenizer = byteTokenizer();
 * const text = "A c[MASK]t and a d[MASK]g.";
 * const [first, second] = await fill(model, text, { tokenizer, top: 3 });
 * assertEquals([first!.length, second!.length], [3, 3]);
 * ```
 *
 * @param model A masked language model, such as `lionBert` makes, or what
 * `fromPretrained` of `@lionjs/lion/hub` returns, with its tokenizer.
 * @param text The text, with one gap or several.
 * @param options See {@linkcode FillOptions}.
 * @returns The tokens of each gap, in the order of the text.
 * @throws {TypeError} If the model is no masked language model, there is no
 * tokenizer, or an option is unknown or of the wrong type.
 * @throws {RangeError} If the text has no gap or more tokens than the model reads,
 * the tokenizer has no mask token, or an option has an invalid value.
 */
export async function fill(
  model: LayersModel | TextModel,
  text: string,
  options: FillOptions = {},
): Promise<FilledGap[][]> {
  assertOptions("fill", options, OPTIONS);
  const { top = 5, gap = "[MASK]" } = options;
  assertPositiveInteger("top", top);
  assertText("gap", gap);
  assertText("fill's text", text);
  const read = modelIn(model);
  assertModel("fill's model", read);
  const tokenizer = tokenizerFor("fill", model, options.tokenizer);
  assertMasked(read, tokenizer);
  const parts = gap === "" ? [text] : text.split(gap);
  if (parts.length === 1) {
    throw new RangeError(
      `fill's text should have a gap, ${JSON.stringify(gap)}, got ${
        JSON.stringify(text)
      }`,
    );
  }
  const { tokens, gaps } = await tokensAround(parts, tokenizer);
  const length = lengthOf(read) ?? Infinity;
  if (tokens.ids.length > length) {
    throw new RangeError(
      `fill's text should have at most the model's ${length} tokens, got ${tokens.ids.length}`,
    );
  }
  const inputs = inputsOf("fill", read, [tokens], padOf(tokenizer));
  const shares = tf.tidy(() => {
    const logits = tf.squeeze(read.predict(inputs) as tf.Tensor, [0]);
    return tf.softmax(tf.gather(logits, tf.tensor1d(gaps, "int32")));
  });
  try {
    const rows = await shares.array() as number[][];
    return rows.map((row) => likeliest(row, top, tokenizer));
  } finally {
    tf.dispose([shares, ...inputs]);
  }
}

function assertMasked(
  { name, outputs }: LayersModel,
  { vocabularySize }: Tokenizer,
): void {
  const { shape } = outputs[0]!;
  if (shape.length !== 3 || shape[2]! < vocabularySize) {
    throw new TypeError(
      `fill's model should be a masked language model, with logits [batch, length, ${vocabularySize}] for this tokenizer, got ${name} with [${
        shape.map((size) => size ?? "any")
      }]`,
    );
  }
}

/** The tokens of a text whose parts have a gap between them, and the places of the gaps. */
async function tokensAround(
  parts: readonly string[],
  tokenizer: Tokenizer,
): Promise<{ tokens: Tokens; gaps: number[] }> {
  const { mask } = Object(tokenizer.specials) as Tokenizer["specials"];
  assertInteger("tokenizer.specials.mask", mask, 0);
  // Where words begin with their space, a gap stands for that too.
  const own = tokenizer.encode("a").length;
  const isSpaced = tokenizer.encode(" a").length === own + 1;
  const ids: number[] = [], gaps: number[] = [];
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    const read = isLast || isSpaced ? part : part.trimEnd();
    ids.push(...tokenizer.encode(read));
    if (isLast) break;
    gaps.push(ids.length);
    ids.push(mask);
  }
  // A page that does not fill gaps does not load what reads a tokenizer.json.
  const { specialsAround } = await import("@lionjs/data/text");
  const { before, after, type } = specialsAround(tokenizer);
  const all = [...before, ...ids, ...after];
  return {
    tokens: { ids: all, types: all.map(() => type) },
    gaps: gaps.map((place) => place + before.length),
  };
}

function likeliest(
  row: readonly number[],
  top: number,
  tokenizer: Tokenizer,
): FilledGap[] {
  return row.map((probability, id) => ({ id, probability }))
    .filter(({ id }) => id < tokenizer.vocabularySize)
    .sort((a, b) => b.probability - a.probability).slice(0, top)
    .map(({ id, probability }) => ({
      token: tokenizer.decode([id]),
      id,
      probability,
    }));
}

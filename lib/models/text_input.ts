/** The inputs of a model for texts, as its collate functions make them. @module */
import { assertInteger, assertText, shown } from "@lionjs/base";
import type { Tokenizer } from "@lionjs/data/text";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { PositionTable } from "../layers/embeddings/positions.ts";
import { TokenEmbedding } from "../layers/embeddings/token_embedding.ts";

/** A model, and the tokenizer of its texts, such as `fromPretrained` returns. */
export interface TextModel {
  /** The model. */
  readonly model: LayersModel;
  /** The tokenizer of its texts. */
  readonly tokenizer?: Tokenizer | undefined;
}

/** A text's tokens, special ones included, and their types. */
export interface Tokens {
  readonly ids: readonly number[];
  readonly types: readonly number[];
}

/** The model itself, where it is given with what belongs to it. */
export function modelIn(given: LayersModel | TextModel): LayersModel {
  const { model } = Object(given) as TextModel;
  return model ?? given as LayersModel;
}

/** The tokenizer that is given, in the options or with the model. */
export function tokenizerFor(
  owner: string,
  given: LayersModel | TextModel,
  chosen: Tokenizer | undefined,
): Tokenizer {
  const tokenizer = chosen === undefined ? Object(given).tokenizer : chosen;
  assertTokenizer(owner, tokenizer);
  return tokenizer;
}

/** Throws unless a value has the methods of a tokenizer. */
export function assertTokenizer(owner: string, tokenizer: Tokenizer): void {
  const { encode, encodeWithSpecials, decode } = Object(tokenizer);
  const parts: unknown[] = [encode, encodeWithSpecials, decode];
  if (parts.every((part) => typeof part === "function")) return;
  throw new TypeError(
    `${owner}'s tokenizer should be the one that the model was trained with, such as tokenizerOf or fromPretrained returns, got ${
      shown(tokenizer)
    }`,
  );
}

/** The most tokens that a model reads; `undefined` if any number will do. */
export function lengthOf(model: LayersModel): number | undefined {
  const layer = model.layers.find((layer) =>
    layer instanceof TokenEmbedding || layer instanceof PositionTable
  );
  const { maxLength } = Object(layer?.getConfig());
  return maxLength > 0 ? maxLength : undefined;
}

/** Tokenizes a text, which is truncated to what the model reads. */
export function tokensOf(
  name: string,
  text: string,
  tokenizer: Tokenizer,
  length: number | undefined,
): Tokens {
  assertText(name, text);
  const tokens = tokenizer.encodeWithSpecials(text, length ? { length } : {});
  if (Array.isArray(Object(tokens).ids)) return tokens;
  throw new TypeError(
    `the tokenizer's encodeWithSpecials should return { ids }, got ${
      shown(tokens)
    }`,
  );
}

/**
 * A model's inputs for texts, padded to the longest; the caller disposes of them.
 *
 * @throws {TypeError} If the model reads anything but ids, masks and types.
 */
export function inputsOf(
  owner: string,
  model: LayersModel,
  texts: readonly Tokens[],
  pad: number,
): tf.Tensor[] {
  const length = Math.max(1, ...texts.map(({ ids }) => ids.length));
  const rows = (of: (text: Tokens) => readonly number[], fill: number) =>
    texts.map((text) => {
      const row = of(text);
      return [...row, ...Array(length - row.length).fill(fill)];
    });
  const makers: Record<string, () => tf.Tensor> = {
    ids: () => tf.tensor2d(rows(({ ids }) => ids, pad), undefined, "int32"),
    mask: () => tf.tensor2d(rows(({ ids }) => ids.map(() => 1), 0)),
    types: () => tf.tensor2d(rows(({ types }) => types, 0), undefined, "int32"),
  };
  const names = model.inputs.map((input) => input.originalName ?? input.name);
  const isKnown = names.every((name) => Object.hasOwn(makers, name));
  if (!isKnown || !names.includes("ids")) {
    throw new TypeError(
      `${owner}'s model should read texts, with inputs ids, mask and types, got a model with ${
        names.join(", ")
      }`,
    );
  }
  return names.map((name) => makers[name]!());
}

/** The id of padding, which no model reads. */
export function padOf({ specials }: Tokenizer): number {
  if (!Object.hasOwn(Object(specials), "pad")) return 0;
  assertInteger("tokenizer.specials.pad", specials.pad, 0);
  return specials.pad;
}

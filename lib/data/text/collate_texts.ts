/** Batches of texts: tokenization and padding in one. @module */
import { assertExamples } from "../batches/dataset.ts";
import {
  assertBoolean,
  assertInteger,
  assertOneOf,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import { classesOf } from "../batches/classes.ts";
import type { Collate } from "../batches/stream.ts";
import { collateTokens } from "./token_batch.ts";
import type { ClassifiedTokens } from "./token_examples.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { wordTokens } from "./word_tokens.ts";

/** Options of {@linkcode collateTexts}. */
export interface CollateTextsOptions {
  /** The tokenizer, whose special tokens are put around each text. */
  tokenizer: Tokenizer;
  /** Number of tokens to which texts are padded or truncated. */
  length: number;
  /**
   * The names of the classes, if labels are names; a class's index is its
   * label.
   * @default labels are numbers
   */
  classes?: readonly string[] | undefined;
  /**
   * The field of the text, or of an array of one or two texts, as in `glue`'s
   * examples. @default "text"
   */
  text?: string | undefined;
  /** The field of the second text of a pair, if `text` contains only one. @default none */
  pair?: string | undefined;
  /** The field of the label. @default "label" */
  label?: string | undefined;
  /**
   * Whether the inputs include the tokens' types, for a model with token types.
   * @default false
   */
  tokenTypes?: boolean | undefined;
  /**
   * Whether labels are numbers to approximate, as for
   * {@linkcode collateTokens}. @default false
   */
  regression?: boolean | undefined;
  /**
   * Whether a text may have several classes, or none: its label is an array of
   * them, and labels are float32 `[batch, classes]`, 0 or 1, for
   * `binaryCrossEntropy`. It needs `classes`. @default false
   */
  multiLabel?: boolean | undefined;
  /**
   * Whether each word has a label: the text is an array of words, and the label an
   * array of as many classes. Labels are then int32 `[batch, length]`, at the
   * first token of each word, and -100 elsewhere, for a model with
   * `output: "tokens"`. @default false
   */
  words?: boolean | undefined;
  /**
   * Whether batches are padded to `"length"`, so that all have one shape, or to
   * their `"longest"` text. @default "length"
   */
  padding?: "length" | "longest" | undefined;
}

const OPTIONS = optionsOf<CollateTextsOptions>()(
  "tokenizer length classes text pair label tokenTypes regression multiLabel",
  "words padding",
);

/**
 * Makes batches of records with a text and a class, such as those of `csvRows`,
 * `jsonLines` and `parquet`, for `lionEncoder` and `lionBert`: inputs and
 * labels as from {@linkcode collateTokens}. Texts are tokenized when their
 * batch is made, so memory holds only the texts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import {
 *   batchesInOrder, byteTokenizer, collateTexts, datasetOf,
 * } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const rows = [{ text: "It purrs.", animal: "cat" }, { text: "It roars.", animal: "lion" }];
 * const batches = batchesInOrder(datasetOf(rows), {
 *   batchSize: 2,
 *   collate: collateTexts({
 *     tokenizer: byteTokenizer(), length: 16, classes: ["cat", "lion"], label: "animal",
 *   }),
 * });
 * for await (const { inputs: [ids, mask], labels } of batches) {
 *   assertEquals(ids!.shape, [2, 16]);
 *   assertEquals(await labels.array(), [0, 1]);
 *   tf.dispose([ids!, mask!, labels]);
 * }
 * ```
 *
 * @param options See {@linkcode CollateTextsOptions}.
 * @returns The function, for `shuffledBatches` and `batchesInOrder`. It throws
 * a TypeError if a record's text is not a string, and a RangeError if a label
 * is not a class; the messages name the field.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function collateTexts(
  options: CollateTextsOptions,
): Collate<object> {
  assertOptions("collateTexts", options, OPTIONS);
  const { tokenizer, length, classes, tokenTypes, regression } = options;
  const { multiLabel = false, words = false, padding = "length" } = options;
  const { text = "text", pair, label = "label" } = options;
  if (typeof Object(tokenizer).encodeWithSpecials !== "function") {
    throw new TypeError(
      `tokenizer should be one of tokenizerOf or byteTokenizer, got ${
        shown(tokenizer)
      }`,
    );
  }
  assertFields({ text, pair, label });
  const specials: Tokenizer["specials"] = Object(tokenizer.specials);
  const pad = Object.hasOwn(specials, "pad") ? specials.pad : 0;
  assertInteger("length", length, 1);
  assertOneOf("padding", padding, ["length", "longest"]);
  const padded = padding === "length" ? length : undefined;
  const collate = collateTokens({
    ...{ length: padded, pad, tokenTypes, regression },
  });
  assertKinds({ multiLabel, words, regression }, options);
  if (regression && classes) {
    throw new RangeError(
      `regression is for labels that are numbers, got classes ${
        shown(classes)
      }`,
    );
  }
  const labelOf = classes === undefined ? undefined : labelsIn(classes);
  const labelIn = (value: unknown) =>
    labelOf ? labelOf(value) : value as number;
  return (records, random) => {
    assertExamples(records);
    if (words) {
      const examples = records.map((record, i) => {
        const found = Object(record);
        const given = { words: found[text], labels: found[label] };
        const names = { words: text, labels: label };
        return wordTokens(given, names, i, { tokenizer, length, labelIn });
      });
      return collate(examples, random);
    }
    const examples = records.map((record, i): ClassifiedTokens => {
      const texts = textsIn(record, text, i);
      const second = pair === undefined ? texts[1] : textIn(record, pair, i);
      if (pair !== undefined && texts.length > 1) {
        throw new TypeError(
          `${text} should be one text where pair is given, got ${
            shown(texts)
          } at ${i}`,
        );
      }
      const input = tokenizer.encodeWithSpecials(texts[0], {
        length,
        ...second !== undefined && { pair: second },
      });
      const value = Object(record)[label];
      return { ...input, label: multiLabel ? 0 : labelIn(value) };
    });
    if (!multiLabel) return collate(examples, random);
    const rows = records.map((record, i) =>
      severalOf(Object(record)[label], label, i, labelIn, classes!.length)
    );
    const { inputs, labels: none, size } = collate(examples, random);
    none.dispose();
    return { inputs, labels: tf.tensor2d(rows, undefined, "float32"), size };
  };
}

/** Throws unless at most one kind of labels is asked for, with what it needs. */
function assertKinds(
  kinds: Record<string, boolean | undefined>,
  { classes, pair }: CollateTextsOptions,
): void {
  const asked = Object.entries(kinds).filter(([name, value]) => {
    if (value !== undefined) assertBoolean(name, value);
    return value;
  }).map(([name]) => name);
  if (asked.length > 1) {
    throw new RangeError(
      `one of multiLabel, words and regression should be true, got ${
        asked.join(" and ")
      }`,
    );
  }
  if (asked[0] === "multiLabel" && classes === undefined) {
    throw new RangeError(
      "multiLabel needs classes, the names of all that a text may have, got none",
    );
  }
  if (asked[0] === "words" && pair !== undefined) {
    throw new RangeError(
      `words is for single texts, got pair ${shown(pair)}`,
    );
  }
}

/** The labels of a text with several classes: 1 for each that it has, else 0. */
function severalOf(
  value: unknown,
  field: string,
  place: number,
  labelIn: (value: unknown) => number,
  count: number,
): number[] {
  if (!Array.isArray(value)) {
    throw new TypeError(
      `${field} should be an array of classes, since multiLabel is true, got ${
        shown(value)
      } at ${place}`,
    );
  }
  const row = new Array<number>(count).fill(0);
  for (const one of value) row[labelIn(one)] = 1;
  return row;
}

/** Throws unless the options that name fields are texts, or `undefined`. */
function assertFields(fields: Record<string, string | undefined>): void {
  for (const [name, field] of Object.entries(fields)) {
    if (field === undefined || typeof field === "string") continue;
    throw new TypeError(
      `${name} should be the name of a field, got ${shown(field)}`,
    );
  }
}

/** A function from the names of classes to their places in this order. */
function labelsIn(classes: readonly string[]): (value: unknown) => number {
  const given: unknown = classes;
  if (
    !Array.isArray(given) || given.some((name) => typeof name !== "string")
  ) {
    throw new TypeError(
      `classes should be an array of names, got ${shown(given)}`,
    );
  }
  const places = new Map<unknown, number>(classes.map((name, i) => [name, i]));
  if (places.size < classes.length) {
    throw new RangeError(`classes should differ, got ${shown(classes)}`);
  }
  // Words the error for a label that is no class.
  if (classes.length === 0) {
    throw new RangeError("classes should not be empty, got none");
  }
  const known = classesOf(classes);
  return (value) => places.get(value) ?? known.labelOf(value as string);
}

function textsIn(
  record: object,
  field: string,
  place: number,
): readonly [string, string?] {
  const value: unknown = Object(record)[field];
  if (!Array.isArray(value)) return [textIn(record, field, place)];
  const [first, second, ...more] = value;
  if (
    typeof first === "string" &&
    ["string", "undefined"].includes(typeof second) &&
    more.length === 0
  ) return [first, second];
  throw new TypeError(
    `${field} should be a text or an array of one or two, got ${
      shown(value)
    } at ${place}`,
  );
}

function textIn(
  record: object,
  field: string,
  place: number,
): string {
  const value = Object(record)[field];
  if (typeof value === "string") return value;
  throw new TypeError(
    `${field} should be a text, got ${shown(value)} at ${place}`,
  );
}

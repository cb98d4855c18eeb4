/** The tasks of tables of texts, and of texts alone. @module */
import {
  assertInteger,
  assertList,
  assertOneOf,
  assertOptions,
  assertShare,
  assertText,
  optionsOf,
  shown,
} from "@lionjs/base";
import {
  batchesInOrder,
  classesOf,
  collateCausal,
  collateMasked,
  collateTexts,
  csvRows,
  jsonLines,
  packTokens,
  parquet,
  shuffledBatches,
  type Split,
  splitDocuments,
  textLines,
  type Tokenizer,
  tokenizerOf,
  trainTokenizer,
  trainWordPiece,
} from "@lionjs/data";
import { binaryCrossEntropy } from "../losses/binary_cross_entropy.ts";
import { crossEntropy } from "../losses/cross_entropy.ts";
import { f1 } from "../metrics/classification.ts";
import { accuracy, type Metrics } from "../metrics/metric.ts";
import { overClasses } from "../metrics/over_sets.ts";
import type { Task } from "./task.ts";

/** Options that {@linkcode textTask} and {@linkcode corpusTask} share. */
export interface TextsOptions {
  /**
   * Maximum size of the vocabulary that is learned from the texts to train on.
   * @default 4000
   */
  vocabularySize?: number | undefined;
  /**
   * The tokenizer, in place of a vocabulary to learn; or the kind of vocabulary to
   * learn: `"bytes"` as `trainTokenizer` does, `"wordpiece"` as `trainWordPiece`.
   * @default "bytes"
   */
  tokenizer?: Tokenizer | "bytes" | "wordpiece" | undefined;
  /** Tokens per text. @default 128 */
  length?: number | undefined;
  /** Texts per batch. @default 16 */
  batchSize?: number | undefined;
  /** Seed of the split and the order. @default 0 */
  seed?: number | undefined;
}

/** Options of {@linkcode textTask}. */
export interface TextTaskOptions extends TextsOptions {
  /** The column of the texts. @default "text" */
  text?: string | undefined;
  /** The column of the labels. @default "label" */
  label?: string | undefined;
}

/** Options of {@linkcode corpusTask}. */
export interface CorpusTaskOptions extends TextsOptions {
  /**
   * The share of tokens to mask and to predict, for a masked language model.
   * @default none: the next token is predicted, for `lionGpt`
   */
  masked?: number | undefined;
}

const SHARED = "vocabularySize tokenizer length batchSize seed";
const OF_TEXTS = optionsOf<TextTaskOptions>()(SHARED, "text label");
const OF_CORPUS = optionsOf<CorpusTaskOptions>()(SHARED, "masked");

/** Texts to learn from. */
export interface CorpusTask extends Task {
  /** The tokenizer, for `savePretrained`, `generate` and `fill`. */
  readonly tokenizer: Tokenizer;
  /** The options of the model that the texts ask for. */
  readonly model: {
    readonly vocabularySize: number;
    readonly maxLength: number;
  };
}

/** Texts to learn the classes of, from {@linkcode textTask}. */
export interface TextTask extends CorpusTask {
  /** The names of the classes, for `setClassNames`. */
  readonly classes: readonly string[];
  /** The options of `lionEncoder` that the texts ask for. */
  readonly model: CorpusTask["model"] & {
    readonly numClasses: number;
    readonly output?: "tokens";
  };
}

type Row = Readonly<Record<string, unknown>>;

/**
 * Makes a task of a table of texts with labels: reads it, splits it, and learns a
 * vocabulary. A label is the name of a class; an array of names, which may be
 * empty, where a text has several; or, where the text is an array of words, an
 * array with a class for each word.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { textTask } from "@lionjs/lion/training";
 *
 * const rows = Array.from({ length: 40 }, (_, i) => ({
 *   text: `Number ${i}`, label: i % 2 ? "odd" : "even",
 * }));
 * const task = await textTask(rows, { vocabularySize: 270, length: 16 });
 * assertEquals(task.classes, ["even", "odd"]);
 * assertEquals(task.model.numClasses, 2); // lionEncoder({ ...task.model, … })
 * ```
 *
 * @param source The path of a table, .csv, .tsv, .jsonl, .json or .parquet, also
 * compressed; or its rows.
 * @param options See {@linkcode TextTaskOptions}.
 * @returns The task. A tenth of the rows each is for validation and for testing,
 * by a hash of the row, so that equal rows are in one part.
 * @throws {TypeError} If a text or a label has a wrong type, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If the table has no such column, or too few rows, or an
 * option has an invalid value.
 */
export async function textTask(
  source: string | URL | readonly Row[],
  options: TextTaskOptions = {},
): Promise<TextTask> {
  assertOptions("textTask", options, OF_TEXTS);
  const { length = 128, batchSize = 16, seed = 0 } = options;
  const { text = "text", label = "label" } = options;
  assertSizes({ length, batchSize });
  assertText("text", text);
  assertText("label", label);
  const rows = await rowsOf("textTask's source", source);
  assertColumns(rows, [text, label]);
  assertTexts(rows, text, label);
  const words = Array.isArray(rows[0]![text]);
  const multiLabel = !words && Array.isArray(rows[0]![label]);
  const namesOf = (row: Row) => [row[label]].flat().map(String);
  const split = splitOf(rows, seed, namesOf);
  const { classes } = classesOf(split.train.flatMap(namesOf));
  const read = (row: Row) => [row[text]].flat().map(String).join(" ");
  const tokenizer = tokenizerFor(split.train.map(read), options);
  const collate = collateTexts({
    ...{ tokenizer, length, classes, text, label, multiLabel, words },
  });
  const own = split.train.map((row) => named(row, label));
  const held = (part: readonly Row[]) =>
    batchesInOrder(part.map((row) => named(row, label)), {
      ...{ batchSize, collate },
    });
  const validation = () => held(split.validation);
  const metrics: Metrics = multiLabel ? { f1: overClasses(f1) } : {
    accuracy: accuracy(),
    f1: overClasses(f1, { average: "macro" }),
  };
  return {
    classes,
    tokenizer,
    model: {
      vocabularySize: tokenizer.vocabularySize,
      ...{ maxLength: length, numClasses: classes.length },
      ...words && { output: "tokens" },
    },
    train: shuffledBatches(own, {
      ...{ batchSize: Math.min(batchSize, own.length), seed, collate },
    }),
    options: {
      loss: multiLabel ? binaryCrossEntropy() : crossEntropy(),
      evaluate: { data: validation, metrics },
    },
    validation,
    test: () => held(split.test),
  };
}

/** A row whose classes are names, as numbers in JSON are not. */
function named(row: Row, label: string): Row {
  const value = row[label];
  return {
    ...row,
    [label]: Array.isArray(value) ? value.map(String) : String(value),
  };
}

/**
 * Makes a task of texts without labels: learns a vocabulary, and packs the texts
 * into sequences, for `lionGpt` or, with `masked`, for `lionBert`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { corpusTask } from "@lionjs/lion/training";
 *
 * const texts = Array.from({ length: 60 }, (_, i) => `Line ${i} of a corpus.`);
 * const task = await corpusTask(texts, { vocabularySize: 300, length: 16 });
 * assertEquals(task.model.maxLength, 16); // lionGpt({ ...task.model, … })
 * ```
 *
 * @param source The path of a file with a text on each line, also compressed; or
 * the texts.
 * @param options See {@linkcode CorpusTaskOptions}.
 * @returns The task.
 * @throws {TypeError} If a text is none, or an option is unknown or of the wrong
 * type.
 * @throws {RangeError} If the texts fill no sequence, or an option has an invalid
 * value.
 */
export async function corpusTask(
  source: string | URL | readonly string[],
  options: CorpusTaskOptions = {},
): Promise<CorpusTask> {
  assertOptions("corpusTask", options, OF_CORPUS);
  const { length = 128, batchSize = 16, seed = 0, masked } = options;
  assertSizes({ length, batchSize });
  if (masked !== undefined) assertShare("masked", masked);
  const isPath = typeof source === "string" || source instanceof URL;
  if (!isPath) assertList("corpusTask's source", source);
  const texts = isPath ? [...await textLines(source)] : source;
  for (const text of texts) assertText("each of corpusTask's texts", text);
  const split = splitOf(texts, seed);
  const tokenizer = tokenizerFor(split.train, options);
  const collate = masked === undefined
    ? collateCausal()
    : collateMasked({ tokenizer, rate: masked });
  const packed = (part: readonly string[]) =>
    packTokens(part.map((text) => tokenizer.encode(text)), {
      // The labels of a causal model are the next tokens.
      length: masked === undefined ? length + 1 : length,
      separator: tokenizer.specials.sep,
    });
  const own = packed(split.train);
  const held = (part: readonly string[]) =>
    batchesInOrder(packed(part), { batchSize, collate });
  const validation = () => held(split.validation);
  return {
    tokenizer,
    model: { vocabularySize: tokenizer.vocabularySize, maxLength: length },
    train: shuffledBatches(own, {
      ...{ batchSize: Math.min(batchSize, own.length), seed, collate },
    }),
    options: {
      loss: crossEntropy(),
      evaluate: { data: validation, metrics: { accuracy: accuracy() } },
    },
    validation,
    test: () => held(split.test),
  };
}

function assertSizes(sizes: Record<string, number>): void {
  for (const [name, size] of Object.entries(sizes)) {
    assertInteger(name, size, 1);
  }
}

function tokenizerFor(
  texts: readonly string[],
  { tokenizer = "bytes", vocabularySize = 4000 }: TextsOptions,
): Tokenizer {
  if (typeof tokenizer === "object") return tokenizer;
  assertOneOf("tokenizer", tokenizer, ["bytes", "wordpiece"]);
  const learn = tokenizer === "bytes" ? trainTokenizer : trainWordPiece;
  return tokenizerOf(learn(texts, { vocabularySize }));
}

/** The rows of a table, by the ending of its name, or those that are given. */
export async function rowsOf(
  name: string,
  source: string | URL | readonly Row[],
): Promise<readonly Row[]> {
  if (Array.isArray(source)) return source;
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new TypeError(
      `${name} should be the path of a table or an array of its rows, got ${
        shown(source)
      }`,
    );
  }
  const path = String(source).replace(/\.(gz|zst)$/i, "");
  if (/\.parquet$/i.test(path)) {
    return await Array.fromAsync((await parquet(source)).rows()) as Row[];
  }
  if (/\.[ct]sv$/i.test(path)) return [...await csvRows(source)];
  if (/\.(jsonl|ndjson|json)$/i.test(path)) {
    return [...await jsonLines(source)] as Row[];
  }
  throw new RangeError(
    `${name} should be a table, .csv, .tsv, .jsonl, .json or .parquet, got ${
      shown(String(source))
    }`,
  );
}

function assertColumns(rows: readonly Row[], columns: readonly string[]): void {
  if (rows.length < MOST_HELD) {
    throw new RangeError(
      `textTask's source should have at least ${MOST_HELD} rows, got ${rows.length}`,
    );
  }
  for (const column of columns) {
    const without = rows.findIndex((row) => Object(row)[column] == null);
    if (without < 0) continue;
    throw new RangeError(
      `each row should have ${column}, one of text and label, got ${
        Object.keys(Object(rows[without])).join(", ")
      } at ${without}`,
    );
  }
}

/** Throws unless a text, or each of its words, is one, and each label names a class. */
function assertTexts(rows: readonly Row[], text: string, label: string): void {
  const kinds = {
    [label]: ["string", "number", "boolean"],
    [text]: ["string"],
  };
  for (const [i, row] of rows.entries()) {
    for (const [column, known] of Object.entries(kinds)) {
      const wrong = [row[column]].flat().find((part) =>
        !known.includes(typeof part)
      );
      if (wrong === undefined) continue;
      throw new TypeError(
        `${column} of row ${i} of textTask's source should be a ${
          known.join(", ")
        }, or an array of these, got ${shown(wrong)}`,
      );
    }
  }
}

/** Fewer examples than this fill no three parts. */
const MOST_HELD = 3;

/**
 * The parts of examples: a tenth each is held back, at least one example, and what
 * has a class that is nowhere else is trained on.
 */
function splitOf<E>(
  examples: readonly E[],
  seed: number,
  classesOf: (example: E) => readonly string[] = () => [],
): Split<E> {
  const split = splitDocuments(examples, { validation: 0.1, test: 0.1, seed });
  const known = new Set(split.train.flatMap(classesOf));
  const isKnown = (example: E) =>
    classesOf(example).every((name) => known.has(name));
  const held = [split.validation, split.test].map((part) =>
    part.filter(isKnown)
  );
  const others = [split.validation, split.test].flatMap((part) =>
    part.filter((example) => !isKnown(example))
  );
  const train = [...split.train, ...others];
  for (const part of held) {
    if (part.length === 0 && train.length > 1) part.push(train.pop()!);
  }
  return { train, validation: held[0]!, test: held[1]! };
}

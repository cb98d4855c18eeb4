/** The task that texts with labels are. @module */
import { basename } from "node:path";
import { lionEncoder } from "@lionjs/lion";
import {
  batchesInOrder,
  classesOf,
  type ClassifiedTokens,
  collateTokens,
  csvRows,
  datasetOf,
  imageFolder,
  jsonLines,
  parquet,
  shuffledBatches,
  splitDocuments,
  tokenizerOf,
  trainTokenizer,
  trainWordPiece,
} from "@lionjs/lion/data";
import { decompressed } from "../../lib/data/bytes/decompressed.ts";
import { classFolders, type Parts } from "./find_data.ts";
import type { OwnOptions } from "./own_options.ts";
import { assertTrainedClasses, type OwnTask, shortened } from "./own_task.ts";

/** A text and the name of its class. */
interface LabelledText {
  readonly text: string;
  readonly label: string;
}

/** What columns of texts and of labels are usually called. */
const USUAL = {
  text: ["text", "sentence", "content", "body", "review", "message", "comment"],
  label: ["label", "class", "category", "target", "sentiment", "rating"],
} as const;

/** Tokens of the vocabulary that is learned. */
const VOCABULARY = 4000;

/** The task of texts in folders, one for each class. */
export async function textsInFolders(
  found: Parts<string>,
  options: OwnOptions,
): Promise<OwnTask> {
  return taskOf(await mapParts(found, readFolders), options);
}

/** The task of a table with a column of texts and one of labels. */
export async function textsInTable(
  found: Parts<string>,
  options: OwnOptions,
): Promise<OwnTask> {
  const read = async (path: string) =>
    labelledTexts(path, await recordsOf(path), options);
  return taskOf(await mapParts(found, read), options);
}

/** Reads each part that there is. */
async function mapParts<T>(
  { train, validation, test }: Parts<string>,
  read: (path: string) => Promise<T>,
): Promise<Parts<T>> {
  return {
    train: await read(train),
    ...validation !== undefined && { validation: await read(validation) },
    ...test !== undefined && { test: await read(test) },
  };
}

/** The texts of a folder that has a folder for each class, in the order of their names. */
async function readFolders(path: string): Promise<LabelledText[]> {
  const classes = await classFolders(path);
  // Texts are found as images are: in folders within, by links, in the same order.
  const files = await imageFolder(path, {
    ...{ classes, extensions: [".txt"], emptyClasses: "keep" },
  });
  const texts: LabelledText[] = [];
  for (let i = 0; i < files.size; i++) {
    const { name, label, bytes } = await files.get(i);
    if (basename(name).startsWith(".")) continue;
    const text = new TextDecoder().decode(await bytes());
    texts.push({ text, label: classes[label]! });
  }
  return texts;
}

/** The records of a table. */
async function recordsOf(path: string): Promise<unknown[]> {
  if (/\.parquet$/i.test(path)) {
    return await Array.fromAsync((await parquet(path)).rows());
  }
  if (!/\.[ct]sv(\.gz|\.zst)?$/i.test(path)) {
    return await recordsOfArray(path) ?? await jsonLines(path);
  }
  const rows = await csvRows(path);
  return Array.from({ length: rows.size }, (_, i) => rows.get(i));
}

/** The records of a .json that is one array; `undefined` where it has a record per line. */
async function recordsOfArray(path: string): Promise<unknown[] | undefined> {
  if (!/\.json(\.gz|\.zst)?$/i.test(path)) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of decompressed(path)) {
    // One that has a record per line may be too large for a text.
    const isArray = parts.length > 0 ||
      /^\s*\[/.test(new TextDecoder().decode(part));
    if (!isArray) return undefined;
    parts.push(part);
  }
  if (parts.length === 0) return undefined;
  try {
    return JSON.parse(await new Blob(parts as BlobPart[]).text());
  } catch (cause) {
    throw new SyntaxError(
      `${path} should be JSON, an array of records: ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
}

/**
 * The texts and labels of records.
 *
 * @throws {RangeError} If a record has no such column, or there are no usual ones.
 */
function labelledTexts(
  path: string,
  records: readonly unknown[],
  options: OwnOptions,
): LabelledText[] {
  const columns = Object.keys(Object(records[0]));
  const text = columnOf("text", columns, options.text, path);
  const label = columnOf("label", columns, options.label, path);
  return records.map((record, i) => {
    const found = Object(record);
    for (const column of [text, label]) {
      if (!["undefined", "object"].includes(typeof found[column])) continue;
      throw new RangeError(
        `${path}, record ${i + 1} should have a ${column}, got ${
          found[column]
        }`,
      );
    }
    return { text: String(found[text]), label: String(found[label]) };
  });
}

/** The column that is named, or the one of a usual name. */
function columnOf(
  what: "text" | "label",
  columns: readonly string[],
  wanted: string | undefined,
  path: string,
): string {
  const candidates: readonly string[] = wanted === undefined
    ? USUAL[what]
    : [wanted];
  const column = candidates.find((name) => columns.includes(name));
  if (column !== undefined) return column;
  throw new RangeError(
    `--${what} should be one of the columns of ${path}, ${shortened(columns)}${
      wanted === undefined ? "" : `, got ${wanted}`
    }`,
  );
}

function taskOf(
  given: Parts<readonly LabelledText[]>,
  { tokenizer: kind, variant, dim, depth, heads, length, batchSize, seed }:
    OwnOptions,
): OwnTask {
  const { train, validation, test } = allParts(given, seed);
  if (train.length === 0) throw new RangeError("--data should have texts");
  const { classes, labelOf } = classesOf(train.map(({ label }) => label));
  for (const part of ["validation", "test"] as const) {
    const labels = given[part]?.map(({ label }) => label) ?? [];
    assertTrainedClasses(`the ${part} texts`, labels, classes);
  }
  const learn = kind === "bytes" ? trainTokenizer : trainWordPiece;
  const file = learn(train.map(({ text }) => text), {
    vocabularySize: VOCABULARY,
  });
  const tokenizer = tokenizerOf(file);
  const examplesOf = (texts: readonly LabelledText[]) =>
    datasetOf(
      texts.map(({ text, label }): ClassifiedTokens => ({
        ids: tokenizer.encodeWithSpecials(text, { length }).ids,
        label: labelOf(label),
      })),
    );
  const collate = collateTokens({ length });
  const held = (texts: readonly LabelledText[]) =>
    batchesInOrder(examplesOf(texts), { batchSize, collate });
  return {
    examples: "texts",
    classes,
    sizes: [train.length, validation.length, test.length],
    model: lionEncoder({
      vocabularySize: tokenizer.vocabularySize,
      ...{ maxLength: length, dim, depth, numHeads: heads, variant, seed },
      numClasses: classes.length,
    }),
    train: shuffledBatches(examplesOf(train), {
      batchSize: Math.min(batchSize, train.length),
      ...{ seed, collate },
    }),
    validation: () => held(validation),
    test: () => held(test),
    bad: () => [],
    epochs: 10,
    files: { "tokenizer.json": JSON.stringify(file) },
  };
}

/** The parts that are there, and what is missing from those to train on. */
function allParts(given: Parts<readonly LabelledText[]>, seed: number) {
  const { validation, test } = given;
  const rest = splitDocuments(given.train, {
    validation: validation ? 0 : 0.1,
    test: test ? 0 : 0.1,
    seed,
    key: ({ text }) => text,
  });
  // Of a class of few texts, those that there are are trained on.
  const seen = new Set(rest.train.map(({ label }) => label));
  const isSeen = ({ label }: LabelledText) => seen.has(label);
  return {
    train: given.train.filter((text) => !isSeen(text)).concat(rest.train),
    validation: validation ?? rest.validation.filter(isSeen),
    test: test ?? rest.test.filter(isSeen),
  };
}

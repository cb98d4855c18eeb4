/** A model that reads words: how likely each class is for each of them. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { CLASSES } from "./classes.ts";

/** What reads words. */
export interface Reader {
  readonly model: LayersModel;
  /** The tokens of a word's reading. */
  readonly tokens: (reading: string) => readonly number[];
}

/** The most tokens of a window, as in training. */
export const WINDOW = 160;

/** The tokens that a window has before and after those that it tells of, if there are any. */
export const MARGIN = 40;

/** The most tokens of a batch, with padding. */
const MOST_TOKENS = 8192;

/** Tokens that the model reads together, and the words that it then tells of. */
interface Row {
  readonly ids: readonly number[];
  /** For each of these words: its text, its place there, and its last token in the row. */
  readonly told: readonly (readonly [text: number, word: number, at: number])[];
}

/** Texts as tokens, and each word's last one; −1 for a word that is not read. */
interface Tokens {
  readonly ids: readonly number[];
  readonly ends: readonly number[];
}

function tokensOf({ tokens }: Reader, readings: readonly string[]): Tokens {
  const ids: number[] = [];
  const ends = readings.map((reading) => {
    const own = tokens(reading);
    for (const id of own) ids.push(id);
    return own.length === 0 ? -1 : ids.length - 1;
  });
  return { ids, ends };
}

/**
 * The shares of the classes for the words of texts, of any length: a long text is read
 * in windows that overlap, and each word is told by the one in which it is farther from
 * the ends.
 *
 * @param texts The readings of their words.
 * @param future How many words after a word count; each is then read by itself, with
 * those. @default all
 * @returns For each text `[words, classes]`, 0 for words that are not read.
 */
export async function classShares(
  reader: Reader,
  texts: readonly (readonly string[])[],
  future = Infinity,
): Promise<Float32Array[]> {
  const shares = texts.map((words) => new Float32Array(words.length * CLASSES));
  const rows = texts.flatMap((words, text) => {
    const tokens = tokensOf(reader, words);
    return future === Infinity
      ? windowsOf(tokens, text)
      : pastRows(tokens, text, future);
  }).sort((a, b) => a.ids.length - b.ids.length);
  for (let start = 0; start < rows.length;) {
    let end = start + 1;
    const isFit = (row: Row | undefined) =>
      row !== undefined && row.ids.length * (end + 1 - start) <= MOST_TOKENS;
    while (isFit(rows[end])) end++;
    await tellRows(reader, rows.slice(start, end), shares);
    start = end;
  }
  return shares;
}

/** Windows that overlap, each with the words in its middle. */
function windowsOf({ ids, ends }: Tokens, text: number): Row[] {
  const rows: Row[] = [];
  const stride = WINDOW - 2 * MARGIN;
  let word = 0;
  for (let from = 0; word < ends.length; from += stride) {
    const to = Math.min(ids.length, from + WINDOW);
    const limit = to === ids.length ? to : to - MARGIN;
    const told: [number, number, number][] = [];
    for (; word < ends.length && ends[word]! < limit; word++) {
      if (ends[word]! >= 0) told.push([text, word, ends[word]! - from]);
    }
    if (told.length > 0) rows.push({ ids: ids.slice(from, to), told });
  }
  return rows;
}

/** For each word, a row that ends so many words after it. */
function pastRows({ ids, ends }: Tokens, text: number, future: number): Row[] {
  const read = [...ends.keys()].filter((word) => ends[word]! >= 0);
  return read.map((word, i) => {
    const last = ends[read[Math.min(read.length - 1, i + future)]!]!;
    // So many words after it may be too many tokens; it then stands in the middle.
    const to = Math.min(last + 1, ends[word]! + 1 + WINDOW / 2);
    const from = Math.max(0, to - WINDOW);
    return {
      ids: ids.slice(from, to),
      told: [[text, word, ends[word]! - from]],
    };
  });
}

async function tellRows(
  { model }: Reader,
  rows: readonly Row[],
  shares: readonly Float32Array[],
): Promise<void> {
  const length = Math.max(...rows.map(({ ids }) => ids.length));
  const ids = new Int32Array(rows.length * length);
  const mask = new Float32Array(ids.length);
  rows.forEach((row, i) => {
    ids.set(row.ids, i * length);
    mask.fill(1, i * length, i * length + row.ids.length);
  });
  const shape: [number, number] = [rows.length, length];
  const output = tf.tidy(() =>
    tf.softmax(
      model.predict([
        tf.tensor2d(ids, shape, "int32"),
        tf.tensor2d(mask, shape),
      ]) as tf.Tensor,
    )
  );
  const all = await output.data<"float32">();
  output.dispose();
  rows.forEach(({ told }, i) => {
    for (const [text, word, at] of told) {
      const first = (i * length + at) * CLASSES;
      shares[text]!.set(all.subarray(first, first + CLASSES), word * CLASSES);
    }
  });
}

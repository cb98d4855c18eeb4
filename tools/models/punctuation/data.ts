/** Texts as tokens with a class at each word's last one, and windows of them. @module */
import {
  type BatchStream,
  IGNORE_INDEX,
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
  trainTokenizer,
} from "@lionjs/lion/data";
import { below, type Random, seeded } from "@lionjs/data/batches";
import { readJSON, writeJSON } from "@lionjs/recipes/results_file";
import * as tf from "@tensorflow/tfjs-core";
import {
  MARKS,
  OPENING,
  wordsOf,
  wordTokens,
} from "../../../models/punctuation/text/mod.ts";
import type { ModelRun } from "../model_recipe.ts";
import {
  readOtherTexts,
  type ReadTexts,
  readTrainingTexts,
} from "./sources.ts";

/** A word as it is read, and what is to be told of it. */
export interface Labelled {
  readonly reading: string;
  /** The place of the mark after it among `MARKS`. */
  readonly mark: number;
  readonly capital: boolean;
}

/** The words of a text that has its marks and capitals, without those that are not read. */
export function labelled(text: string): Labelled[] {
  return wordsOf(text).filter(({ reading }) => reading !== "")
    .map(({ from, to, reading }) => {
      const word = text.slice(from, to).replace(OPENING, "");
      const [letter = ""] = word;
      const isAcronym = /\p{Lu}.*\p{Lu}/u.test(word) && !/\p{Ll}/u.test(word);
      return {
        ...{ reading, mark: markAfter(word) },
        capital: /\p{Lu}/u.test(letter) && !isAcronym,
      };
    });
}

/** The place of the mark at a word's end, after which there may be quotes and brackets. */
function markAfter(word: string): number {
  const last = word.replace(/["'”’»()\[\]}>`]+$/, "").at(-1)!;
  return Math.max(0, MARKS.indexOf(/[!…]/.test(last) ? "." : last as ","));
}

/** The class of a word. */
export const classOf = ({ mark, capital }: Omit<Labelled, "reading">): number =>
  mark + (capital ? MARKS.length : 0);

/** Texts as one run of tokens, paragraph after paragraph. */
export interface Stream {
  readonly ids: Uint16Array;
  /** The class of a word at its last token, and `IGNORE_INDEX` at others. */
  readonly labels: Int8Array;
}

/** Paragraphs as one run of tokens. */
function streamOf(
  paragraphs: readonly string[],
  tokens: (reading: string) => readonly number[],
): Stream {
  const ids: number[] = [], labels: number[] = [];
  for (const paragraph of paragraphs) {
    for (const word of labelled(paragraph)) {
      const own = tokens(word.reading);
      for (const id of own) {
        ids.push(id);
        labels.push(IGNORE_INDEX);
      }
      labels[labels.length - 1] = classOf(word);
    }
  }
  return { ids: Uint16Array.from(ids), labels: Int8Array.from(labels) };
}

/** Texts to train on, to choose by, and to test on. */
export interface Corpus {
  readonly texts: readonly ReadTexts[];
  /** Those that nothing is trained on. */
  readonly others: readonly ReadTexts[];
  readonly file: TokenizerFile;
  readonly tokenizer: Tokenizer;
}

/** Reads the texts, and learns the vocabulary from those of training; both are kept. */
export async function readCorpus(
  { folder, isSmoke }: ModelRun,
  vocabularySize: number,
): Promise<Corpus> {
  const kept = async <T>(name: string, make: () => Promise<T> | T) => {
    const file = `${folder}/${name}.json`;
    const known = await readJSON<T>(file);
    if (known !== undefined) return known;
    const made = await make();
    await writeJSON(file, made);
    return made;
  };
  const texts = isSmoke
    ? [MADE_UP, { ...MADE_UP, isProse: true }]
    : await kept("texts", () => readTrainingTexts(folder));
  const others = isSmoke
    ? [false, true].map((isProse) => ({ ...MADE_UP, isProse, train: [] }))
    : await kept("others", () => readOtherTexts(folder));
  const file = await kept("tokenizer", () =>
    trainTokenizer(
      texts.flatMap(({ train }) =>
        train.map((text) =>
          labelled(text).map(({ reading }) => ` ${reading}`).join("")
        )
      ),
      { vocabularySize },
    ));
  return { texts, others, file, tokenizer: tokenizerOf(file) };
}

/** Texts for a run that needs no network, of which nothing can be learned. */
const MADE_UP: ReadTexts = {
  ...{ name: "made up", about: "for --smoke", version: "1", licence: "MIT" },
  ...{ sha256: "", notice: "Copyright none", share: 1 },
  isProse: false,
  train: Array.from(
    { length: 60 },
    (_, i) =>
      `When table ${i} is empty, the query ends. Is it? The rows, read.`,
  ),
  test: Array.from(
    { length: 20 },
    (_, i) => `A query reads ${i} tables, and then it ends. Is that an error?`,
  ),
};

/** The texts of a part, each as one run of tokens. */
export function streamsOf(
  { texts, tokenizer }: Corpus,
  part: "train" | "test",
): Stream[] {
  const tokens = wordTokens(tokenizer);
  return texts.map((text) => streamOf(text[part], tokens));
}

/** The lengths of windows in tokens, one for all rows of a batch. */
const LENGTHS = [40, 64, 88, 112, 136, 160] as const;

/** Batches of windows that start anywhere, as dictation does. */
export function windowBatches(
  streams: readonly Stream[],
  shares: readonly number[],
  { batchSize, seed }: { batchSize: number; seed: number },
): BatchStream {
  return {
    stepsPerEpoch: 1000,
    async *from(start) {
      for (let step = start;; step++) {
        const random = seeded("windows", seed, step);
        const length = LENGTHS[below(LENGTHS.length, random)]!;
        yield batchOf(
          Array.from({ length: batchSize }, () => {
            const stream = streams[drawnBy(shares, random)]!;
            const from = below(Math.max(1, stream.ids.length - length), random);
            return {
              ids: stream.ids.subarray(from, from + length),
              labels: stream.labels.subarray(from, from + length),
            };
          }),
          length,
        );
      }
    },
  };
}

/** A batch of windows, which have padding if they are shorter. */
export function batchOf(windows: readonly Stream[], length: number) {
  const shape: [number, number] = [windows.length, length];
  const ids = new Int32Array(shape[0] * length);
  const mask = new Float32Array(ids.length);
  const labels = new Int32Array(ids.length).fill(IGNORE_INDEX);
  windows.forEach((window, i) => {
    ids.set(window.ids, i * length);
    labels.set(window.labels, i * length);
    mask.fill(1, i * length, i * length + window.ids.length);
  });
  return {
    inputs: [tf.tensor2d(ids, shape, "int32"), tf.tensor2d(mask, shape)],
    labels: tf.tensor2d(labels, shape, "int32"),
    size: shape[0],
  };
}

/** Draws a place by shares that sum to about 1. */
function drawnBy(shares: readonly number[], random: Random): number {
  let left = random() * shares.reduce((a, b) => a + b);
  const place = shares.findIndex((share) => (left -= share) < 0);
  return place < 0 ? shares.length - 1 : place;
}

/** Naive Bayes on runs of letters: the baseline, at any number of bytes. @module */
import { hashesOf, LANGUAGES } from "../../../models/languages/text/mod.ts";
import type { Texts } from "./data.ts";

/** What is added to each count. */
const SMOOTHING = 0.1;

/** How often each part of the texts is counted. */
const TIMES = { articles: 2, entries: 1 };

/** Logarithms of the probabilities of hashed runs of one to four letters. */
export class NaiveBayes {
  readonly #rows: number;
  readonly #logs: Float32Array;

  /** @param rows How many hashes there are; stored in int8, each takes a byte per language. */
  constructor(texts: readonly Texts[], rows: number) {
    const counts = new Float32Array(rows * LANGUAGES.length).fill(SMOOTHING);
    for (const [language, { articles, entries }] of texts.entries()) {
      const add = (text: string, times: number) => {
        for (const hash of hashesOf(text)) {
          if (hash === 0) continue;
          counts[(hash % rows) * LANGUAGES.length + language]! += times;
        }
      };
      for (const text of articles) add(text, TIMES.articles);
      for (const text of entries) add(text, TIMES.entries);
    }
    const totals = new Float64Array(LANGUAGES.length);
    counts.forEach((count, i) => totals[i % LANGUAGES.length]! += count);
    this.#logs = counts.map((count, i) =>
      Math.log(count / totals[i % LANGUAGES.length]!)
    );
    this.#rows = rows;
  }

  /** The logarithms, `[rows · languages]`, less the mean of each row. */
  centredLogs(): Float32Array {
    const centred = this.#logs.slice();
    for (let row = 0; row < centred.length; row += LANGUAGES.length) {
      const logs = centred.subarray(row, row + LANGUAGES.length);
      const mean = logs.reduce((sum, log) => sum + log) / logs.length;
      logs.forEach((log, i) => logs[i] = log - mean);
    }
    return centred;
  }

  /** The place of the likeliest language of a text. */
  languageOf(text: string): number {
    const scores = new Float64Array(LANGUAGES.length);
    for (const hash of hashesOf(text)) {
      if (hash === 0) continue;
      const row = (hash % this.#rows) * LANGUAGES.length;
      for (let i = 0; i < scores.length; i++) {
        scores[i]! += this.#logs[row + i]!;
      }
    }
    return scores.indexOf(Math.max(...scores));
  }
}

/**
 * The model's linear part, a table of what each run of letters says for each language:
 * begun as naive Bayes, and then trained as logistic regression, on one core without a
 * backend.
 *
 * @module
 */
import { seeded } from "@lionjs/data/batches";
import {
  hashesOf,
  LANGUAGES,
  largest,
  rowsOf,
  SCALE,
  TABLE_ROWS,
} from "../../../models/languages/text/mod.ts";
import { NaiveBayes } from "./bayes.ts";
import { drawPiece, type Texts } from "./data.ts";

const CLASSES = LANGUAGES.length;

/** The share of runs that a piece of training lacks, so that none is relied on. */
const DROPPED = 0.2;

/** The rate of learning at first, divided by the root of the sum of squared gradients. */
const RATE = 0.15;

/** The sum of squared gradients to begin with. */
const FIRST_SQUARE = 1e-3;

/** Writes the scores of the languages: the mean of the runs' rows, scaled. */
function scoresOf(
  table: Float32Array,
  rows: readonly number[],
  scores: Float32Array,
): void {
  scores.fill(0);
  for (const row of rows) {
    for (let i = 0; i < CLASSES; i++) scores[i]! += table[row * CLASSES + i]!;
  }
  for (let i = 0; i < CLASSES; i++) scores[i]! *= SCALE / rows.length;
}

/** The place of a text's likeliest language. */
export function languageByTable(table: Float32Array, text: string): number {
  const scores = new Float32Array(CLASSES);
  scoresOf(table, presentRows(text), scores);
  return largest(scores);
}

const presentRows = (text: string) =>
  [...rowsOf(hashesOf(text))].filter((row) => row >= 0);

/**
 * Trains a table `[rows · classes]` on so many pieces, one after the other, with Adagrad.
 *
 * @param say Gets the mean loss of every so many pieces.
 */
export function trainTable(
  texts: readonly Texts[],
  { pieces, seed, signal, say }: {
    pieces: number;
    seed: number;
    signal: AbortSignal;
    say: (line: string) => void;
  },
): Float32Array {
  const random = seeded("table", seed);
  const table = new NaiveBayes(texts, TABLE_ROWS).centredLogs();
  const squares = new Float32Array(table.length).fill(FIRST_SQUARE);
  const scores = new Float32Array(CLASSES);
  let loss = 0;
  for (let piece = 1; piece <= pieces; piece++) {
    if (piece % 50_000 === 0) {
      signal.throwIfAborted();
      say(`${piece} pieces, loss ${(loss / 50_000).toFixed(4)}`);
      loss = 0;
    }
    const language = Math.floor(CLASSES * random());
    const rows = presentRows(drawPiece(texts[language]!, random))
      .filter(() => random() >= DROPPED);
    if (rows.length === 0) continue;
    scoresOf(table, rows, scores);
    loss += softmaxLoss(scores, language);
    const rate = RATE * (1 - piece / (pieces + 1));
    for (let i = 0; i < CLASSES; i++) {
      if (Math.abs(scores[i]!) < 1e-3) continue;
      const slope = scores[i]! * SCALE / rows.length;
      for (const row of rows) {
        const place = row * CLASSES + i;
        squares[place]! += slope ** 2;
        table[place]! -= rate * slope / Math.sqrt(squares[place]!);
      }
    }
  }
  return table;
}

/** The cross entropy of scores, which become its gradient. */
function softmaxLoss(scores: Float32Array, label: number): number {
  const most = Math.max(...scores);
  let sum = 0;
  for (let i = 0; i < CLASSES; i++) {
    sum += scores[i] = Math.exp(scores[i]! - most);
  }
  const loss = Math.log(sum / scores[label]!);
  for (let i = 0; i < CLASSES; i++) scores[i]! /= sum;
  scores[label]! -= 1;
  return loss;
}

/** A model that reads texts: the scores of the languages at each place. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { LANGUAGES } from "./languages.ts";
import { padded, valuesOf, windowMeans } from "./values.ts";

/** By what the table's rows are multiplied as scores: they are means, and Bayes has sums. */
export const SCALE = 12;

/** By what the encoder's scores are multiplied, which validation has chosen. */
export const ENCODER_SCALE = 0.35;

/** What reads texts. */
export interface Reader {
  /** The encoder. */
  readonly model: LayersModel;
  /** `[rows, languages]`, row by row: what each run of letters says for each language. */
  readonly table: Float32Array;
}

/** The most places of a batch, with padding, and the most texts. */
const MOST_PLACES = 4096, MOST_TEXTS = 64;

/** The scores of the languages for a text. */
export interface TextScores {
  /**
   * Those of the text: the mean of the table's rows, and that of the encoder's scores.
   * Windows would count the places at both ends more often.
   */
  readonly text: Float64Array;
  /**
   * Those of each place, `[places, languages]`: of the table around it, and of the
   * encoder. Places are the letters, and a space after the last.
   */
  readonly places: Float32Array;
}

/**
 * The scores of the languages for texts, of any length.
 *
 * @param texts What `lettersOf` returns; none is empty.
 */
export async function scoresOf(
  reader: Reader,
  texts: readonly string[],
): Promise<TextScores[]> {
  const order = [...texts.keys()]
    .sort((i, j) => texts[i]!.length - texts[j]!.length);
  const scores: TextScores[] = [];
  for (let start = 0; start < order.length;) {
    let count = 1;
    const isFit = (i: number | undefined) =>
      i !== undefined && texts[i]!.length * (count + 1) <= MOST_PLACES;
    while (count < MOST_TEXTS && isFit(order[start + count])) count++;
    const chosen = order.slice(start, start + count);
    const found = await batchScores(reader, chosen.map((i) => texts[i]!));
    chosen.forEach((i, row) => scores[i] = found[row]!);
    start += count;
  }
  return scores;
}

async function batchScores(
  { model, table }: Reader,
  texts: readonly string[],
): Promise<TextScores[]> {
  const classes = LANGUAGES.length;
  const rows = texts.map((text) => valuesOf(table, text));
  const { values, mask, length } = padded(rows);
  const logits = tf.tidy(() =>
    model.predict([
      tf.tensor3d(values, [texts.length, length, classes]),
      tf.tensor2d(mask, [texts.length, length]),
    ]) as tf.Tensor
  );
  const all = await logits.data<"float32">();
  logits.dispose();
  return rows.map((row, i) => {
    const first = i * length * classes;
    const own = all.subarray(first, first + row.length);
    return {
      text: meanScores(
        row.map((value, j) => SCALE * value + ENCODER_SCALE * own[j]!),
      ),
      places: windowMeans(row).map((mean, j) =>
        SCALE * mean + ENCODER_SCALE * own[j]!
      ),
    };
  });
}

/** The mean of some places' scores. */
export function meanScores(
  scores: Float32Array,
  from = 0,
  to = scores.length / LANGUAGES.length,
): Float64Array {
  const classes = LANGUAGES.length;
  const mean = new Float64Array(classes);
  for (let place = from; place < to; place++) {
    for (let i = 0; i < classes; i++) {
      mean[i]! += scores[place * classes + i]! / (to - from);
    }
  }
  return mean;
}

/** The place of the largest number. */
export function largest(numbers: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) {
    if (numbers[i]! > numbers[best]!) best = i;
  }
  return best;
}

/** Shares that sum to 1, by a softmax. */
export function sharesOf(scores: Float64Array): Float64Array {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

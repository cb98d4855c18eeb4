/** A model that reads series: nine quantiles of what each place may hold. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { COLUMNS, columnsOf } from "./columns.ts";
import { GUESSES } from "./guesses.ts";
import { observed, scaled } from "./scaling.ts";

/** The levels of the quantiles. */
export const LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;

/** The model's outputs for each place: weights of the guesses, and quantiles beside their sum. */
export const OUTPUTS = GUESSES.length + LEVELS.length;

/**
 * The quantiles that outputs say, `[batch, length, 9]`: guesses, weighed by a softmax, and
 * what is to be added to them.
 *
 * @param outputs `[batch, length, OUTPUTS]`
 * @param guesses `[batch, length, GUESSES.length]`
 */
export function quantilesBy(outputs: tf.Tensor, guesses: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [weights, added] = tf.split(
      outputs as tf.Tensor3D,
      [GUESSES.length, LEVELS.length],
      2,
    );
    const middle = tf.sum(tf.mul(tf.softmax(weights!), guesses), 2, true);
    return tf.add(middle, added!);
  });
}

/** Quantiles of each place of a series, in its own scale: nine for each, in order. */
export type Quantiles = readonly (readonly number[])[];

/** Series that are read together. */
const AT_ONCE = 32;

/** The quantiles of series of 16 to 256 places. */
export async function quantilesOf(
  model: LayersModel,
  series: readonly (readonly (number | null)[])[],
): Promise<Quantiles[]> {
  const found: Quantiles[] = [];
  for (const length of new Set(series.map((row) => row.length))) {
    const places = [...series.keys()]
      .filter((i) => series[i]!.length === length);
    for (let start = 0; start < places.length; start += AT_ONCE) {
      const some = places.slice(start, start + AT_ONCE);
      const read = await batchQuantiles(model, some.map((i) => series[i]!));
      some.forEach((i, row) => found[i] = read[row]!);
    }
  }
  return found;
}

/** The quantiles of series of one length. */
async function batchQuantiles(
  model: LayersModel,
  series: readonly (readonly (number | null)[])[],
): Promise<Quantiles[]> {
  const rows = series.map((row) => scaled(observed(row)));
  const size = rows.length, length = series[0]!.length;
  const columns = new Float32Array(size * length * COLUMNS);
  const guesses = new Float32Array(size * length * GUESSES.length);
  rows.forEach((row, i) => {
    const read = columnsOf(row);
    columns.set(read.columns, i * length * COLUMNS);
    read.guesses.filled.forEach((filled, guess) => {
      for (let t = 0; t < length; t++) {
        guesses[(i * length + t) * GUESSES.length + guess] = filled[t]!;
      }
    });
  });
  const quantiles = tf.tidy(() =>
    quantilesBy(
      model.predict(tf.tensor3d(columns, [size, length, COLUMNS])) as tf.Tensor,
      tf.tensor3d(guesses, [size, length, GUESSES.length]),
    )
  );
  const numbers = await quantiles.data<"float32">();
  quantiles.dispose();
  return rows.map(({ level, scale }, row) =>
    Array.from({ length }, (_, t) => {
      const first = (row * length + t) * LEVELS.length;
      // Nothing makes the model keep their order.
      return Array.from(numbers.subarray(first, first + LEVELS.length))
        .sort((a, b) => a - b).map((number) => level + scale * number);
    })
  );
}

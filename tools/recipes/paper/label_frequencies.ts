/** What the frequencies of labels alone reach. @module */
import { type Batch, NOT_COUNTED } from "@lionjs/lion/data";
import * as tf from "@tensorflow/tfjs-core";

/** The best that one guess for all labels reaches. */
export interface GuessedByFrequency {
  readonly accuracy: number;
  /** Natural logarithm, a label. */
  readonly loss: number;
}

/** Counts the labels of batches, those left out that do not count. */
export async function guessByFrequency(
  batches: AsyncIterable<Batch>,
): Promise<GuessedByFrequency> {
  const counts = new Map<number, number>();
  let all = 0;
  for await (const { inputs, labels } of batches) {
    const values = await labels.data();
    tf.dispose([...inputs, labels]);
    for (const label of values) {
      if (label === NOT_COUNTED) continue;
      counts.set(label, (counts.get(label) ?? 0) + 1);
      all++;
    }
  }
  let most = 0, loss = 0;
  for (const count of counts.values()) {
    most = Math.max(most, count);
    loss -= count / all * Math.log(count / all);
  }
  return { accuracy: most / all, loss };
}

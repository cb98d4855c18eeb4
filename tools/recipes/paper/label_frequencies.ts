/** What the frequencies of labels alone reach. @module */
import { type Batch, IGNORE_INDEX } from "@lionjs/lion/data";
import * as tf from "@tensorflow/tfjs-core";

/** The best that one guess for all labels reaches. */
export interface GuessedByFrequency {
  readonly accuracy: number;
  /** In nats per label. */
  readonly loss: number;
}

/** Counts the labels of batches, those left out that do not count. */
export async function guessByFrequency(
  batches: AsyncIterable<Batch>,
): Promise<GuessedByFrequency> {
  const counts = new Map<number, number>();
  for await (const { inputs, labels } of batches) {
    const values = await labels.data();
    tf.dispose([...inputs, labels]);
    for (const label of values) {
      if (label === IGNORE_INDEX) continue;
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
  }
  const all = [...counts.values()];
  const sum = all.reduce((a, b) => a + b, 0);
  return { accuracy: Math.max(...all) / sum, loss: entropyOf(all) };
}

/** The loss of the guess that has the frequencies of classes, by how often each is there. */
export function entropyOf(counts: readonly number[]): number {
  const all = counts.reduce((a, b) => a + b, 0);
  return counts.filter((count) => count > 0)
    .reduce((sum, count) => sum - count / all * Math.log(count / all), 0);
}

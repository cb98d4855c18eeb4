/** Layers that are computed again for their gradients. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { computedAgain } from "@lionjs/tfjs/kernel";
import type { Reading } from "./mixing_layer.ts";
import { sameRandomness } from "./randomness.ts";
import { currentSequence, inSequence } from "./sequence.ts";

/**
 * Transforms tokens so that the gradient computes them again, with the same
 * random numbers and of the same sequence, instead of keeping what was computed on
 * the way.
 *
 * @param x The tokens, which are kept, as are the tensors of `reading`.
 * @param transform Computes the output, always the same for the same random
 * numbers; if it is not read, its gradients are enough.
 * @returns What `transform` returns.
 */
export function recomputed(
  x: tf.Tensor3D,
  reading: Reading,
  transform: (
    x: tf.Tensor3D,
    reading: Reading,
    isRead: boolean,
  ) => tf.Tensor3D,
): tf.Tensor3D {
  const same = sameRandomness();
  const sequence = currentSequence();
  const { mask, segments, first } = reading;
  const given = Object.entries<tf.Tensor | undefined>({ mask, segments, first })
    .filter((entry): entry is [string, tf.Tensor] => entry[1] !== undefined);
  const kept = [x, ...given.map(([, tensor]) => tensor)];
  return computedAgain(kept, ([x, ...others], isRead) => {
    const again = {
      ...reading,
      ...Object.fromEntries(given.map(([name], i) => [name, others[i]])),
    };
    const run = () => transform(x as tf.Tensor3D, again, isRead);
    return same(() => inSequence(sequence, run));
  });
}

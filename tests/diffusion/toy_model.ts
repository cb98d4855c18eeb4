/** A small model of masked diffusion in tfjs, and the same in float64. @module */
import * as tf from "@tensorflow/tfjs-core";
import { array, uniform } from "../random.ts";

/** A model whose logits at each place depend on all tokens of a row. */
export interface ToyModel {
  readonly length: number;
  /** Ids, of which the last is the mask. */
  readonly vocabulary: number;
  readonly maskToken: number;
  /** The model, for functions of the library. */
  readonly apply: (ids: tf.Tensor2D) => tf.Tensor3D;
  /** The logarithm of the probability of each id at a place; of the mask, -Infinity. */
  readonly logProbabilities: (
    ids: readonly number[],
    place: number,
  ) => number[];
  readonly dispose: () => void;
}

/** Makes a model with weights of a seed: the logits are linear in the one-hot tokens. */
export function toyModel(
  { length, vocabulary, seed = 1 }: {
    length: number;
    vocabulary: number;
    seed?: number;
  },
): ToyModel {
  const size = length * vocabulary;
  const values = array(size * size, uniform(seed), (u) => 3 * u - 1.5);
  const weights = tf.tensor2d(values, [size, size]);
  const maskToken = vocabulary - 1;
  return {
    length,
    vocabulary,
    maskToken,
    apply: (ids) =>
      tf.tidy(() => {
        const rows = ids.shape[0];
        const hot = tf.oneHot(tf.reshape<tf.Rank.R1>(ids, [-1]), vocabulary);
        const x = tf.reshape(tf.cast(hot, "float32"), [rows, size]);
        return tf.reshape(tf.matMul(x, weights), [rows, length, vocabulary]);
      }),
    logProbabilities(ids, place) {
      const logits = Array.from(
        { length: vocabulary },
        (_, id) =>
          id === maskToken ? -Infinity : ids.reduce(
            (sum, own, j) =>
              sum +
              values[(j * vocabulary + own) * size + place * vocabulary + id]!,
            0,
          ),
      );
      const total = Math.log(
        logits.reduce((sum, x) => sum + Math.exp(x), 0),
      );
      return logits.map((x) => x - total);
    },
    dispose: () => weights.dispose(),
  };
}

/** All subsets of some places but the empty one. */
export function subsets(places: readonly number[]): number[][] {
  return Array.from(
    { length: 2 ** places.length - 1 },
    (_, i) => places.filter((_, bit) => (i + 1) >> bit & 1),
  );
}

/** All orders of some places. */
export function orders(places: readonly number[]): number[][] {
  if (places.length === 0) return [[]];
  return places.flatMap((place) =>
    orders(places.filter((other) => other !== place))
      .map((rest) => [place, ...rest])
  );
}

/** Minus the log-probability of the hidden tokens of a sequence, summed. */
export function hiddenNats(
  model: ToyModel,
  ids: readonly number[],
  hidden: readonly number[],
): number {
  const seen = ids.map((id, i) => hidden.includes(i) ? model.maskToken : id);
  return hidden.reduce(
    (sum, i) => sum - model.logProbabilities(seen, i)[ids[i]!]!,
    0,
  );
}

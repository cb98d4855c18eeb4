import {
  assertBoolean,
  assertInteger,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import {
  below,
  type Examples,
  generated,
  type GeneratedOptions,
  type Random,
} from "@lionjs/data/batches";
import { IGNORE_INDEX, type LabelledTokens } from "@lionjs/data/text";

/** Options of {@linkcode mqar}. */
export interface MqarOptions extends GeneratedOptions {
  /**
   * Size of the vocabulary: keys in the lower half, values in the upper one.
   * @default 8192
   */
  vocabularySize?: number | undefined;
  /** Tokens per sequence, an even number. @default 64 */
  length?: number | undefined;
  /** Number of pairs of a key and a value, each queried once. @default 4 */
  pairs?: number | undefined;
  /**
   * Whether tokens between the queries are random instead of 0. @default false
   */
  randomNonQueries?: boolean | undefined;
}

const OPTIONS = optionsOf<MqarOptions>()(
  "size vocabularySize length pairs randomNonQueries seed part",
);

/** Exponent of the distances' distribution from pairs to queries: most are short. */
const POWER = 0.01;

/**
 * Makes a task of multi-query associative recall: a sequence begins with keys,
 * each followed by its value. Later, each key occurs once more, with its value
 * as its label. All other tokens have the label -100.
 *
 * It suits bidirectional models, since no answer follows its query. The
 * published settings of (length, pairs) are (64, 4) with 100,000 examples,
 * (128, 8), (256, 16), (256, 32) and (256, 64) with 20,000 for training, and up
 * to (1024, 256) with 1,000 for testing.
 *
 * Source: Arora et al. 2023, Zoology (arXiv:2312.04927).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { mqar } from "@lionjs/lion/datasets";
 *
 * const { ids, labels } = mqar({ size: 10, length: 16, pairs: 2 }).get(0);
 * const question = Array.from(labels).findIndex((label) => label !== -100);
 * const pair = Array.from(ids).indexOf(ids[question]!);
 * assertEquals(labels[question], ids[pair + 1]);
 * ```
 *
 * @param options See {@linkcode MqarOptions}.
 * @returns The examples, for `collateTokens`.
 * @throws {RangeError} If an option has an invalid value, or the pairs do not
 * fit into the length or the vocabulary.
 */
export function mqar(options: MqarOptions): Examples<LabelledTokens> {
  assertOptions("mqar", options, OPTIONS);
  const {
    vocabularySize = 8192,
    length = 64,
    pairs = 4,
    randomNonQueries = false,
  } = options;
  assertInteger("pairs", pairs, 1);
  assertBoolean("randomNonQueries", randomNonQueries);
  assertInteger("length", length, 4 * pairs);
  assertInteger("vocabularySize", vocabularySize, length + 1);
  for (const [name, value] of Object.entries({ length, vocabularySize })) {
    if (value % 2 === 0) continue;
    throw new RangeError(`${name} should be even, got ${value}`);
  }
  const half = vocabularySize / 2;
  const context = 2 * pairs;
  const weights = Array.from(
    { length: (length - context) / 2 },
    (_, slot) => (slot + 1) ** (POWER - 1),
  );
  return generated("MQAR", options, (random) => {
    const keys = distinct(pairs, 1, half, random);
    const values = distinct(pairs, half, vocabularySize, random);
    const slots = weighted(weights, random);
    const ids = new Int32Array(length);
    const labels = new Int32Array(length).fill(IGNORE_INDEX);
    keys.forEach((key, i) => {
      const question = context + 2 * slots[i]!;
      ids[2 * i] = ids[question] = key;
      ids[2 * i + 1] = labels[question] = values[i]!;
    });
    if (randomNonQueries) {
      ids.forEach((id, i) => {
        if (id === 0) ids[i] = below(vocabularySize, random);
      });
    }
    return { ids, labels };
  });
}

/** Distinct integers from `from` to below `to`, in random order. */
function distinct(
  count: number,
  from: number,
  to: number,
  random: Random,
): number[] {
  const found = new Set<number>();
  while (found.size < count) found.add(from + below(to - from, random));
  return [...found];
}

/**
 * Orders all indices by weighted sampling without replacement, as in Efraimidis
 * and Spirakis 2006.
 */
function weighted(weights: readonly number[], random: Random): number[] {
  const keys = weights.map((weight) => Math.log(1 - random()) / weight);
  return keys.map((_, i) => i).sort((a, b) => keys[b]! - keys[a]!);
}

/** The bound of the likelihood of sequences under masked diffusion. @module */
import {
  assertAllocatable,
  assertBoolean,
  assertFinite,
  assertInteger,
  assertList,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import { type Random, seeded } from "@lionjs/data/batches";
import { drawPlaces } from "./collate_diffusion.ts";
import {
  type DiffusionModel,
  logProbabilities,
  type Predictor,
  RowPredictor,
} from "./diffusion_model.ts";
import { assertIds, assertMaskToken, freePlaces } from "./given_tokens.ts";

/** Options of {@linkcode diffusionBound}. */
export interface BoundOptions {
  /** The id that stands for a hidden token; the model's logit of it is not read. */
  maskToken: number;
  /**
   * Whether each token of each sequence is given; the bound is then of the others,
   * given these. @default false for each
   */
  given?: readonly (readonly boolean[])[] | undefined;
  /** How many times each sequence is read, each time with other hidden tokens. @default 16 */
  samples?: number | undefined;
  /**
   * Whether to read each sequence with all sets of hidden tokens, which are
   * 2^F - 1 for F tokens that are not given; F is 12 at most. @default false
   */
  exact?: boolean | undefined;
  /** Seed of the hidden tokens. @default 0 */
  seed?: number | undefined;
}

/** The result of {@linkcode diffusionBound}. */
export interface DiffusionBound {
  /** The mean over sequences of their bounds of -log p, in nats. */
  readonly nats: number;
  /** The bounds' sum divided by the number of tokens that are not given, in bits. */
  readonly bitsPerToken: number;
  /**
   * The standard error of `nats` as an estimate of the exact bound of these
   * sequences: 0 if `exact`, NaN for a single sample.
   */
  readonly standardError: number;
}

const OPTIONS = optionsOf<BoundOptions>()(
  "maskToken given samples exact seed",
);

/** The most tokens of a sequence whose sets are all read. */
const MOST_EXACT = 12;

/** The most rows of a batch. */
const BATCH = 64;

/** A sequence with hidden tokens, and what its loss counts in the bound of a sequence. */
interface Reading {
  readonly sequence: number;
  readonly ids: readonly number[];
  readonly hidden: readonly number[];
  readonly weight: number;
}

/**
 * Measures how likely a model of masked diffusion finds sequences: an upper bound
 * of -log p of each, F E_l [mean over l hidden tokens of -log p(x_i | the others)]
 * with l uniform from 1 to F, the number of tokens that are not given. The mean of
 * -log p over all orders in which the model could write the sequence, a token at a
 * time, is the same number. Computed in float64 from the model's logits.
 *
 * Samples are spread evenly over l, so the true error is rather smaller than
 * `standardError`.
 *
 * Source: Ou et al. 2024 (arXiv:2406.03736), for both forms of the bound.
 *
 * @example A model without an opinion: ln 4 per token
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { diffusionBound } from "@lionjs/lion/diffusion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = (ids: tf.Tensor2D) => tf.zeros<tf.Rank.R3>([...ids.shape, 5]);
 * const { nats, bitsPerToken } = await diffusionBound(model, [[0, 3, 1]], {
 *   maskToken: 4,
 *   exact: true,
 * });
 * assertAlmostEquals(nats, 3 * Math.log(4), 1e-6);
 * assertAlmostEquals(bitsPerToken, 2, 1e-6);
 * ```
 *
 * @param model See {@linkcode DiffusionModel}.
 * @param ids The sequences, of one or more tokens that are not given in all.
 * @param options See {@linkcode BoundOptions}.
 * @returns The bound.
 * @throws {TypeError} If the model is none, or an option is unknown or of the wrong
 * type.
 * @throws {RangeError} If an option has an invalid value, there is no token that is
 * not given, one of them is the mask or none of the model's, or there are too many
 * for `exact`.
 */
export async function diffusionBound(
  model: DiffusionModel,
  ids: readonly (readonly number[])[],
  options: BoundOptions,
): Promise<DiffusionBound> {
  assertOptions("diffusionBound", options, OPTIONS);
  const { maskToken, given, samples = 16, exact = false, seed = 0 } = options;
  assertMaskToken(maskToken);
  assertInteger("samples", samples, 1);
  assertBoolean("exact", exact);
  assertFinite("seed", seed);
  assertIds("diffusionBound's ids", ids);
  assertAllocatable({ samples, "the sequences of ids": ids.length });
  if (given !== undefined) assertGivenRows(given, ids.length);
  const free = ids.map((ids, i) =>
    freePlaces(`the sequence at ${i}`, { ids, given: given?.[i] }, maskToken)
  );
  const tokens = free.reduce((sum, { length }) => sum + length, 0);
  if (tokens === 0) {
    throw new RangeError(
      "diffusionBound's ids should have tokens that are not given, got none",
    );
  }
  if (exact) free.forEach((places, i) => assertFew(places.length, i));
  const random = seeded("diffusionBound", seed);
  const readings = free.flatMap((places, sequence) => {
    const sets = exact ? allSets(places) : someSets(places, samples, random);
    return sets.map(({ hidden, weight }): Reading => ({
      sequence,
      ids: ids[sequence]!,
      hidden,
      weight,
    }));
  });
  const predictor = new RowPredictor("diffusionBound", model);
  try {
    const losses = await lossesOf(predictor, readings, maskToken);
    const bounds = ids.map(() => 0), squares = ids.map(() => 0);
    readings.forEach(({ sequence, weight }, i) => {
      bounds[sequence]! += weight * losses[i]!;
    });
    readings.forEach(({ sequence }, i) => {
      const whole = free[sequence]!.length * losses[i]!;
      squares[sequence]! += (whole - bounds[sequence]!) ** 2;
    });
    const sum = (x: readonly number[]) => x.reduce((a, b) => a + b, 0);
    const variance = sum(squares) / (samples * (samples - 1));
    return {
      nats: sum(bounds) / ids.length,
      bitsPerToken: sum(bounds) / tokens / Math.LN2,
      standardError: exact ? 0 : Math.sqrt(variance) / ids.length,
    };
  } finally {
    predictor.dispose();
  }
}

/** Throws unless there is a list for each sequence. */
function assertGivenRows(
  given: readonly (readonly boolean[])[],
  sequences: number,
): void {
  assertList("given", given);
  if (given.length === sequences) return;
  throw new RangeError(
    `given should be one list for each of the ${sequences} sequences, got ${given.length}`,
  );
}

function assertFew(tokens: number, sequence: number): void {
  if (tokens <= MOST_EXACT) return;
  throw new RangeError(
    `exact is for sequences of ${MOST_EXACT} tokens that are not given at most, got ${tokens} at ${sequence}; leave it out, and raise samples`,
  );
}

/**
 * All sets of hidden places, weighted so that the weighted sum of their means is the
 * bound: each number of places is as likely, and each set of as many.
 */
function allSets(
  places: readonly number[],
): Pick<Reading, "hidden" | "weight">[] {
  const sets = Array.from(
    { length: 2 ** places.length - 1 },
    (_, i) => places.filter((_, bit) => (i + 1) >> bit & 1),
  );
  return sets.map((hidden) => ({
    hidden,
    weight: 1 / binomial(places.length, hidden.length),
  }));
}

function binomial(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= k; i++) product = product * (n - k + i) / i;
  return product;
}

/** Sets of hidden places, whose sizes are spread evenly. */
function someSets(
  places: readonly number[],
  samples: number,
  random: Random,
): Pick<Reading, "hidden" | "weight">[] {
  if (places.length === 0) return [];
  return Array.from({ length: samples }, (_, i) => {
    const share = (i + random()) / samples;
    const count = Math.floor(share * places.length) + 1;
    const hidden = drawPlaces([...places], count, random);
    return { hidden, weight: places.length / samples };
  });
}

/** The mean of -log p over the hidden tokens of each reading. */
async function lossesOf(
  predictor: Predictor,
  readings: readonly Reading[],
  maskToken: number,
): Promise<number[]> {
  const losses: number[] = [];
  for (let first = 0; first < readings.length; first += BATCH) {
    const batch = readings.slice(first, first + BATCH);
    const logits = await predictor.logits(batch.map(({ ids, hidden }) => {
      const seen = [...ids];
      hidden.forEach((place) => seen[place] = maskToken);
      return { ids: seen, places: hidden };
    }));
    batch.forEach(({ ids, hidden }, row) => {
      const vocabulary = logits[row]!.length / hidden.length;
      const sum = hidden.reduce((sum, place, i) => {
        const own = logits[row]!.subarray(i * vocabulary, (i + 1) * vocabulary);
        return sum - logProbabilityOf(ids[place]!, own, maskToken);
      }, 0);
      losses.push(sum / hidden.length);
    });
  }
  return losses;
}

function logProbabilityOf(
  id: number,
  logits: Float32Array,
  maskToken: number,
): number {
  if (id < logits.length) return logProbabilities(logits, maskToken)[id]!;
  throw new RangeError(
    `diffusionBound's ids should be tokens of the model, below ${logits.length}, got ${id}`,
  );
}

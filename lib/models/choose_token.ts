/** Choice of a token from its logits. @module */
import { assertFinite, type Complete, shown } from "@lionjs/base";
import seedrandom from "seedrandom";
import { TokenRanking } from "./token_ranking.ts";

/** How `generate` chooses a token. */
export interface ChoiceOptions {
  /** Temperature, which divides the logits; 0 always takes the most likely token. @default 1 */
  temperature?: number | undefined;
  /** Number of most likely tokens to choose among (top-k). @default all */
  topK?: number | undefined;
  /**
   * Nucleus sampling (top-p): chooses among the fewest most likely tokens whose
   * probabilities, after temperature and topK, add up to this value, from 0
   * (only the most likely token) to 1. @default 1
   */
  topP?: number | undefined;
  /**
   * Seed of the choice; each text of a batch draws its own random numbers.
   * @default a new one each time; with a state, its random numbers continue
   */
  seed?: number | string | undefined;
}

/** The state of a text's random number generator. */
export type RandomState = seedrandom.State;

/** Chooses the tokens of a text. */
export interface Chooser {
  choose(logits: Float32Array): number;
  /** The state from which the random numbers continue. */
  randomState(): RandomState;
}

/** Throws unless the options are valid. */
export function assertChoice(
  { temperature = 1, topK = Infinity, topP = 1, seed }: ChoiceOptions,
): void {
  if (typeof temperature !== "number") {
    throw new TypeError(
      `temperature should be a number, got ${typeof temperature}`,
    );
  }
  if (!(temperature >= 0 && temperature < Infinity)) {
    throw new RangeError(`temperature should be 0 or more, got ${temperature}`);
  }
  assertCount("topK", topK, 1);
  assertFinite("topP", topP);
  if (topP < 0 || topP > 1) {
    throw new RangeError(`topP should be from 0 to 1, got ${topP}`);
  }
  if (seed === undefined || typeof seed === "string") return;
  if (typeof seed === "number") return assertFinite("seed", seed);
  throw new TypeError(
    `seed should be a number or a string, got ${shown(seed)}`,
  );
}

/** Throws unless an option is an integer of `least` or more, or Infinity. */
export function assertCount(name: string, value: number, least: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`${name} should be a number, got ${typeof value}`);
  }
  if (value === Infinity || (Number.isInteger(value) && value >= least)) return;
  throw new RangeError(
    `${name} should be an integer, ${least} or more, or Infinity, got ${value}`,
  );
}

/**
 * Makes the chooser for one text of a batch.
 *
 * @param options Options that have been checked.
 * @param text The text's index in the batch.
 * @param state The state from which the random numbers continue, unless there
 * is a seed.
 */
export function chooserOf(
  { temperature = 1, topK = Infinity, topP = 1, seed }: ChoiceOptions,
  text: number,
  state: RandomState | undefined,
): Chooser {
  const random = seed !== undefined
    ? seedrandom(text === 0 ? `${seed}` : `${seed}, ${text}`, { state: true })
    : seedrandom(undefined, { state: state ?? true });
  const greedy = temperature === 0 || topP === 0;
  return {
    choose: (logits) =>
      greedy
        ? likeliest(logits)
        : draw(logits, { temperature, topK, topP }, random()),
    randomState: () => random.state(),
  };
}

/** The token with the highest logit; the first of them if there are several. */
function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    if (logits[token]! > logits[best]!) best = token;
  }
  return best;
}

/**
 * Maps a number from 0 to 1 to a token, by the tokens' probabilities.
 *
 * Source: Holtzman et al. 2020 (arXiv:1904.09751), nucleus sampling.
 */
function draw(
  logits: Float32Array,
  { temperature, topK, topP }: Complete<Omit<ChoiceOptions, "seed">>,
  random: number,
): number {
  const ranking = new TokenRanking(logits, temperature);
  const weightOf = (logit: number) =>
    Math.exp((logit - ranking.highest) / temperature);
  const weightAt = (rank: number) => weightOf(logits[ranking.at(rank)]!);
  let count = Math.min(topK, logits.length), total = 0;
  if (count === logits.length) {
    for (const logit of logits) total += weightOf(logit);
  } else {
    for (let rank = 0; rank < count; rank++) total += weightAt(rank);
  }
  if (topP < 1) {
    // The smallest nucleus: the fewest first tokens whose probabilities reach
    // topP.
    const wanted = topP * total;
    total = 0;
    let kept = 0;
    while (kept < count && total < wanted) total += weightAt(kept++);
    count = kept;
  }
  let left = random * total, last = 0;
  for (let rank = 0; rank < count; rank++) {
    const weight = weightAt(rank);
    // All further tokens have probability 0 too.
    if (weight === 0) break;
    last = rank;
    left -= weight;
    if (left < 0) break;
  }
  return ranking.at(last);
}

/** The choice of a token at a place, from what the model says of it. @module */
import type { Random } from "@lionjs/data/batches";

/** How a token is drawn at a place. */
export interface DrawOptions {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
}

/** The likeliest id; the lowest of them if there are several. */
export function likeliest(probabilities: Float64Array): number {
  return probabilities.reduce(
    (best, x, id) => x > probabilities[best]! ? id : best,
    0,
  );
}

/**
 * Draws an id by its probability raised to 1 / temperature, among the topK likeliest,
 * and of these among the fewest that have topP of the probability. Noise of Gumbel's
 * distribution is added to the logarithms, and the largest taken: in float64, since
 * float32 cuts the noise off, and draws likely tokens too often.
 *
 * Sources: Holtzman et al. 2020 (arXiv:1904.09751), nucleus sampling; Zheng et al.
 * 2024 (arXiv:2409.02908), for the noise.
 */
export function drawToken(
  probabilities: Float64Array,
  { temperature, topK, topP }: DrawOptions,
  random: Random,
): number {
  if (temperature === 0) return likeliest(probabilities);
  const possible = [...probabilities.keys()]
    .filter((id) => probabilities[id]! > 0);
  const isLimited = topK < possible.length || topP < 1;
  if (isLimited) {
    possible.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  }
  const ids = possible.slice(0, topK);
  const logs = ids.map((id) => Math.log(probabilities[id]!) / temperature);
  const count = topP < 1 ? nucleus(logs, topP) : ids.length;
  let best = 0, highest = -Infinity;
  for (let i = 0; i < count; i++) {
    // 1 - random() is never 0; -log of 1 is 0, and its logarithm -Infinity.
    const noisy = logs[i]! - Math.log(-Math.log(1 - random()));
    if (noisy <= highest) continue;
    [best, highest] = [i, noisy];
  }
  return ids[best]!;
}

/** How many of the first of these, which fall, have a share of the probability. */
function nucleus(logs: readonly number[], share: number): number {
  const weights = logs.map((x) => Math.exp(x - logs[0]!));
  const wanted = share * weights.reduce((a, b) => a + b, 0);
  let sum = weights[0]!, count = 1;
  while (count < weights.length && sum < wanted) sum += weights[count++]!;
  return count;
}

/** The order in which places open. @module */

/** Ways to choose the places that open next. */
export const ORDERS = [
  "margin",
  "confidence",
  "entropy",
  "random",
  "left-to-right",
] as const;

/** A way to choose the places that open next; see {@linkcode UnmaskOptions}. */
export type UnmaskOrder = typeof ORDERS[number];

/** What the model says of a place. */
export interface Prediction {
  readonly place: number;
  /** The probability of each id. */
  readonly probabilities: Float64Array;
  /** The id that would stand there. */
  readonly id: number;
}

/** How far the model is from being sure of a place, 0 or more, by each order that asks. */
const DOUBTS = {
  margin({ probabilities }: Prediction): number {
    let first = 0, second = 0;
    for (const x of probabilities) {
      if (x > first) [first, second] = [x, first];
      else if (x > second) second = x;
    }
    // 1 - first is exact where first is near 1, and small doubts differ.
    return 1 - first + second;
  },
  confidence({ probabilities, id }: Prediction): number {
    return probabilities.reduce((sum, x, i) => i === id ? sum : sum + x, 0);
  },
  entropy({ probabilities }: Prediction): number {
    return probabilities.reduce(
      (sum, x) => x > 0 ? sum - x * Math.log(x) : sum,
      0,
    );
  },
};

/** How far the model is from being sure of the id of a prediction. */
export function doubtOf(
  prediction: Prediction,
  order: keyof typeof DOUBTS,
): number {
  return DOUBTS[order](prediction);
}

/**
 * The relative difference of doubts up to which they are ties: backends round logits
 * differently, and places that are alike should open in the same order on all.
 */
const TIE = 2 ** -16;

/**
 * The surest first; of ties, the lower place.
 *
 * @param doubts By place, in the order of places.
 * @param count How many places are wanted.
 */
export function surest(
  doubts: readonly (readonly [place: number, doubt: number])[],
  count: number,
): number[] {
  const left = doubts.toSorted(([, a], [, b]) => a - b);
  const chosen: number[] = [];
  while (chosen.length < count && left.length > 0) {
    const most = left[0]![1] * (1 + TIE);
    let best = 0;
    for (let i = 1; i < left.length && left[i]![1] <= most; i++) {
      if (left[i]![0] < left[best]![0]) best = i;
    }
    chosen.push(left.splice(best, 1)[0]![0]);
  }
  return chosen;
}

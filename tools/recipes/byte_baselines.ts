/** What counting bytes says of a text. @module */
import type { ClassifiedTokens } from "@lionjs/lion/data";
import type { Figures } from "./recipe.ts";

/** What a text is known by, each as often as it is there. */
type Traits = (ids: ArrayLike<number>) => number[];

const BYTES: Traits = (ids) => Array.from(ids);
const PAIRS: Traits = (ids) =>
  Array.from(ids).slice(1).map((id, i) => 2 ** 16 * ids[i]! + id);

/**
 * What guesses by counts reach on test data: the most frequent class, and naive
 * Bayes on the texts' bytes and on their pairs of bytes.
 */
export function byteBaselines(
  train: readonly ClassifiedTokens[],
  test: readonly ClassifiedTokens[],
): Record<string, Figures> {
  const share = (guess: (ids: ArrayLike<number>) => number) => ({
    accuracy: test.filter(({ ids, label }) => guess(ids) === label).length /
      test.length,
  });
  return {
    majority: share(naiveBayes(train, () => [])),
    bytes: share(naiveBayes(train, BYTES)),
    "byte pairs": share(naiveBayes(train, PAIRS)),
  };
}

/** The class with the most likely traits, each counted once more than it was seen. */
export function naiveBayes(
  train: readonly ClassifiedTokens[],
  traits: Traits,
): (ids: ArrayLike<number>) => number {
  const classes = new Map<
    number,
    { texts: number; all: number; counts: Map<number, number> }
  >();
  const seen = new Set<number>();
  for (const { ids, label } of train) {
    const known = classes.get(label) ?? { texts: 0, all: 0, counts: new Map() };
    classes.set(label, known);
    known.texts++;
    for (const trait of traits(ids)) {
      seen.add(trait);
      known.all++;
      known.counts.set(trait, (known.counts.get(trait) ?? 0) + 1);
    }
  }
  return (ids) => {
    const found = traits(ids);
    const scores = [...classes].map(([label, { texts, all, counts }]) => {
      const likely = found.reduce(
        (sum, trait) =>
          sum + Math.log((counts.get(trait) ?? 0) + 1) -
          Math.log(all + seen.size + 1),
        Math.log(texts),
      );
      return { label, likely };
    });
    return scores.reduce((best, one) => one.likely > best.likely ? one : best)
      .label;
  };
}

/** Merges of the pairs of a vocabulary, with no thought to time. @module */

/** The most frequent pair that occurs twice or more, of the lowest ids; none if there is none. */
export function mostFrequentPair(
  words: readonly (readonly string[])[],
  tokens: readonly string[],
): readonly [left: string, right: string] | undefined {
  const counts = new Map<string, number>();
  for (const word of words) {
    for (let i = 1; i < word.length; i++) {
      const pair = `${word[i - 1]} ${word[i]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
  }
  const rank = (pair: string) =>
    pair.split(" ").map((token) => tokens.indexOf(token));
  const [best] = [...counts].filter(([, n]) => n > 1).sort(
    ([p, m], [q, n]) =>
      n - m || rank(p)[0]! - rank(q)[0]! || rank(p)[1]! - rank(q)[1]!,
  );
  return best && best[0].split(" ") as [string, string];
}

/** Puts one token in the place of each such pair. */
export function joinPairs(
  words: readonly string[][],
  [left, right]: readonly [left: string, right: string],
  joined: string,
): void {
  for (const word of words) {
    for (let i = 1; i < word.length; i++) {
      if (word[i - 1] === left && word[i] === right) {
        word.splice(i - 1, 2, joined);
      }
    }
  }
}

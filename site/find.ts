/** Finding words in texts. @module */

/** Something to be found. */
export interface Findable {
  readonly url: string;
  readonly title: string;
  readonly text: string;
}

/** Results at most. */
const MOST = 12;

/** Characters before and after the word that was found. */
const AROUND = 70;

function wordsOf(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter((word) => word !== "");
}

/** What has all words of a query; those that have them in their titles first. */
export function find(
  index: readonly Findable[],
  query: string,
): readonly Findable[] {
  const words = wordsOf(query);
  if (words.length === 0) return [];
  const scored = index.map((one) => {
    const [title, text] = [one.title.toLowerCase(), one.text.toLowerCase()];
    const scores = words.map((word): number =>
      title === word
        ? 4
        : title.includes(word)
        ? 2
        : text.includes(word)
        ? 1
        : 0
    );
    const isFound = scores.every((score) => score > 0);
    return { one, score: isFound ? scores.reduce((a, b) => a + b, 0) : 0 };
  });
  return scored.filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score).slice(0, MOST).map(({ one }) => one);
}

/** The part of a text around the first word of a query that is in it. */
export function surroundings(text: string, query: string): string {
  const places = wordsOf(query).map((word) => text.toLowerCase().indexOf(word))
    .filter((at) => at >= 0);
  const start = Math.max(0, Math.min(...places, text.length) - AROUND);
  const end = start + 2 * AROUND;
  if (places.length === 0) return text.slice(0, 2 * AROUND);
  return `${start > 0 ? "… " : ""}${text.slice(start, end)}${
    end < text.length ? " …" : ""
  }`;
}

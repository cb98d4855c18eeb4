/** Splitting of texts at the matches of a pattern. @module */

/**
 * The ways to treat matches: each is removed, a part of its own, or part of a
 * neighbour.
 */
export const SPLIT_BEHAVIORS = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;

export type SplitBehavior = typeof SPLIT_BEHAVIORS[number];

/** A part of a text: a match of the pattern, or the text between two matches. */
interface Part {
  readonly text: string;
  readonly found: boolean;
}

/** Whether a part is appended to the part before it. */
const IS_APPENDED: Readonly<
  Record<SplitBehavior, (before: Part, part: Part) => boolean>
> = {
  Removed: () => false,
  Isolated: () => false,
  MergedWithPrevious: (before, part) => part.found && !before.found,
  MergedWithNext: (before, part) => before.found && !part.found,
  Contiguous: (before, part) => before.found === part.found,
};

/**
 * Splits a text where a pattern is found.
 *
 * @param behavior How matches are treated.
 * @param invert Whether to take the texts between matches as the matches.
 */
export function splitText(
  text: string,
  pattern: RegExp,
  behavior: SplitBehavior,
  invert = false,
): string[] {
  const all: Part[] = [];
  const add = (from: number, to: number, found: boolean) => {
    if (from < to) {
      all.push({ text: text.slice(from, to), found: found !== invert });
    }
  };
  let end = 0;
  for (const { 0: found, index } of text.matchAll(pattern)) {
    add(end, index, false);
    end = index + found.length;
    add(index, end, true);
  }
  add(end, text.length, false);
  if (behavior === "Removed") {
    return all.filter(({ found }) => !found).map(({ text }) => text);
  }
  const parts: string[] = [];
  all.forEach((part, i) => {
    const before = all[i - 1];
    if (before && IS_APPENDED[behavior](before, part)) {
      parts.push(parts.pop()! + part.text);
    } else parts.push(part.text);
  });
  return parts;
}

/** How texts are split where a pattern is found. @module */

/** What becomes of the places where a pattern is found. */
export const SPLIT_BEHAVIORS = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;

export type SplitBehavior = typeof SPLIT_BEHAVIORS[number];

/** A piece of a text, where the pattern is found, or between two such places. */
interface Piece {
  readonly text: string;
  readonly found: boolean;
}

/** Whether a piece is joined to the one before it. */
const JOINED: Readonly<
  Record<SplitBehavior, (before: Piece, piece: Piece) => boolean>
> = {
  Removed: () => false,
  Isolated: () => false,
  MergedWithPrevious: (before, piece) => piece.found && !before.found,
  MergedWithNext: (before, piece) => before.found && !piece.found,
  Contiguous: (before, piece) => before.found === piece.found,
};

/**
 * Splits a text where a pattern is found.
 *
 * @param behavior What becomes of the places where it is found.
 * @param invert Whether to take what is between those places for them.
 */
export function splitText(
  text: string,
  pattern: RegExp,
  behavior: SplitBehavior,
  invert = false,
): string[] {
  const all: Piece[] = [];
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
  all.forEach((piece, i) => {
    const before = all[i - 1];
    if (before && JOINED[behavior](before, piece)) {
      parts.push(parts.pop()! + piece.text);
    } else parts.push(piece.text);
  });
  return parts;
}

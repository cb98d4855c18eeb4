/** The tokens of a text whose words have labels. @module */
import { IGNORE_INDEX, shown } from "@lionjs/base";
import { specialsAround } from "./around.ts";
import type { LabelledTokens } from "./token_examples.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** How words become tokens, and their classes labels. */
interface WordOptions {
  readonly tokenizer: Tokenizer;
  /** The most tokens, special ones included. */
  readonly length: number;
  labelIn(value: unknown): number;
}

/**
 * Tokenizes words, with special tokens around them; the first token of each has its
 * label, and the others do not count.
 *
 * @param given The words, and as many labels.
 * @param names The names of both in messages.
 * @param place The example's place in its batch.
 */
export function wordTokens(
  given: { readonly words: unknown; readonly labels: unknown },
  names: { readonly words: string; readonly labels: string },
  place: number,
  { tokenizer, length, labelIn }: WordOptions,
): LabelledTokens {
  const { words, labels } = given;
  if (
    !Array.isArray(words) || words.some((word) => typeof word !== "string")
  ) {
    throw new TypeError(
      `${names.words} should be an array of words, since words is true, got ${
        shown(words)
      } at ${place}`,
    );
  }
  if (!Array.isArray(labels) || labels.length !== words.length) {
    throw new TypeError(
      `${names.labels} should be an array of a class for each of the ${words.length} words, got ${
        Array.isArray(labels) ? `${labels.length} of them` : shown(labels)
      } at ${place}`,
    );
  }
  const { before, after, type } = specialsAround(tokenizer);
  const room = Math.max(0, length - before.length - after.length);
  const ids: number[] = [], own: number[] = [];
  words.forEach((word, i) => {
    // Learned vocabularies have words that begin with their space.
    const tokens = tokenizer.encode(i === 0 ? word : ` ${word}`);
    ids.push(...tokens);
    const label = labelIn(labels[i]);
    own.push(...tokens.map((_, i) => i === 0 ? label : IGNORE_INDEX));
  });
  const none = (some: readonly number[]) => some.map(() => IGNORE_INDEX);
  const all = [...before, ...ids.slice(0, room), ...after];
  return {
    ids: all,
    types: all.map(() => type),
    labels: [...none(before), ...own.slice(0, room), ...none(after)],
  };
}

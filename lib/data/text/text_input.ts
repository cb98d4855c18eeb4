/**
 * A model's input for a text or a pair of texts: their tokens, truncated, among
 * the special tokens that a template puts around them.
 *
 * @module
 */
import {
  assertInteger,
  assertOptions,
  assertText,
  optionsOf,
} from "@lionjs/base";

/** A model's input for a text or a pair of texts. */
export interface TextInput {
  /** The ids of the tokens, special ones included. */
  readonly ids: number[];
  /**
   * The type of each token, as in BERT: 0 in the first text, 1 in the second,
   * or what the tokenizer's file says.
   */
  readonly types: number[];
}

/** Options of a tokenizer's `encodeWithSpecials`. */
export interface EncodeWithSpecialsOptions {
  /** The second text of a pair. @default none */
  pair?: string | undefined;
  /**
   * Maximum number of tokens, including special ones, which are all kept. In a
   * pair, the longer text is shortened first.
   * @default the limit in the tokenizer's file, if any
   */
  length?: number | undefined;
}

const OPTIONS = optionsOf<EncodeWithSpecialsOptions>()("pair length");

/** A part of a template: a text, or the ids of a special token. */
export type TemplatePart =
  & { readonly type: number }
  & ({ readonly text: 0 | 1 } | { readonly ids: readonly number[] });

/** The special tokens around a single text, and around a pair of texts. */
export interface Template {
  readonly single: readonly TemplatePart[];
  readonly pair: readonly TemplatePart[];
}

/** How texts with too many tokens are truncated. */
export interface Truncation {
  /** Largest number of tokens, special ones included; none if undefined. */
  readonly length: number | undefined;
  /** The text of a pair that is truncated. */
  readonly strategy: "LongestFirst" | "OnlyFirst" | "OnlySecond";
  /** The side on which tokens are removed. */
  readonly direction: "Left" | "Right";
}

/** The truncation of a tokenizer without one: on the right, and only on demand. */
export const NO_TRUNCATION: Truncation = {
  length: undefined,
  strategy: "LongestFirst",
  direction: "Right",
};

/** BERT's template: [CLS] a [SEP], and [CLS] a [SEP] b [SEP], where b has type 1. */
export function bertTemplate(cls: number, sep: number): Template {
  const single: TemplatePart[] = [
    { ids: [cls], type: 0 },
    { text: 0, type: 0 },
    { ids: [sep], type: 0 },
  ];
  return {
    single,
    pair: [...single, { text: 1, type: 1 }, { ids: [sep], type: 1 }],
  };
}

/**
 * Makes a tokenizer's `encodeWithSpecials`.
 *
 * @param encode Returns the ids of a text, none of them special.
 */
export function inputEncoder(
  encode: (text: string) => number[],
  template: Template,
  truncation: Truncation = NO_TRUNCATION,
): (text: string, options?: EncodeWithSpecialsOptions) => TextInput {
  return (text, options = {}) => {
    assertOptions("encodeWithSpecials", options, OPTIONS);
    assertText("encodeWithSpecials's text", text);
    const { pair, length = truncation.length } = options;
    if (pair !== undefined) assertText("encodeWithSpecials's pair", pair);
    if (length !== undefined) assertInteger("length", length, 0);
    const kind = pair === undefined ? "single" : "pair";
    const parts = template[kind];
    const texts = (pair === undefined ? [text] : [text, pair]).map(encode);
    assertTexts(kind, parts, texts.length);
    const kept = truncated(texts, roomOf(parts, length), truncation);
    const ids: number[] = [], types: number[] = [];
    for (const part of parts) {
      for (const id of "ids" in part ? part.ids : kept[part.text]!) {
        ids.push(id);
        types.push(part.type);
      }
    }
    return { ids, types };
  };
}

/** Throws unless a template has each of its texts once. */
function assertTexts(
  kind: keyof Template,
  parts: readonly TemplatePart[],
  count: number,
): void {
  const found = parts.flatMap((part) => "text" in part ? [part.text] : []);
  if (found.sort().join() === (count === 1 ? "0" : "0,1")) return;
  const names = count === 1 ? "A once and no B" : "A and B once each";
  throw new RangeError(
    `file.post_processor.${kind} should have the sequences ${names}, got ${
      found.map((text) => "AB"[text]).join(", ") || "none"
    }`,
  );
}

/** Number of tokens that remain for the texts, besides special tokens. */
function roomOf(
  parts: readonly TemplatePart[],
  length: number | undefined,
): number {
  if (length === undefined) return Infinity;
  const special = parts.reduce(
    (sum, part) => sum + ("ids" in part ? part.ids.length : 0),
    0,
  );
  if (length >= special) return length - special;
  throw new RangeError(
    `length should be at least ${special}, the number of special tokens, got ${length}`,
  );
}

/** Shortens one or two texts to `room` tokens in all. */
function truncated(
  texts: readonly number[][],
  room: number,
  { strategy, direction }: Truncation,
): number[][] {
  const lengths = texts.map(({ length }) => length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total <= room) return texts.slice();
  const kept = keptOf(lengths, room, total, strategy);
  return texts.map((ids, i) =>
    direction === "Right"
      ? ids.slice(0, kept[i])
      : ids.slice(ids.length - kept[i]!)
  );
}

/** Number of tokens that each text keeps. */
function keptOf(
  lengths: readonly number[],
  room: number,
  total: number,
  strategy: Truncation["strategy"],
): number[] {
  const [first, second] = lengths as [number, number?];
  if (room === 0) return [0, 0];
  if (strategy === "LongestFirst") {
    if (second === undefined) return [room];
    // The shorter text keeps up to half of the room, the longer one the rest.
    const short = Math.min(first, second, Math.floor(room / 2));
    return first <= second ? [short, room - short] : [room - short, short];
  }
  const place = strategy === "OnlyFirst" ? 0 : 1;
  const left = (lengths[place] ?? 0) - (total - room);
  if (left > 0) return place === 0 ? [left, second ?? 0] : [first, left];
  throw new RangeError(
    `file.truncation.strategy ${strategy} should leave a token of the ${
      place === 0 ? "first" : "second"
    } text, got ${total} tokens for ${room} places; pass a longer length`,
  );
}

/** The examples of Long Range Arena's tasks. @module */
import type { ClassifiedTokens } from "@lionjs/data/text";

/** A sequence of tokens with a class. */
export interface LongRangeTokens extends ClassifiedTokens {
  /** The ids of the tokens. */
  readonly ids: Int32Array;
}

/** Two texts, and whether one cites the other. */
export interface LongRangePair {
  /** The ids of the tokens of each text. */
  readonly pair: readonly [Int32Array, Int32Array];
  /** 1 if one paper cites the other, else 0. */
  readonly label: number;
}

/**
 * The tokens of a text's bytes: one more than each, since 0 is padding.
 *
 * @param length The most tokens.
 */
export function byteTokens(text: string, length: number): Int32Array {
  const bytes = new TextEncoder().encode(text).subarray(0, length);
  return Int32Array.from(bytes, (byte) => byte + 1);
}

/**
 * The map of characters in a tokenizer's `Precompiled` normalizer, as
 * SentencePiece compiles it: a trie of the bytes of UTF-8, whose leaves are
 * places in a list of texts that end with a byte 0.
 *
 * Sources: Yata, Darts-clone (the trie is a double array of 32-bit units);
 * SentencePiece, `Normalizer`.
 *
 * @module
 */
import { remembered } from "./word_cache.ts";

/** Replaces the characters of a text by a map. */
export type CharactersMap = (text: string) => string;

/**
 * Longest character of several code points that is looked up as a whole, in
 * bytes; longer ones are looked up code point by code point.
 */
const LONGEST = 5;

export function charactersMap(source: string): CharactersMap {
  const { units, texts } = parse(source);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** The replacement of the shortest key that a character begins with. */
  const found = (bytes: Uint8Array): string | undefined => {
    let at = offsetOf(units[0] ?? 0);
    for (const byte of bytes) {
      at ^= byte;
      const unit = units[at];
      if (unit === undefined || byte === 0 || labelOf(unit) !== byte) return;
      at ^= offsetOf(unit);
      if (!isKey(unit)) continue;
      const from = (units[at] ?? 0) & 0x7fffffff;
      const end = texts.indexOf(0, from);
      return decoder.decode(texts.subarray(from, end < 0 ? undefined : end));
    }
  };
  const replaced = remembered((character) => {
    const bytes = encoder.encode(character);
    const whole = bytes.length <= LONGEST ? found(bytes) : undefined;
    return whole ??
      Array.from(character, (one) => found(encoder.encode(one)) ?? one)
        .join("");
  });
  const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
  return (text) => {
    let result = "";
    for (const { segment } of characters.segment(text)) {
      result += replaced(segment);
    }
    return result;
  };
}

/** Splits the bytes of a map into the units of its trie and its texts. */
function parse(source: string): { units: Uint32Array; texts: Uint8Array } {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(source), (byte) => byte.charCodeAt(0));
  } catch (cause) {
    throw new TypeError("should be in base64", { cause });
  }
  const view = new DataView(bytes.buffer);
  const size = bytes.length < 4 ? NaN : view.getUint32(0, true);
  if (size % 4 !== 0 || 4 + size > bytes.length) {
    throw new TypeError(
      `should begin with the size of its trie, got ${size} with ${bytes.length} bytes`,
    );
  }
  const units = Uint32Array.from(
    { length: size / 4 },
    (_, i) => view.getUint32(4 + 4 * i, true),
  );
  return { units, texts: bytes.subarray(4 + size) };
}

/** Whether the key that leads to a unit is in the map. */
function isKey(unit: number): boolean {
  return (unit >>> 8 & 1) === 1;
}

/** The byte that leads to a unit; no byte has bit 31. */
function labelOf(unit: number): number {
  return (unit & 0x800000ff) >>> 0;
}

/**
 * The offset of a unit, which is combined with its place for the place of its
 * children.
 */
function offsetOf(unit: number): number {
  return unit >>> 10 << (unit & 0x200 ? 8 : 0);
}

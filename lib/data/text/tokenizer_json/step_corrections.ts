/**
 * Steps of a `tokenizer.json` that the library runs in another way than Hugging
 * Face's own tokenizers do, which a model was trained with.
 *
 * Source: Hugging Face's tokenizers, `normalizers` and `pre_tokenizers`.
 *
 * @module
 */
import { charactersMap } from "./characters_map.ts";
import { type SplitBehavior, splitText } from "./split_text.ts";
import type { Unchecked } from "./tokenizer_checks.ts";
import { remembered } from "./word_cache.ts";

/** Runs a step on a text, or on a part of one. */
export type RunStep<Made> = (text: string, ...more: unknown[]) => Made;

/** Corrects the library's normalizer. */
export function correctedNormalizer(
  step: Unchecked,
  run: RunStep<string>,
): RunStep<string> {
  switch (step["type"]) {
    case "Precompiled":
      // The library has one map for all files, instead of the file's own.
      return step["precompiled_charsmap"]
        ? charactersMap(step["precompiled_charsmap"] as string)
        : run;
    case "Lowercase":
      return (text) => run(withoutSigma(text));
    case "BertNormalizer":
      return (text) => {
        if (step["lowercase"]) text = withoutSigma(text);
        if (step["handle_chinese_chars"]) text = text.replace(RARE_HAN, " $& ");
        return run(text);
      };
    default:
      return run;
  }
}

/**
 * Writes sigmas in lower case: `toLowerCase` writes one at the end of a word in
 * another way than elsewhere, and Hugging Face's library does not.
 */
function withoutSigma(text: string): string {
  return text.replaceAll("Σ", "σ");
}

/** Chinese characters of two UTF-16 units, which the library does not know. */
const RARE_HAN =
  /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const NUMBER = /\p{N}/gu;
const WORDS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d\p{White_Space}]+/gu;

/** Corrects the library's pre-tokenizer. */
export function correctedSplitter(
  step: Unchecked,
  library: { pattern?: RegExp; prepend_scheme?: unknown },
  run: RunStep<string[]>,
): RunStep<string[]> {
  const behavior = (step["behavior"] ?? "Isolated") as SplitBehavior;
  switch (step["type"]) {
    case "Split":
      return (text) =>
        splitText(text, library.pattern!, behavior, step["invert"] === true);
    case "Punctuation":
      return (text) => splitText(text, PUNCTUATION, behavior);
    case "Digits": {
      const each = step["individual_digits"] ? "Isolated" : "Contiguous";
      return (text) => splitText(text, NUMBER, each);
    }
    case "Whitespace":
      return (text) => text.match(WORDS) ?? [];
    case "ByteLevel": {
      if (step["use_regex"] !== false) return run;
      // The library's result is right, but takes as long as the model itself.
      return remembered(run);
    }
    case "Metaspace": {
      // Old files have "never" as a field that the library does not read.
      if (step["add_prefix_space"] === false && !step["prepend_scheme"]) {
        library.prepend_scheme = "never";
      }
      if (step["split"] === false) return run;
      const space = new Set(String(step["replacement"] ?? "▁"));
      return (text, ...more) =>
        run(text, ...more).flatMap((part) => beforeEach(part, space));
    }
    default:
      return run;
  }
}

export type RunDecoder = (tokens: string[]) => string[];

/** Corrects the library's decoder. */
export function correctedDecoder(
  step: Unchecked,
  run: RunDecoder,
): RunDecoder {
  // The library would drop a byte order mark from the text.
  return step["type"] === "ByteFallback" ? fromBytes : run;
}

const BYTE_TOKEN = /^<0x([\da-f]{2})>$/i;

/** Decodes the tokens of bytes; those that are not UTF-8 are "\ufffd" each. */
function fromBytes(tokens: string[]): string[] {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const texts: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length === 0) return;
    try {
      texts.push(decoder.decode(Uint8Array.from(bytes)));
    } catch {
      texts.push("\ufffd".repeat(bytes.length));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = BYTE_TOKEN.exec(token)?.[1];
    if (byte !== undefined) {
      bytes.push(parseInt(byte, 16));
      continue;
    }
    flush();
    texts.push(token);
  }
  flush();
  return texts;
}

/** Splits a text before each of some characters. */
function beforeEach(text: string, characters: ReadonlySet<string>): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let i = 1; i < text.length; i++) {
    if (!characters.has(text[i]!)) continue;
    parts.push(text.slice(from, i));
    from = i;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

/** Training of a tokenizer on texts. @module */
import { ByteLevelPreTokenizer } from "@huggingface/tokenizers";
import {
  assertInteger,
  assertIterable,
  assertOptions,
  assertText,
  optionsOf,
} from "@lionjs/base";
import {
  first,
  MOST_TOKENS,
  Pairs,
  second,
  type Word,
} from "./frequent_pairs.ts";
import { SPECIAL_IDS, SPECIAL_TOKENS } from "./tokenizer.ts";
import type { TokenizerFile } from "./tokenizer_file.ts";

/** Options of {@linkcode trainTokenizer}. */
export interface TrainTokenizerOptions {
  /**
   * Maximum number of special tokens, bytes and merges together, from 261 to
   * 65,536.
   */
  vocabularySize: number;
}

const OPTIONS = optionsOf<TrainTokenizerOptions>()("vocabularySize");

/** The post-processor for `encodeWithSpecials`: BERT's special tokens around texts. */
const POST_PROCESSOR = {
  type: "BertProcessing",
  sep: ["[SEP]", SPECIAL_IDS.sep],
  cls: ["[CLS]", SPECIAL_IDS.cls],
};

const BYTES = 256;

/**
 * Learns a byte-pair vocabulary from texts: the bytes and, merge by merge, the
 * most frequent pair of neighbours within a word, while some pair occurs twice.
 * It has no unknown tokens, and `decode` inverts `encode`.
 *
 * Words are split as in GPT-2: a space belongs to the word after it.
 *
 * Source: Sennrich et al. 2016 (arXiv:1508.07909); Radford et al. 2019, GPT-2.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tokenizerOf, trainTokenizer } from "@lionjs/lion/data";
 *
 * const file = trainTokenizer(["low lower lowest"], { vocabularySize: 270 });
 * const tokenizer = tokenizerOf(file);
 * assertEquals(tokenizer.encode("low").length, 1);
 * assertEquals(tokenizer.decode(tokenizer.encode("lowly")), "lowly");
 * ```
 *
 * @param documents The texts.
 * @param options See {@linkcode TrainTokenizerOptions}.
 * @returns A `tokenizer.json` of Hugging Face, for {@linkcode tokenizerOf}.
 * @throws {TypeError} If `documents` is a single text, or contains anything but
 * texts.
 * @throws {RangeError} If `vocabularySize` is invalid, or there is no text.
 */
export function trainTokenizer(
  documents: Iterable<string>,
  options: TrainTokenizerOptions,
): TokenizerFile {
  assertOptions("trainTokenizer", options, OPTIONS);
  const { vocabularySize } = options;
  assertIterable("documents", documents);
  const least = SPECIAL_TOKENS.length + BYTES;
  assertInteger("vocabularySize", vocabularySize, least, MOST_TOKENS);
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
  } as const;
  const splitter = new ByteLevelPreTokenizer(byteLevel);
  const tokens = [
    ...SPECIAL_TOKENS,
    ...Array.from({ length: BYTES }, (_, byte) => splitter.byte_encoder[byte]!),
  ];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const words = wordsOf(documents, splitter, ids);
  const pairs = new Pairs(words);
  const merges: string[] = [];
  while (tokens.length < vocabularySize) {
    const pair = pairs.mostFrequent();
    if (pair === undefined) break;
    const [left, right] = [tokens[first(pair)]!, tokens[second(pair)]!];
    const token = left + right;
    // Another pair may already have been merged into the same token.
    const id = ids.get(token) ?? tokens.push(token) - 1;
    ids.set(token, id);
    merges.push(`${left} ${right}`);
    pairs.merge(pair, id);
  }
  return {
    version: "1.0",
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: POST_PROCESSOR,
    decoder: byteLevel,
    model: { type: "BPE", vocab: Object.fromEntries(ids), merges },
  };
}

function wordsOf(
  documents: Iterable<string>,
  splitter: ByteLevelPreTokenizer,
  ids: Map<string, number>,
): Word[] {
  const counts = new Map<string, number>();
  for (const text of documents) {
    assertText("each of trainTokenizer's documents", text);
    for (const word of text.match(splitter.pattern) ?? []) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  if (counts.size === 0) {
    throw new RangeError("documents should have some text, got none");
  }
  return Array.from(counts, ([word, count]) => {
    const bytes = splitter.pre_tokenize(word).join("");
    return { ids: Array.from(bytes, (byte) => ids.get(byte)!), count };
  });
}

/** The special tokens of a tokenizer's file, by their purpose. @module */
import { shown } from "@lionjs/base";
import { type SpecialTokens, specialTokens } from "./tokenizer.ts";

export type SpecialKind = keyof SpecialTokens;

/** The usual names of special tokens, for files that do not name them. */
const NAMES: Readonly<Record<SpecialKind, readonly string[]>> = {
  pad: ["[PAD]", "<pad>"],
  mask: ["[MASK]", "<mask>"],
  cls: ["[CLS]", "<s>", "<|begin_of_text|>", "<bos>"],
  sep: ["[SEP]", "</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>"],
  unk: ["[UNK]", "<unk>"],
};

/**
 * The fields of `tokenizer_config.json` and `special_tokens_map.json` that name
 * special tokens; the first that does counts.
 */
const FIELDS: Readonly<Record<SpecialKind, readonly string[]>> = {
  pad: ["pad_token"],
  mask: ["mask_token"],
  cls: ["cls_token", "bos_token"],
  sep: ["sep_token", "eos_token"],
  unk: ["unk_token"],
};

const SPECIAL_KINDS = Object.keys(NAMES) as readonly SpecialKind[];

/**
 * Finds the special tokens of a vocabulary.
 *
 * @param ofFile The unknown token of the file's model, and that of its padding,
 * if it has them.
 */
export function specialsOf(
  ids: ReadonlyMap<string, number>,
  given: Readonly<Partial<Record<SpecialKind, string | undefined>>>,
  config: object | undefined,
  ofFile: {
    readonly unknown: string | undefined;
    readonly padding: string | undefined;
  },
): SpecialTokens {
  const found: Partial<Record<SpecialKind, number>> = {};
  for (const kind of SPECIAL_KINDS) {
    const name = given[kind];
    if (name !== undefined && typeof name !== "string") {
      throw new TypeError(
        `${kind} should be the name of a token, got ${shown(name)}`,
      );
    }
    if (name !== undefined && !ids.has(name)) {
      throw new RangeError(
        `${kind} should be a token of the file, got ${shown(name)}`,
      );
    }
    const names = name !== undefined ? [name] : [
      ...FIELDS[kind].flatMap((field) => namesIn(config, field)),
      ...(kind === "unk" ? [ofFile.unknown] : []),
      ...(kind === "pad" ? [ofFile.padding] : []),
      ...NAMES[kind],
    ];
    const known = names.find((name) => name !== undefined && ids.has(name));
    if (known !== undefined) found[kind] = ids.get(known)!;
  }
  return specialTokens(found);
}

/** The name of a token in a field, which holds it alone or in an object. */
export function namesIn(config: object | undefined, field: string): string[] {
  const value = Object(config)[field];
  if (value === undefined || value === null) return [];
  const name = typeof value === "object" ? Object(value).content : value;
  if (typeof name === "string") return [name];
  throw new TypeError(
    `config.${field} should be the name of a token, got ${shown(value)}`,
  );
}

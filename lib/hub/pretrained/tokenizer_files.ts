/** The tokenizer in a model's folder. @module */
import {
  fileOf,
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
  wordPieceFile,
} from "@lionjs/data/text";
import { CONFIG } from "./replace_model.ts";
import { readObject } from "./json_file.ts";
import type { ModelFiles } from "./model_files.ts";
import { writeJSON } from "./weight_files.ts";

/** The file of a tokenizer. */
export const TOKENIZER = "tokenizer.json";

/** Files that name special tokens; the last one's names count. */
const CONFIGS = ["special_tokens_map.json", "tokenizer_config.json"];

/** Whether a file is one of a tokenizer's. */
export function isOfTokenizer(name: string): boolean {
  return name === TOKENIZER || CONFIGS.includes(name);
}

/** The files, by name, from which each tokenizer was read, to write them again. */
const FILES = new WeakMap<Tokenizer, ReadonlyMap<string, object>>();

/** Reads the tokenizer of a model; `undefined` if it has none. */
export async function readTokenizer(
  model: ModelFiles,
): Promise<Tokenizer | undefined> {
  const file = await readObject(model, TOKENIZER) ?? await ofVocabulary(model);
  if (!file) return undefined;
  const read = new Map<string, object>([[TOKENIZER, file]]);
  for (const name of CONFIGS) {
    const config = await readObject(model, name);
    if (config) read.set(name, config);
  }
  const config = Object.assign({}, ...CONFIGS.map((name) => read.get(name)));
  try {
    const tokenizer = tokenizerOf(file as unknown as TokenizerFile, { config });
    FILES.set(tokenizer, read);
    return tokenizer;
  } catch (error) {
    const { message } = error as Error;
    const Kind = error instanceof TypeError ? TypeError : RangeError;
    throw new Kind(
      `${TOKENIZER} of ${model.name} cannot be used: ${message}; tokenizer: false leaves it out`,
      { cause: error },
    );
  }
}

/** The files of a tokenizer by name. @param owner The function that is given it. */
/** A tokenizer.json of BERT's vocab.txt, if there is one beside BERT's config.json. */
async function ofVocabulary(
  model: ModelFiles,
): Promise<Record<string, unknown> | undefined> {
  const isBert = (await readObject(model, CONFIG))?.["model_type"] === "bert";
  const bytes = isBert ? await model.bytes("vocab.txt") : undefined;
  if (!bytes) return undefined;
  const config = await readObject(model, "tokenizer_config.json");
  const given = (name: string) => {
    const value = config?.[name];
    return typeof value === "boolean" ? value : undefined;
  };
  return wordPieceFile(new TextDecoder().decode(bytes), {
    lowercase: given("do_lower_case"),
    stripAccents: given("strip_accents"),
    chineseCharacters: given("tokenize_chinese_chars"),
  });
}

export function tokenizerFiles(
  tokenizer: Tokenizer | TokenizerFile,
  owner = "savePretrained",
): ReadonlyMap<string, object> {
  const known = FILES.get(tokenizer as Tokenizer);
  if (known) return known;
  const file = fileOf(tokenizer as Tokenizer);
  if (file) return new Map([[TOKENIZER, file]]);
  if (typeof Object(tokenizer).encode === "function") {
    throw new TypeError(
      `${owner}'s tokenizer should be one that fromPretrained() has read or tokenizerOf() has made without options, or the content of a tokenizer.json such as trainTokenizer() makes, got another tokenizer, whose file is not known`,
    );
  }
  try {
    tokenizerOf(tokenizer as TokenizerFile);
  } catch (cause) {
    throw new TypeError(
      `${owner}'s tokenizer should be the content of a tokenizer.json: ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
  return new Map([[TOKENIZER, tokenizer]]);
}

/** Writes the files of a tokenizer. */
export async function writeTokenizer(
  folder: string,
  tokenizer: ReadonlyMap<string, object>,
): Promise<void> {
  for (const [name, content] of tokenizer) {
    await writeJSON(`${folder}/${name}`, content);
  }
}

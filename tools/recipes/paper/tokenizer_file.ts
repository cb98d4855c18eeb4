/** The tokenizer of a recipe on texts. @module */
import {
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
} from "@lionjs/lion/data";
import type { Folders, HubFiles } from "../needed_files.ts";
import type { PaperSetting } from "./paper_recipe.ts";

const include = ["tokenizer.json"];

/** Tokens of the published vocabularies. */
export const VOCABULARY = { bert: 30_522, gpt2: 50_257 };

/** The tokenizer of BERT's models, which is the same for all sizes. */
export const BERT_TOKENIZER: HubFiles = {
  ...{ repo: "google-bert/bert-base-uncased", type: "model", include },
};

/** The tokenizer of GPT-2. */
export const GPT2_TOKENIZER: HubFiles = {
  ...{ repo: "openai-community/gpt2", type: "model", include },
};

/**
 * Reads the `tokenizer.json` of a folder.
 *
 * @throws {Error} If there is none.
 * @throws {TypeError} If it is not one.
 */
export async function readTokenizer(folder: string): Promise<Tokenizer> {
  const path = `${folder}/tokenizer.json`;
  const text = await Deno.readTextFile(path).catch((cause) => {
    throw new Error(`${path} should be there, the tokenizer of the texts`, {
      cause,
    });
  });
  return tokenizerOf(JSON.parse(text) as TokenizerFile);
}

/**
 * The tokens that models have vectors of: those of the tokenizer, or as many as
 * published where a published size is planned on made-up files.
 */
export function embeddedTokens(
  { vocabularySize }: Tokenizer,
  published: keyof typeof VOCABULARY,
  setting: PaperSetting,
  { areMadeUp = false }: Folders,
): number {
  return areMadeUp && setting === "paper"
    ? VOCABULARY[published]
    : vocabularySize;
}

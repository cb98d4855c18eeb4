/** The tokenizer of a recipe on texts. @module */
import {
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
} from "@lionjs/lion/data";
import type { HubFiles } from "../needed_files.ts";

const include = ["tokenizer.json"];

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

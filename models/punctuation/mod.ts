/** Full stops, commas, question marks and capitals for text that has none, by a small model. @module */
import { useBackend } from "@lionjs/lion";
import { fromPretrained, type ModelPackage } from "@lionjs/lion/hub";
import * as tf from "@tensorflow/tfjs-core";
import { markedWords, withMarks } from "./text/answers.ts";
import type { Reader } from "./text/reader.ts";
import { wordTokens } from "./text/tokens.ts";
import { assertTexts } from "./text/texts.ts";

/** The package, for `fromPretrained`; bundlers move files that are named like this. */
const punctuation: ModelPackage = {
  url: new URL("./", import.meta.url),
  task: "punctuation",
  files: {
    "config.json": new URL("./config.json", import.meta.url),
    "model.safetensors": new URL("./model.safetensors", import.meta.url),
    "tokenizer.json": new URL("./tokenizer.json", import.meta.url),
  },
};
export default punctuation;

let loading: Promise<Reader> | undefined;

/** The model and its vocabulary, which are loaded once. */
async function load(): Promise<Reader> {
  if (!tf.engine().backendName) await useBackend();
  const { model, tokenizer } = await fromPretrained(punctuation);
  return { model, tokens: wordTokens(tokenizer!) };
}

/**
 * Adds punctuation and capitals to English texts. Words and their order never change: only
 * `,`, `.` and `?` are added after words that have no mark, and first letters become
 * capitals. A text ends as a sentence, and may be of any length.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { restore } from "@lionjs/punctuation";
 *
 * const text = "when the table is empty the query returns no rows this is not an error";
 * const [restored] = await restore([text]);
 * assertEquals(restored!.toLowerCase().replaceAll(/[,.?]/g, ""), text);
 * ```
 *
 * @returns The texts, with marks and capitals; spaces and all other signs are kept.
 * @throws {TypeError} If the texts are not an array of strings.
 */
export async function restore(texts: readonly string[]): Promise<string[]> {
  assertTexts("restore", texts);
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  const words = await markedWords(await loading, texts);
  return texts.map((text, i) => withMarks(text, words[i]!));
}

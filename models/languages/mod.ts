/** The language of a text, and of each of its words, by a small model that reads letters. @module */
import { useBackend } from "@lionjs/lion";
import { fromPretrained, type ModelPackage } from "@lionjs/lion/hub";
import * as tf from "@tensorflow/tfjs-core";
import { answersOf, type LanguageAnswer } from "./text/answers.ts";
import type { LanguageShare, LanguageWord } from "./text/answers.ts";
import type { Reader } from "./text/reader.ts";
import { readTable } from "./text/table_file.ts";

export { LANGUAGES } from "./text/languages.ts";
export type { LanguageShare, LanguageWord };

const TABLE = new URL("./table.safetensors", import.meta.url);

/** The package, for `fromPretrained`; bundlers move files that are named like this. */
const languages: ModelPackage = {
  url: new URL("./", import.meta.url),
  task: "languages",
  files: {
    "config.json": new URL("./config.json", import.meta.url),
    "model.safetensors": new URL("./model.safetensors", import.meta.url),
  },
};
export default languages;

/**
 * Tells the language of each text, one of {@linkcode LANGUAGES}. The model is loaded at
 * the first call; texts may be of any length.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { detect } from "@lionjs/languages";
 *
 * const texts = ["où se trouve la gare", "wo ist der Bahnhof", "12:30"];
 * assertEquals(await detect(texts), ["fra", "deu", "und"]);
 * ```
 *
 * @returns For each text the code of its language by ISO 639-3, or "und" if it has no
 * letters.
 * @throws {TypeError} If the texts are not an array of strings.
 */
export async function detect(texts: readonly string[]): Promise<string[]> {
  const answers = await answersFor("detect", texts);
  return answers.map(({ language }) => language);
}

/**
 * Tells how likely each language is for each text.
 *
 * @example
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { detectAll } from "@lionjs/languages";
 *
 * const [shares] = await detectAll(["wo ist der Bahnhof"]);
 * assertEquals(shares![0]!.language, "deu");
 * assert(shares![0]!.share > shares![1]!.share);
 * ```
 *
 * @returns For each text all languages, the likeliest first, whose shares sum to 1; none
 * if it has no letters.
 * @throws {TypeError} If the texts are not an array of strings.
 */
export async function detectAll(
  texts: readonly string[],
): Promise<LanguageShare[][]> {
  const answers = await answersFor("detectAll", texts);
  return answers.map(({ shares }) => [...shares]);
}

/**
 * Tells the language of each word, which the words around it help to tell.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { detectWords } from "@lionjs/languages";
 *
 * const [words] = await detectWords([
 *   "the children are playing in the garden und die Kinder spielen im Garten",
 * ]);
 * assertEquals(words![1], { word: "children", language: "eng" });
 * assertEquals(words!.at(-1), { word: "Garten", language: "deu" });
 * ```
 *
 * @returns For each text its words, in order: what stands between spaces.
 * @throws {TypeError} If the texts are not an array of strings.
 */
export async function detectWords(
  texts: readonly string[],
): Promise<LanguageWord[][]> {
  const answers = await answersFor("detectWords", texts);
  return answers.map(({ words }) => [...words]);
}

let loading: Promise<Reader> | undefined;

/** The model and its table, which are loaded once. */
async function load(): Promise<Reader> {
  if (!tf.engine().backendName) await useBackend();
  const file = TABLE.protocol === "file:" ? TABLE : await downloaded(TABLE);
  const table = await readTable(file);
  return { model: (await fromPretrained(languages)).model, table };
}

async function downloaded(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  throw new Error(`${url} answers with status ${response.status}`);
}

/** A value as messages name it. */
function kindOf(value: unknown): string {
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? "a string" : String(value);
}

/** What the model makes of texts, whose type is checked. */
async function answersFor(
  caller: string,
  texts: readonly string[],
): Promise<LanguageAnswer[]> {
  const given: unknown = texts;
  const isList = Array.isArray(given);
  if (!isList || given.some((text) => typeof text !== "string")) {
    const other = isList && given.find((text) => typeof text !== "string");
    throw new TypeError(
      `${caller}'s texts should be an array of strings, got ${
        isList ? `an array that holds ${kindOf(other)}` : kindOf(given)
      }; a single text is [text]`,
    );
  }
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return await answersOf(await loading, texts);
}

/** The language of a text, and of each of its words, by a small model that reads letters. @module */
import { useBackend } from "@lionjs/lion";
import { fromPretrained, type ModelPackage } from "@lionjs/lion/hub";
import * as tf from "@tensorflow/tfjs-core";
import { LANGUAGES } from "./text/languages.ts";
import { lettersOf } from "./text/letters.ts";
import {
  largest,
  meanScores,
  placeScores,
  type Reader,
  sharesOf,
} from "./text/reader.ts";
import { readTable } from "./text/table_file.ts";
import { wordSpans } from "./text/words.ts";

export { LANGUAGES };

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

/** What a text without letters is in: undetermined, by ISO 639-2. */
const UNDETERMINED = "und";

/** A language and the probability that the model gives it. */
export interface LanguageShare {
  /** Its code by ISO 639-3. */
  readonly language: string;
  /** From 0 to 1. */
  readonly share: number;
}

/** A word of a text and its language. */
export interface LanguageWord {
  /** As it stands in the text, between spaces. */
  readonly word: string;
  /** The code of its language by ISO 639-3, or "und" if it has no letters. */
  readonly language: string;
}

/**
 * Tells the language of each text, one of {@linkcode LANGUAGES}. The model is loaded at
 * the first call; texts may be of any length.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { detect } from "@lionjs/languages";
 *
 * const texts = ["où est la gare", "wo ist der Bahnhof", "12:30"];
 * assertEquals(await detect(texts), ["fra", "deu", "und"]);
 * ```
 *
 * @returns For each text the code of its language by ISO 639-3, or "und" if it has no
 * letters.
 * @throws {TypeError} If the texts are not an array of strings.
 */
export async function detect(texts: readonly string[]): Promise<string[]> {
  const all = await scoresOf("detect", texts);
  return all.map((scores) =>
    scores ? LANGUAGES[largest(meanScores(scores))]! : UNDETERMINED
  );
}

/**
 * Tells how likely each language is for each text.
 *
 * @example
 * ```ts
 * import { assertEquals, assertGreater } from "@std/assert";
 * import { detectAll } from "@lionjs/languages";
 *
 * const [shares] = await detectAll(["wo ist der Bahnhof"]);
 * assertEquals(shares![0]!.language, "deu");
 * assertGreater(shares![0]!.share, shares![1]!.share);
 * ```
 *
 * @returns For each text all languages, the likeliest first, whose shares sum to 1; none
 * if it has no letters.
 * @throws {TypeError} If the texts are not an array of strings.
 */
export async function detectAll(
  texts: readonly string[],
): Promise<LanguageShare[][]> {
  const all = await scoresOf("detectAll", texts);
  return all.map((scores) => {
    if (!scores) return [];
    const shares = sharesOf(meanScores(scores));
    return LANGUAGES.map((language, i) => ({ language, share: shares[i]! }))
      .sort((a, b) => b.share - a.share);
  });
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
  const all = await scoresOf("detectWords", texts);
  return texts.map((text, i) => {
    const scores = all[i];
    const spans = scores ? wordSpans(lettersOf(text)) : [];
    return wordsOf(text).map((word) => {
      // What is one word between spaces may be several, or none, between other signs.
      const own = spans.splice(0, wordSpans(lettersOf(word)).length);
      if (!scores || own.length === 0) return { word, language: UNDETERMINED };
      const mean = meanScores(scores, own[0]!.from, own.at(-1)!.to);
      return { word, language: LANGUAGES[largest(mean)]! };
    });
  });
}

const wordsOf = (text: string) =>
  text.split(/\s+/).filter((word) => word !== "");

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

/** The scores of each text's places; none if it has no letters. */
async function scoresOf(
  caller: string,
  texts: readonly string[],
): Promise<(Float32Array | undefined)[]> {
  if (!Array.isArray(texts) || texts.some((text) => typeof text !== "string")) {
    const got = Array.isArray(texts)
      ? `one with ${typeof texts.find((text) => typeof text !== "string")}`
      : texts === null
      ? "null"
      : typeof texts;
    throw new TypeError(
      `${caller}'s texts should be an array of strings, got ${got}; a single text is [text]`,
    );
  }
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  const letters = texts.map(lettersOf);
  const places = letters.flatMap((text, i) => text === "" ? [] : [i]);
  const found = await placeScores(
    await loading,
    places.map((i) => letters[i]!),
  );
  const all: (Float32Array | undefined)[] = texts.map(() => undefined);
  places.forEach((i, j) => all[i] = found[j]);
  return all;
}

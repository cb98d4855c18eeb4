import { assertOneOf, assertOptions, optionsOf, shown } from "@lionjs/base";
import type { Part } from "@lionjs/data/batches";
import { decompressed, fileBytes } from "@lionjs/data/bytes";
import {
  allByteLines,
  assertShard,
  LineParser,
  parquet,
  type ShardedStream,
} from "@lionjs/data/records";
import {
  filesMissing,
  firstFiles,
  folderPath,
  inShell,
} from "./folder_files.ts";
import { parquetParts } from "./parquet_parts.ts";

/** A Wikipedia article. */
export interface WikiArticle {
  /** The article's title. */
  readonly title: string;
  /** All lines of the article, with the title's, each with its spaces and a final `"\n"`. */
  readonly text: string;
}

/** Options of {@linkcode wikiText}. */
export interface WikiTextOptions {
  /** The part of the articles. */
  part: Part;
}

const OPTIONS = optionsOf<WikiTextOptions>()("part");

/** How the files call the parts. */
const NAMES = { train: "train", validation: "valid", test: "test" };

/**
 * Opens WikiText-103 or WikiText-2 as a stream of articles, in one shard. The folder
 * has one of two forms:
 *
 * - `wiki.train.tokens`, `wiki.valid.tokens` and `wiki.test.tokens`, or the same names
 *   with `.raw`, which have no `<unk>`;
 * - the Hugging Face hub's `train-00000-of-00002.parquet` and so on, with one
 *   line per row.
 *
 * A line ` = Title = ` after a blank one starts an article; ` = = Section = = `
 * does not, nor does a formula such as ` = 1 m / s = ` within a paragraph. The
 * concatenated texts are the file, except for blank lines before the first
 * title.
 *
 * Source: Merity et al. 2016 (arXiv:1609.07843),
 * https://huggingface.co/datasets/Salesforce/wikitext.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { wikiText } from "@lionjs/lion/datasets";
 *
 * const folder = await Deno.makeTempDir();
 * const text = " = Lion = \n \n A cat . \n \n = = Names = = \n \n Leo . \n \n";
 * await Deno.writeTextFile(`${folder}/wiki.test.raw`, ` \n${text} \n = Tiger = \n`);
 * const articles = await wikiText(folder, { part: "test" });
 * assertEquals(await Array.fromAsync(articles.open(0)), [
 *   { title: "Lion", text: `${text} \n` },
 *   { title: "Tiger", text: " = Tiger = \n" },
 * ]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder that contains the files.
 * @param options See {@linkcode WikiTextOptions}.
 * @returns The stream, for `writeTokenFile`. A file that is damaged, not UTF-8,
 * or does not begin with a title throws a SyntaxError that names it.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {Error} If the folder has no file of that part, or both forms of the text;
 * the message says what to do.
 */
export async function wikiText(
  folder: string | URL,
  options: WikiTextOptions,
): Promise<ShardedStream<WikiArticle>> {
  assertOptions("wikiText", options, OPTIONS);
  const { part } = options;
  const root = folderPath(folder);
  assertOneOf("part", part, ["train", "validation", "test"]);
  const { name, lines } = await linesOf(root, part);
  const shards = [{ name }];
  return {
    shards,
    async *open(shard, from = 0) {
      assertShard(shards, shard, from);
      let place = 0;
      for await (const article of articlesIn(name, lines())) {
        if (place++ >= from) yield article;
      }
    },
  };
}

/** A line without its end, and what errors call it. */
interface Line {
  readonly where: string;
  readonly text: string;
}

async function linesOf(
  root: string,
  part: Part,
): Promise<{ name: string; lines: () => AsyncIterable<Line> }> {
  const file = `wiki.${NAMES[part]}`;
  const [path, other] = await firstFiles(
    [root],
    (name) => name === `${file}.tokens` || name === `${file}.raw`,
  );
  if (other !== undefined) {
    throw new Error(
      `${root} should have ${file}.tokens or ${file}.raw, got both; give each a folder`,
    );
  }
  if (path !== undefined) return { name: path, lines: () => linesInFile(path) };
  const tables = await parquetParts(root, part);
  if (tables.length > 0) {
    return { name: tables.join(", "), lines: () => linesInTables(tables) };
  }
  throw filesMissing(
    root,
    `${file}.tokens, ${file}.raw or ${part}-00000-of-00001.parquet`,
    [
      `hf download Salesforce/wikitext --repo-type dataset --include "wikitext-103-raw-v1/*" --local-dir ${
        inShell(root)
      }`,
      `# and then open ${root}/wikitext-103-raw-v1`,
    ],
  );
}

async function* linesInFile(path: string): AsyncGenerator<Line> {
  const parser = new LineParser<string>(path, "text");
  const bytes = decompressed(await fileBytes(path));
  for await (const line of allByteLines(path, bytes)) {
    yield { where: `${path}:${line.number}`, text: parser.parse(line) };
  }
}

/** Lines in rows; blank ones, which are a space in the files, become empty. */
async function* linesInTables(paths: readonly string[]): AsyncGenerator<Line> {
  for (const path of paths) {
    const rows = await parquet<{ text: unknown }>(await fileBytes(path), {
      columns: ["text"],
      cacheGroups: 1,
    });
    let place = 0;
    for await (const { text } of rows.rows()) {
      const where = `${path}, row ${place++}`;
      if (typeof text !== "string") {
        throw new SyntaxError(
          `${where} should have a text, got ${shown(text)}`,
        );
      }
      yield { where, text: text.replace(/\n$/, "") || " " };
    }
  }
}

/** The most characters of an article, as a bound of memory. */
const LONGEST_ARTICLE = 2 ** 24;

/** Divides lines into articles. */
async function* articlesIn(
  name: string,
  lines: AsyncIterable<Line>,
): AsyncGenerator<WikiArticle> {
  let title: string | undefined;
  let text: string[] = [];
  let length = 0;
  let isAfterBlank = true;
  for await (const line of lines) {
    const next = isAfterBlank ? titleIn(line.text) : undefined;
    isAfterBlank = line.text.trim() === "";
    if (next !== undefined) {
      if (title !== undefined) yield { title, text: text.join("") };
      [title, text, length] = [next, [], 0];
    }
    if (title !== undefined) {
      text.push(`${line.text}\n`);
      length += line.text.length + 1;
      if (length > LONGEST_ARTICLE) {
        throw new SyntaxError(
          `${line.where} should be within ${LONGEST_ARTICLE} characters of its article's title, got more`,
        );
      }
    } else if (!isAfterBlank) {
      throw new SyntaxError(
        `${line.where} should be a title such as " = Lion = ", as a file of WikiText begins with one`,
      );
    }
  }
  if (title === undefined) {
    throw new SyntaxError(`${name} should have articles, got none`);
  }
  yield { title, text: text.join("") };
}

/** The title of an article that a line is, if it is one. */
function titleIn(line: string): string | undefined {
  const [, title] = /^= (?!= )(.+) =$/.exec(line.trim()) ?? [];
  return title?.endsWith(" =") ? undefined : title;
}

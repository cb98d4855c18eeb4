import {
  assertOneOf,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
  shown,
} from "@lionjs/base";
import { fileBytes, type RandomAccess } from "@lionjs/data/bytes";
import {
  BadRecordCount,
  type ByteLine,
  LineParser,
  type LineStream,
  parsedLines,
  type SkipBad,
} from "@lionjs/data/records";
import {
  filesMissing,
  firstFiles,
  folderPath,
  inShell,
} from "./folder_files.ts";
import { firstCharacters } from "./python_text.ts";

/** A text of C4: a web page. */
export interface C4Text {
  /** The page's text, cut to `maxCharacters`. */
  readonly text: string;
  /** The time at which the page was fetched, such as `"2019-04-25T12:57:54Z"`. */
  readonly timestamp: string;
  /** The page's URL. */
  readonly url: string;
}

/** Options of {@linkcode c4}. */
export interface C4Options {
  /** The part of the texts. */
  part: "train" | "validation";
  /**
   * The maximum length of a text, in code points, as Python counts; texts are
   * cut to it, and `Infinity` keeps them whole.
   * @default 4000
   */
  maxCharacters?: number | undefined;
  /**
   * What to do about a bad line, or the rest of a truncated or damaged file;
   * see `lineStream`.
   * @default "fail"
   */
  onBad?: "fail" | SkipBad | undefined;
}

const OPTIONS = optionsOf<C4Options>()("part maxCharacters onBad");

/** The number of a part's files. */
const FILES = { train: "01024", validation: "00008" };

/**
 * Opens English C4, the Colossal Clean Crawled Corpus, as a stream whose shards
 * are the files `c4-train.NNNNN-of-01024.json.gz` (364,868,892 texts) or
 * `c4-validation.NNNNN-of-00008.json.gz` (364,608) of the folder, or of `en` in
 * it. Some of them may be missing, and Git LFS pointers count as missing. A
 * text is cut to its first 4,000 characters, as for the paper's masked language
 * models, where each text is one sequence.
 *
 * Source: Raffel et al. 2020 (arXiv:1910.10683),
 * https://huggingface.co/datasets/allenai/c4; `convert_dataset.py` of
 * the paper's code, for the cut.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { c4 } from "@lionjs/lion/datasets";
 *
 * const folder = await Deno.makeTempDir();
 * const line = { text: "A page", timestamp: "2019-04-25T12:57:54Z", url: "http://a.org" };
 * const gzip = new Blob([JSON.stringify(line)]).stream()
 *   .pipeThrough(new CompressionStream("gzip"));
 * await Deno.mkdir(`${folder}/en`);
 * await Deno.writeFile(`${folder}/en/c4-train.00007-of-01024.json.gz`, gzip);
 *
 * const stream = await c4(folder, { part: "train", maxCharacters: 3 });
 * assertEquals(stream.shards.length, 1);
 * assertEquals(await Array.fromAsync(stream.open(0)), [{ ...line, text: "A p" }]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The repository's folder, or `en` in it.
 * @param options See {@linkcode C4Options}.
 * @returns The stream, for `streamedBatches` and `writeTokenFile`. A line that
 * is not JSON, or has no text, throws a SyntaxError with file and line.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {SyntaxError} If a file is empty.
 * @throws {Error} If the folder has no file of that part; the message says how
 * to get some.
 */
export async function c4(
  folder: string | URL,
  options: C4Options,
): Promise<LineStream<C4Text>> {
  assertOptions("c4", options, OPTIONS);
  const { part, maxCharacters = 4000, onBad = "fail" } = options;
  const root = folderPath(folder);
  assertOneOf("part", part, ["train", "validation"]);
  if (maxCharacters !== Infinity) {
    assertPositiveInteger("maxCharacters", maxCharacters);
  }
  const bad = new BadRecordCount("c4", onBad);
  const isShard = new RegExp(
    `^c4-${part}\\.\\d{5}-of-${FILES[part]}\\.json\\.gz$`,
  );
  const paths = await firstFiles(
    [root, `${root}/en`],
    (name) => isShard.test(name),
  );
  const shards: RandomAccess[] = [];
  for (const path of paths) {
    const bytes = await fileBytes(path);
    // Not even the head of gzip is there; lines of it would be none, silently.
    if (bytes.size === 0) {
      throw new SyntaxError(
        `${path} should have texts, got an empty file; download it again, or remove it`,
      );
    }
    if (!await isPointer(bytes)) shards.push(bytes);
  }
  if (shards.length === 0) throw shardsMissing(root, part);
  return parsedLines(
    shards,
    (name) => new TextParser(name, maxCharacters),
    bad,
  );
}

/** Whether a file is a Git LFS pointer in place of its content. */
async function isPointer(bytes: RandomAccess): Promise<boolean> {
  if (bytes.size > 1024) return false;
  const text = new TextDecoder().decode(await bytes.read(0, bytes.size));
  return text.startsWith("version https://git-lfs.github.com/spec/");
}

/** The error that says how to fetch one file of a part, or all. */
function shardsMissing(root: string, part: C4Options["part"]): Error {
  const first = `en/c4-${part}.00000-of-${FILES[part]}.json.gz`;
  const repository = "https://huggingface.co/datasets/allenai/c4";
  return filesMissing(
    root,
    `files such as ${first}`,
    [
      `curl -L --create-dirs -o ${
        inShell(`${root}/${first}`)
      } ${repository}/resolve/main/${first}`,
      `# or all of them, 305 GB:`,
      `GIT_LFS_SKIP_SMUDGE=1 git clone ${repository} ${inShell(root)}`,
      `git -C ${inShell(root)} lfs pull --include "en/*"`,
    ],
  );
}

/** Makes texts of lines, each cut to a number of characters. */
class TextParser extends LineParser<C4Text> {
  constructor(name: string, readonly maxCharacters: number) {
    super(name, "json");
  }

  override parse(line: ByteLine): C4Text {
    const record = super.parse(line);
    const text: unknown = Object(record).text;
    if (typeof text === "string") {
      return { ...record, text: firstCharacters(text, this.maxCharacters) };
    }
    throw new SyntaxError(
      `${this.name}:${line.number} should have a text, as C4's lines { text, timestamp, url } have, got ${
        shown(record)
      }`,
    );
  }
}

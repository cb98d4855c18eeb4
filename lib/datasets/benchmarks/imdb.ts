import {
  assertOneOf,
  assertOptions,
  optionsOf,
  shown,
  utf8Text,
} from "@lionjs/base";
import { files } from "@lionjs/base/files";
import { assertPlace, type Dataset } from "@lionjs/data/batches";
import { fileBytes } from "@lionjs/data/bytes";
import { parquet } from "@lionjs/data/records";
import { filesMissing, folderPath, inShell, namesIn } from "./folder_files.ts";
import { parquetParts } from "./parquet_parts.ts";

/** A film review. */
export interface ImdbReview {
  /** The review's text, with `<br />` for line ends. */
  readonly text: string;
  /** 1 if the reviewer liked the film, else 0. */
  readonly label: 0 | 1;
}

/** Options of {@linkcode imdb}. */
export interface ImdbOptions {
  /** The part of the reviews; each has 25,000, half of each label. */
  part: "train" | "test";
}

const OPTIONS = optionsOf<ImdbOptions>()("part");

/** The folders of a part's reviews, by label. */
const CLASSES = ["neg", "pos"] as const;

/**
 * Opens the Large Movie Review Dataset: 25,000 reviews for training and 25,000
 * for testing. Reviews are read when needed. The folder has one of two forms:
 *
 * - the authors': `train/neg/ID_STARS.txt`, `train/pos`, `test/neg` and `test/pos`,
 *   there or in `aclImdb`. Negative reviews come first, and within a class they are in
 *   the order of their ids.
 * - the Hugging Face hub's: `train-00000-of-00001.parquet` and so on, there or in
 *   `plain_text`; the reviews are in the order of the rows.
 *
 * Source: Maas et al. 2011, https://ai.stanford.edu/~amaas/data/sentiment/.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { imdb } from "@lionjs/lion/datasets";
 *
 * const folder = await Deno.makeTempDir();
 * for (const [name, text] of [["neg/0_2", "So bad."], ["pos/0_10", "Good!"]]) {
 *   const path = `${folder}/aclImdb/train/${name}.txt`;
 *   await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
 *   await Deno.writeTextFile(path, text!);
 * }
 * const reviews = await imdb(folder, { part: "train" });
 * assertEquals(reviews.size, 2);
 * assertEquals(await reviews.get(1), { text: "Good!", label: 1 });
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder.
 * @param options See {@linkcode ImdbOptions}.
 * @returns The reviews.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value; from `get`, if the
 * index is out of range, or a row has an unknown label.
 * @throws {SyntaxError} If a file is damaged, or its name and folder imply
 * different labels; from `get`, if a review is not UTF-8. The message names it.
 * @throws {Error} If the folder has neither form, or lacks a class; the message
 * says how to get the set.
 */
export async function imdb(
  folder: string | URL,
  options: ImdbOptions,
): Promise<Dataset<ImdbReview>> {
  assertOptions("imdb", options, OPTIONS);
  const { part } = options;
  const root = folderPath(folder);
  assertOneOf("part", part, ["train", "test"]);
  for (const place of [root, `${root}/plain_text`]) {
    const tables = await parquetParts(place, part);
    if (tables.length > 0) return await reviewsInTables(tables);
  }
  for (const place of [root, `${root}/aclImdb`]) {
    if ((await namesIn(`${place}/${part}`)).length === 0) continue;
    return await reviewsInFiles(`${place}/${part}`);
  }
  throw filesMissing(root, `aclImdb/${part}`, COMMANDS(root));
}

const COMMANDS = (root: string) => [
  `mkdir -p ${inShell(root)}`,
  `curl -L https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz | tar -xz -C ${
    inShell(root)
  }`,
];

/** More row groups than there are: all reviews together are tens of megabytes. */
const MOST_GROUPS = 2 ** 20;

/** The rows of Parquet files. */
async function reviewsInTables(
  paths: readonly string[],
): Promise<Dataset<ImdbReview>> {
  const rows = await parquet<{ text: unknown; label: unknown }>(
    await Promise.all(paths.map((path) => fileBytes(path))),
    { columns: ["text", "label"], cacheGroups: MOST_GROUPS },
  );
  if (rows.size === 0) {
    throw new SyntaxError(
      `${paths[0]} should have reviews, got none; download it again`,
    );
  }
  return {
    size: rows.size,
    async get(index) {
      const { text, label } = await rows.get(index);
      if (typeof text === "string" && (label === 0 || label === 1)) {
        return { text, label };
      }
      const { file, start } = rows.groups.findLast((group) =>
        group.index === 0 && group.start <= index
      )!;
      throw new RangeError(
        `${file}, row ${
          index - start
        } should have a text and a label of 0 or 1, got ${
          shown({ text, label })
        }`,
      );
    },
  };
}

async function reviewsInFiles(folder: string): Promise<Dataset<ImdbReview>> {
  const classes = await Promise.all(
    CLASSES.map((name, label) => reviewsOfClass(`${folder}/${name}`, label)),
  );
  const reviews = classes.flat();
  const positive = classes[0]!.length;
  return {
    size: reviews.length,
    async get(index) {
      assertPlace(index, reviews.length);
      const path = reviews[index]!;
      return {
        text: utf8Text(path, await files().readFile(path)),
        label: index < positive ? 0 : 1,
      };
    },
  };
}

/** The paths of a class's reviews, by their ids. */
async function reviewsOfClass(
  folder: string,
  label: number,
): Promise<string[]> {
  const reviews = (await namesIn(folder)).flatMap((name) => {
    const [, id, stars] = /^(\d+)_(\d+)\.txt$/.exec(name) ?? [];
    if (id === undefined) return [];
    // Reviews with five or six stars were left out of the set.
    if ((Number(stars) > 5) === (label === 1)) {
      return [{ id: Number(id), path: `${folder}/${name}` }];
    }
    throw new SyntaxError(
      `${folder}/${name} should have ${
        label === 1 ? "7 to 10" : "1 to 4"
      } stars by its folder, got ${stars}; is it in the wrong one?`,
    );
  });
  if (reviews.length > 0) {
    return reviews.sort((a, b) => a.id - b.id).map(({ path }) => path);
  }
  const root = folder.split("/").slice(0, -3).join("/") || ".";
  throw filesMissing(folder, "reviews such as 0_3.txt", COMMANDS(root));
}

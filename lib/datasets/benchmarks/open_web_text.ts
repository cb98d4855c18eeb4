import {
  assertFinite,
  assertOneOf,
  assertOptions,
  assertShare,
  optionsOf,
} from "@lionjs/base";
import { files } from "@lionjs/base/files";
import { type Random, seeded } from "@lionjs/data/batches";
import { assertShard, type ShardedStream } from "@lionjs/data/records";
import {
  filesMissing,
  firstFiles,
  folderPath,
  inShell,
  namesIn,
} from "./folder_files.ts";
import { isFile, isFolder } from "./original_files.ts";
import { strip, withNewlines } from "./python_text.ts";
import {
  folderShard,
  isText,
  parquetShard,
  tarShard,
  type TextShard,
} from "./text_shards.ts";

/** Options of {@linkcode openWebText}. */
export interface OpenWebTextOptions {
  /** The part of the texts. @default all of them */
  part?: "train" | "validation" | undefined;
  /** The share of the texts for validation. @default 0.0005 */
  validation?: number | undefined;
  /** The seed of the split. @default 0 */
  seed?: number | undefined;
}

const OPTIONS = optionsOf<OpenWebTextOptions>()("part validation seed");

/**
 * Opens OpenWebText as a stream of texts, for `writeTokenFile`. The folder has
 * one of these forms; some of its files may be missing:
 *
 * - the Parquet files of the Hugging Face hub (80, 8,013,769 texts), there or in
 *   `plain_text`; each is a shard;
 * - the tars `urlsf_subset….tar`, or `urlsf_subset…_data` as `xz -d` leaves them,
 *   there or in `openwebtext`; each is a shard;
 * - texts that end in `.txt`: those of the folder itself are a shard, or those of each
 *   folder in it are.
 *
 * Texts are cleaned as `openwebtext.py` does, and as those in Parquet are
 * already: three or more line ends in a row become two, and white space around
 * the text is removed.
 *
 * Like nanoGPT, `part` holds out 0.05 % of the texts, but by its own rule: a
 * random number from the seed, the shard's file name and the text's place
 * there. These texts differ from those of
 * `train_test_split(test_size=0.0005, seed=2357)`, and between the forms.
 *
 * Source: Gokaslan and Cohen 2019, https://huggingface.co/datasets/Skylion007/openwebtext;
 * nanoGPT's `data/openwebtext/prepare.py`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openWebText } from "@lionjs/lion/datasets";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/1.txt`, "\nA page\n\n\n\nof two paragraphs\n");
 * const stream = await openWebText(folder, { part: "train" });
 * assertEquals(await Array.fromAsync(stream.open(0)), [
 *   { text: "A page\n\nof two paragraphs" },
 * ]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder.
 * @param options See {@linkcode OpenWebTextOptions}.
 * @returns The stream. A damaged file, or a text that is not UTF-8, throws a
 * SyntaxError that names it.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {Error} If the folder has none of the forms, or files that need
 * unpacking; the message says how.
 */
export async function openWebText(
  folder: string | URL,
  options: OpenWebTextOptions = {},
): Promise<ShardedStream<{ text: string }>> {
  assertOptions("openWebText", options, OPTIONS);
  const { part, validation = 0.0005, seed = 0 } = options;
  const root = folderPath(folder);
  if (part !== undefined) assertOneOf("part", part, ["train", "validation"]);
  assertFinite("seed", seed);
  assertShare("validation", validation);
  const sources = await shardsIn(root);
  // A file of counts or of tokens that was begun for another part is none of these.
  const suffix = part && `, ${part} by seed ${seed} and share ${validation}`;
  const shards = sources.map(({ name }) => ({ name: name + (suffix ?? "") }));
  /** Whether places of a shard belong to the part, asked in their order. */
  const chooser = ({ name }: TextShard): (place: number) => boolean => {
    if (part === undefined) return () => true;
    const isHeldOut = heldOut(name, seed, validation);
    return (place) => isHeldOut(place) === (part === "validation");
  };
  return {
    shards,
    async *open(shard, from = 0) {
      assertShard(shards, shard, from);
      const isChosen = chooser(sources[shard]!);
      let before = 0;
      const texts = sources[shard]!.texts((place) =>
        isChosen(place) && before++ >= from
      );
      for await (const text of texts) yield { text: cleaned(text) };
    },
    async count(shard) {
      assertShard(shards, shard, 0);
      const isChosen = chooser(sources[shard]!);
      const all = await sources[shard]!.count();
      let count = 0;
      for (let place = 0; place < all; place++) {
        if (isChosen(place)) count++;
      }
      return count;
    },
  };
}

/** A text as `openwebtext.py` cleans it; one that is clean stays as it is. */
function cleaned(text: string): string {
  return strip(withNewlines(text).replace(/\n{3,}/g, "\n\n"));
}

/** Texts whose random numbers follow from one seed. */
const BLOCK = 1024;

/** Whether texts of a shard are for validation, asked by their places in order. */
function heldOut(
  path: string,
  seed: number,
  share: number,
): (place: number) => boolean {
  const file = path.slice(path.lastIndexOf("/") + 1);
  let random: Random | undefined;
  return (place) => {
    if (!random || place % BLOCK === 0) {
      random = seeded("OpenWebText", seed, file, Math.floor(place / BLOCK));
    }
    return random() < share;
  };
}

/** The shards of a folder, whichever form it has. */
async function shardsIn(root: string): Promise<TextShard[]> {
  const packed = [root, `${root}/openwebtext`, `${root}/subsets`];
  const tables = await firstFiles(
    [root, `${root}/plain_text`],
    (name) => name.endsWith(".parquet"),
  );
  if (tables.length > 0) return tables.map(parquetShard);
  const tars = await firstFiles(
    packed,
    (name) => /^urlsf_subset[^.]*(\.tar)?$/.test(name),
  );
  // What a tar was unpacked to may have its name.
  const areFiles = await Promise.all(tars.map(isFile));
  const archives = tars.filter((_, i) => areFiles[i]);
  if (archives.length > 0) return archives.map(tarShard);
  const folders = await foldersOfTexts([root, `${root}/openwebtext`]);
  if (folders.length > 0) return folders.map(folderShard);
  const [xz] = await firstFiles(packed, (name) => name.endsWith(".xz"));
  if (xz !== undefined) throw packedError(xz);
  throw filesMissing(
    root,
    "OpenWebText as Parquet files, tars or texts",
    [
      `hf download Skylion007/openwebtext --repo-type dataset --include "plain_text/*" --local-dir ${
        inShell(root)
      }`,
    ],
  );
}

/**
 * The first of some folders that has texts, or the folders in it that have some,
 * sorted by name.
 */
async function foldersOfTexts(roots: readonly string[]): Promise<string[]> {
  for (const root of roots) {
    if (await hasText(root)) return [root];
    const found: string[] = [];
    for (const name of await namesIn(root)) {
      if (await hasText(`${root}/${name}`)) found.push(`${root}/${name}`);
    }
    if (found.length > 0) return found;
  }
  return [];
}

/** Whether a path is a folder with a text; of millions, the first one is enough. */
async function hasText(path: string): Promise<boolean> {
  if (!await isFolder(path)) return false;
  for await (const { name } of await files().opendir(path)) {
    if (isText(name)) return true;
  }
  return false;
}

function packedError(path: string): Error {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const commands = path.endsWith(".tar.xz")
    ? [`tar -xJf ${inShell(path)} -C ${inShell(folder)}`]
    : [`xz -d ${inShell(folder)}/*.xz`];
  return new Error(
    `${path} should be decompressed first, which is not done here:\n${
      commands.map((command) => `  ${command}`).join("\n")
    }`,
  );
}

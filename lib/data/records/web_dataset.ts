/** Samples of tars as a dataset. @module */
import { assertOptions, assertPath, optionsOf } from "@lionjs/base";
import { files, ifThere, writeAtomically } from "@lionjs/base/files";
import type { BlockDataset } from "../batches/orders.ts";
import { assertPlace } from "../batches/dataset.ts";
import { bytesOf, type ByteSource } from "../bytes/bytes_of.ts";
import type { RandomAccess } from "../bytes/random_access.ts";
import { sourcesOf } from "./sharded_stream.ts";
import { indexTar, isIndexOf, sampleAt, type TarIndex } from "./tar/index.ts";
import type { TarSample } from "./tar/sample.ts";

/** Options of {@linkcode webDataset}. */
export interface WebDatasetOptions {
  /**
   * The path of a file that stores where the samples are, so that the tars are
   * not scanned again.
   * @default they are scanned each time
   */
  index?: string | undefined;
}

const OPTIONS = optionsOf<WebDatasetOptions>()("index");

/** The samples of tars. */
export interface WebDataset extends BlockDataset<TarSample> {
  /** The index of each sample's tar. */
  readonly locality: Uint32Array;
  /** Returns the sample at an index; its bytes are read later, when asked for. */
  get(index: number): TarSample;
}

/**
 * Opens tars in WebDataset's format as one dataset. A sample consists of
 * consecutive files with the same path up to the first dot of their names.
 *
 * All headers are read once; then any sample can be read by itself. The tars
 * may be files, URLs whose servers accept ranges, or bytes, but not compressed:
 * `webDatasetStream` reads compressed ones.
 *
 * Source: webdataset; ustar, PAX and GNU tar.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { webDataset } from "@lionjs/lion/data";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.mkdir(`${folder}/cats`);
 * await Deno.writeTextFile(`${folder}/cats/1.txt`, "a cat");
 * await Deno.writeTextFile(`${folder}/cats/1.cls`, "0");
 * const { success } = await new Deno.Command("tar", {
 *   args: ["-cf", "train-000.tar", "cats/1.txt", "cats/1.cls"],
 *   cwd: folder,
 * }).output();
 * assertEquals(success, true);
 *
 * const cats = await webDataset(`${folder}/train-{000..000}.tar`);
 * assertEquals(cats.size, 1);
 * const cat = cats.get(0);
 * assertEquals([cat.key, ...cat.fields], ["cats/1", "txt", "cls"]);
 * assertEquals(await cat.text("txt"), "a cat");
 * ```
 *
 * @param shards The tars. Paths and URLs may have braces:
 * `imagenet-train-{000000..000146}.tar`.
 * @param options See {@linkcode WebDatasetOptions}.
 * @returns The samples.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If there is no tar, or an option has an invalid value.
 * @throws {SyntaxError} If a tar is truncated, damaged or compressed; the
 * message names it.
 */
export async function webDataset(
  shards: ByteSource | readonly ByteSource[],
  options: WebDatasetOptions = {},
): Promise<WebDataset> {
  assertOptions("webDataset", options, OPTIONS);
  const { index: path } = options;
  if (path !== undefined) assertPath("index", path);
  const tars: RandomAccess[] = [];
  for (const source of sourcesOf(shards)) tars.push(await bytesOf(source));
  const indices = await indicesOf(tars, path);
  const firsts = [0];
  for (const { keys } of indices) firsts.push(firsts.at(-1)! + keys.length);
  const size = firsts.at(-1)!;
  const locality = new Uint32Array(size);
  indices.forEach((_, tar) => locality.fill(tar, firsts[tar], firsts[tar + 1]));
  return {
    ...{ size, locality },
    get(index) {
      assertPlace(index, size);
      const tar = locality[index]!;
      return sampleAt(indices[tar]!, tars[tar]!, index - firsts[tar]!);
    },
  };
}

/** The indices of tars, which are cached in a file if a path is given. */
async function indicesOf(
  tars: readonly RandomAccess[],
  path: string | undefined,
): Promise<TarIndex[]> {
  const kept = new Map(
    (path === undefined ? [] : await keptIndices(path))
      .map((index) => [keyOf(Object(index)), index]),
  );
  let isNew = false;
  const indices: TarIndex[] = [];
  for (const bytes of tars) {
    const index = kept.get(keyOf(bytes));
    const isKnown = isIndexOf(index, bytes);
    isNew ||= !isKnown;
    indices.push(isKnown ? index : await indexTar(bytes));
  }
  if (path !== undefined && isNew) {
    await writeAtomically(path, jsonOf(indices));
  }
  return indices;
}

function keyOf({ name, size }: { name: string; size: number }): string {
  return `${size} ${name}`;
}

/** A list as JSON, a line for each item: the whole may be longer than a string can be. */
function* jsonOf(items: readonly unknown[]): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const item of items) yield encoder.encode(`${JSON.stringify(item)}\n`);
}

/** Reads the cached indices of a file, which may be of other tars. */
async function keptIndices(path: string): Promise<unknown[]> {
  const bytes = await ifThere(files().readFile(path));
  if (!bytes) return [];
  const decoder = new TextDecoder();
  const indices: unknown[] = [];
  try {
    for (let at = 0, end = 0; at < bytes.length; at = end + 1) {
      end = bytes.indexOf("\n", at);
      if (end < 0) end = bytes.length;
      indices.push(JSON.parse(decoder.decode(bytes.subarray(at, end))));
    }
    return indices;
  } catch (cause) {
    throw new SyntaxError(
      `${path} should have the places of samples, as webDataset() writes them; remove it, or name another`,
      { cause },
    );
  }
}

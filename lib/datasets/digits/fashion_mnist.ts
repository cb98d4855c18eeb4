import { assertOptions, optionsOf, shown } from "@lionjs/base";
import { ifThere } from "@lionjs/base/files";
import { decompressed } from "@lionjs/data/bytes";
import { type Digits, digitsOf } from "./mnist.ts";

/** Options of {@linkcode loadFashionMnist}. */
export interface LoadFashionMnistOptions {
  /**
   * The folder that contains the four files.
   * @default that of Debian's package `dataset-fashion-mnist`
   */
  folder?: string | undefined;
}

const OPTIONS = optionsOf<LoadFashionMnistOptions>()("folder");

/** The folder into which Debian's package puts the files. */
const FOLDER = "/usr/share/datasets/fashion-mnist";

/**
 * Loads Fashion-MNIST by Xiao, Rasul and Vollgraf (MIT): 60,000 images of
 * clothes for training and 10,000 for testing, in MNIST's size and format, 31
 * MB compressed. On a scale from 0 to 1, the training pixels have mean 0.2860
 * and deviation 0.3530.
 *
 * The files are read from disk, not downloaded: from Debian's package
 * `dataset-fashion-mnist`, or from a folder with `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
 * `t10k-labels-idx1-ubyte`, each plain or with `.gz`.
 *
 * Source: Xiao, Rasul and Vollgraf 2017 (arXiv:1708.07747).
 *
 * @example
 * ```ts ignore
 * import { assertEquals } from "@std/assert";
 * import { loadFashionMnist } from "@lionjs/lion/datasets";
 *
 * const { train, test } = await loadFashionMnist();
 * assertEquals([train.size, test.size], [60_000, 10_000]);
 * assertEquals(train.get(0).label, 9); // an ankle boot
 * ```
 *
 * @param options See {@linkcode LoadFashionMnistOptions}.
 * @returns The images. The labels are: 0 T-shirt, 1 trouser, 2 pullover, 3 dress,
 * 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle boot.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {SyntaxError} If a file is truncated or not an IDX file.
 * @throws {Error} If a file is missing; the message says how to get it.
 */
export async function loadFashionMnist(
  options: LoadFashionMnistOptions = {},
): Promise<{ train: Digits; test: Digits }> {
  assertOptions("loadFashionMnist", options, OPTIONS);
  const { folder = FOLDER } = options;
  if (typeof folder !== "string") {
    throw new TypeError(`folder should be a path, got ${shown(folder)}`);
  }
  return await digitsOf((name) => readIdx(folder, name));
}

/** Reads an IDX file, which may be compressed. */
async function readIdx(folder: string, name: string): Promise<Uint8Array> {
  const path = `${folder}/${name}`;
  for (const file of [path, `${path}.gz`]) {
    const bytes = await ifThere(allBytes(file));
    if (bytes) return bytes;
  }
  throw new Error(
    `${path} is not there, nor ${name}.gz: install Debian's package ` +
      `dataset-fashion-mnist, or download the four files of ` +
      `https://github.com/zalandoresearch/fashion-mnist into this folder, or ` +
      `into another one: loadFashionMnist({ folder })`,
  );
}

async function allBytes(path: string): Promise<Uint8Array> {
  const parts = await Array.fromAsync(decompressed(path)) as BlobPart[];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

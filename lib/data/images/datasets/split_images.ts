/** Splitting of a dataset of images, class by class. @module */
import { assertOptions, optionsOf } from "@lionjs/base";
import { assertPlace } from "../../batches/dataset.ts";
import { seeded, shuffle } from "../../batches/random.ts";
import { assertShares } from "../../batches/split.ts";
import { assertImages, type ImageDataset } from "./image_dataset.ts";

/** Options of {@linkcode splitImages}. */
export interface SplitImagesOptions {
  /** Share of each class's images for validation. @default 0.1 */
  validation?: number | undefined;
  /** Share of each class's images for testing. @default 0.1 */
  test?: number | undefined;
  /** Seed of the split. @default 0 */
  seed?: number | undefined;
}

/** Images for training, validation and testing. */
export interface ImageSplit {
  /** Images to train on. */
  readonly train: ImageDataset;
  /** Images for decisions, such as when to stop and which settings to use. */
  readonly validation: ImageDataset;
  /** Images for the reported result. */
  readonly test: ImageDataset;
}

const OPTIONS = optionsOf<SplitImagesOptions>()("validation test seed");

/**
 * Splits images at random, each class by the same shares, so that even rare
 * classes are in every part if they have enough images. No image is read.
 *
 * Images of the same thing, such as frames of a film, may land in different
 * parts, whose results then say little about new images: for these, make one
 * folder per part instead.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { splitImages } from "@lionjs/lion/data";
 *
 * const labels = Uint16Array.from({ length: 100 }, (_, i) => i < 80 ? 0 : 1);
 * const images = {
 *   ...{ classes: ["cat", "lion"], labels, size: 100 },
 *   get: (i: number) => ({
 *     ...{ name: `${i}.png`, label: labels[i]! },
 *     bytes: () => Promise.resolve(new Uint8Array()),
 *   }),
 * };
 * const { train, validation, test } = splitImages(images, { test: 0.2 });
 * assertEquals([train.size, validation.size, test.size], [70, 10, 20]);
 * assertEquals(test.labels.filter((label) => label === 1).length, 4);
 * ```
 *
 * @param images The images.
 * @param options See {@linkcode SplitImagesOptions}.
 * @returns The parts, each in the order of the images.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If a share is negative, or they leave nothing to train on.
 */
export function splitImages(
  images: ImageDataset,
  options: SplitImagesOptions = {},
): ImageSplit {
  assertOptions("splitImages", options, OPTIONS);
  assertImages("splitImages's images", images);
  const { validation = 0.1, test = 0.1, seed = 0 } = options;
  assertShares({ validation, test, seed });
  const parts = { train: [], validation: [], test: [] } as Record<
    keyof ImageSplit,
    number[][]
  >;
  for (const [label, indices] of byClass(images.labels).entries()) {
    shuffle(indices, seeded("split", seed, label));
    const { length } = indices;
    // At least one image of each class is trained on.
    const tested = Math.min(Math.round(test * length), length - 1);
    const validated = Math.min(
      Math.round(validation * length),
      length - tested - 1,
    );
    parts.test.push(indices.splice(0, tested));
    parts.validation.push(indices.splice(0, validated));
    parts.train.push(indices);
  }
  return {
    train: partOf(images, parts.train),
    validation: partOf(images, parts.validation),
    test: partOf(images, parts.test),
  };
}

/** The places of each class's images. */
function byClass(labels: Uint16Array): number[][] {
  const places: number[][] = [];
  for (const [i, label] of labels.entries()) (places[label] ??= []).push(i);
  return Array.from(places, (found = []) => found);
}

/** Some of the images, in their order. */
function partOf(images: ImageDataset, byClass: number[][]): ImageDataset {
  const indices = Uint32Array.from(byClass.flat()).sort();
  return {
    classes: images.classes,
    labels: Uint16Array.from(indices, (index) => images.labels[index]!),
    size: indices.length,
    get(index) {
      assertPlace(index, indices.length);
      return images.get(indices[index]!);
    },
  };
}

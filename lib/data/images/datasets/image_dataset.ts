/** Datasets of encoded images with the number of their class. @module */
import type { BlockDataset } from "../../batches/orders.ts";
import { shown } from "@lionjs/base";
import { assertPlace, type Dataset } from "../../batches/dataset.ts";
import { files } from "@lionjs/base/files";

/** An image in its file's format. */
export interface EncodedImage {
  /** The image's name in errors, such as its path. */
  readonly name: string;
  /** The index of the image's class. */
  readonly label: number;
  /** Reads the content of the image's file, for `decodeImage`. */
  bytes(): Promise<Uint8Array>;
}

/** Images and their classes; images are read when needed. */
export interface ImageDataset
  extends
    Dataset<EncodedImage>,
    Partial<Pick<BlockDataset<EncodedImage>, "locality" | "localitiesKept">> {
  /** The names of the classes. */
  readonly classes: readonly string[];
  /** The class of each image, to count and split images without reading them. */
  readonly labels: Uint16Array;
}

/** Makes a dataset of images from a function that gives each image without its label. */
export function imagesOf(
  classes: readonly string[],
  labels: Uint16Array,
  at: (index: number) => Pick<EncodedImage, "name" | "bytes">,
): ImageDataset {
  const size = labels.length;
  return {
    ...{ classes, labels, size },
    get(index) {
      assertPlace(index, size);
      return { ...at(index), label: labels[index]! };
    },
  };
}

export function imagesInFiles(
  classes: readonly string[],
  labels: Uint16Array,
  pathOf: (index: number) => string,
): ImageDataset {
  return imagesOf(classes, labels, (index) => {
    const name = pathOf(index);
    return { name, bytes: () => files().readFile(name) };
  });
}

/** The most classes, as many as a label can tell. */
const MOST_CLASSES = 65_536;

/** Throws if there are more classes than labels can tell. */
export function assertClassCount(count: number, name = "classes"): void {
  if (count <= MOST_CLASSES) return;
  throw new RangeError(
    `${name} should be at most ${MOST_CLASSES}, got ${count}`,
  );
}

/** The labels of images that lie class by class, of how many images each class has. */
export function labelsOf(counts: readonly number[]): Uint16Array {
  const labels = new Uint16Array(counts.reduce((sum, count) => sum + count, 0));
  let start = 0;
  for (const [label, count] of counts.entries()) {
    labels.fill(label, start, start += count);
  }
  return labels;
}

/** Throws unless a value is a dataset of images, with classes and a label for each. */
export function assertImages(name: string, images: ImageDataset): void {
  const { classes, labels, size, get } = Object(images);
  const wrong = typeof images !== "object" || images === null
    ? shown(images)
    : !Array.isArray(classes) ||
        !classes.every((name) => typeof name === "string")
    ? `classes ${shown(classes)}, not an array of names`
    : !(labels instanceof Uint16Array)
    ? `labels ${shown(labels)}, not a Uint16Array`
    : labels.length !== size
    ? `size ${shown(size)} with ${labels.length} labels`
    : typeof get !== "function"
    ? `get ${shown(get)}, not a function that returns { name, label, bytes }`
    : undefined;
  if (wrong === undefined) return;
  throw new TypeError(
    `${name} should be a dataset of images, such as imageFolder makes, got ${wrong}; pictures without classes are for imageInput`,
  );
}

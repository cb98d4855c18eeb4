/** ImageNet's images in the original tars. @module */
import {
  assertClassCount,
  type ImageDataset,
  imagesOf,
  labelsOf,
} from "@lionjs/data/images";
import { isFile } from "../original_files.ts";
import { type IndexedTar, indexedTar, readImageOf } from "./tar_places.ts";
import {
  assertSameClasses,
  type ValidationLabels,
  withLabels,
} from "./validation_labels.ts";

export const TARS = {
  train: "ILSVRC2012_img_train.tar",
  val: "ILSVRC2012_img_val.tar",
} as const;

/**
 * Opens the images of the tar of a part.
 *
 * @returns `undefined` if there is no tar.
 */
export async function imagesOfTar(
  root: string,
  part: "train" | "val",
  { index, labels }: {
    index: string | undefined;
    labels: () => Promise<ValidationLabels | undefined>;
  },
): Promise<ImageDataset | undefined> {
  const name = TARS[part];
  if (!await isFile(`${root}/${name}`)) return undefined;
  const truth = await labels();
  if (part === "train") {
    return trainImages(await indexedTar(root, name, true, index), truth);
  }
  if (truth) {
    return validationImages(await indexedTar(root, name, false, index), truth);
  }
  throw new Error(
    `${root} should have, next to ${name}, the labels of its images, ILSVRC2012_devkit_t12.tar.gz, got none; download it (2.5 MB) from https://www.image-net.org`,
  );
}

/** The images of a tar of tars, one for each class. */
function trainImages(
  { bytes, folders }: IndexedTar,
  truth: ValidationLabels | undefined,
): ImageDataset {
  const classes = folders.map(({ name }) => name);
  assertClassCount(classes.length);
  if (truth) assertSameClasses({ source: bytes.name, classes }, truth);
  const labels = labelsOf(folders.map(({ images }) => images.size));
  const starts: number[] = [];
  let size = 0;
  for (const { images } of folders) {
    starts.push(size);
    size += images.size;
  }
  return imagesOf(classes, labels, (index) => {
    const label = labels[index]!;
    const folder = folders[label]!;
    const place = index - starts[label]!;
    return {
      name: `${bytes.name}:${folder.name}.tar:${folder.images.get(place)}`,
      bytes: () => readImageOf(bytes, folder, place),
    };
  });
}

/** The images of a tar that has all of them side by side. */
function validationImages(
  { bytes, folders: [folder] }: IndexedTar,
  truth: ValidationLabels,
): ImageDataset {
  const { images } = folder!;
  const { places, labels } = withLabels(images, truth, bytes.name);
  return imagesOf(truth.classes, labels, (index) => {
    const place = places[index]!;
    return {
      name: `${bytes.name}:${images.get(place)}`,
      bytes: () => readImageOf(bytes, folder!, place),
    };
  });
}

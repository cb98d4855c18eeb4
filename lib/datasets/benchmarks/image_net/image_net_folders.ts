/** ImageNet's images in folders. @module */
import { byCodePoint, PackedTexts } from "@lionjs/data/batches";
import {
  contentOf,
  type FolderContent,
  type ImageDataset,
  imageFolder,
  imagesInFiles,
} from "@lionjs/data/images";
import { isFolder } from "../original_files.ts";
import {
  assertSameClasses,
  type ValidationLabels,
  withLabels,
} from "./validation_labels.ts";

/**
 * Finds the images of a part in its folder: in one folder for each class, or those
 * for validation side by side.
 *
 * @param base The folder in which `train` and `val` are.
 * @returns `undefined` if there is no such folder, or nothing in it.
 */
export async function imagesOfFolders(
  base: string,
  part: "train" | "val",
  labels: () => Promise<ValidationLabels | undefined>,
): Promise<ImageDataset | undefined> {
  const path = `${base}/${part}`;
  const { folders, names } = await contentIfThere(path);
  const other = `${base}/${part === "train" ? "val" : "train"}`;
  const { folders: others } = await contentIfThere(other);
  const assertClasses = (source: string, classes: readonly string[]) => {
    if (others.length === 0) return;
    assertSameClasses({ source, classes }, { source: other, classes: others });
  };
  if (folders.length > 0) {
    assertClasses(path, folders);
    return await imagesByClass(path, folders);
  }
  const images = names.filter((name) => /^[^.].*\.jpe?g$/i.test(name));
  if (part === "train" || images.length === 0) return undefined;
  const truth = await labels();
  if (!truth) {
    throw new Error(
      `${path} has images without folders for their classes, whose labels should be in ILSVRC2012_devkit_t12.tar.gz (2.5 MB, from https://www.image-net.org), or in Kaggle's LOC_val_solution.csv, got neither; put one next to it`,
    );
  }
  assertClasses(truth.source, truth.classes);
  return imagesInOne(path, images.sort(byCodePoint), truth);
}

/** The content of a folder without folders that systems leave; nothing if there is no folder. */
async function contentIfThere(path: string): Promise<FolderContent> {
  if (!await isFolder(path)) return { folders: [], names: [] };
  const { folders, names } = await contentOf(path);
  return { folders: folders.filter((name) => !name.startsWith(".")), names };
}

async function imagesByClass(
  path: string,
  folders: string[],
): Promise<ImageDataset> {
  const classes = folders.sort(byCodePoint);
  const options = { classes, emptyClasses: "keep" } as const;
  const images = await imageFolder(path, options);
  const found = new Set(images.labels);
  const empty = classes.find((_, label) => !found.has(label));
  if (empty === undefined) return images;
  throw new Error(
    `${path}/${empty} should have images, got none; unpack or download it again, or remove it`,
  );
}

function imagesInOne(
  path: string,
  sorted: readonly string[],
  truth: ValidationLabels,
): ImageDataset {
  const names = new PackedTexts(sorted);
  const { places, labels } = withLabels(sorted, truth, path);
  return imagesInFiles(
    truth.classes,
    labels,
    (index) => `${path}/${names.get(places[index]!)}`,
  );
}

import { assertOneOf, assertOptions, optionsOf } from "@lionjs/base";
import { type ImageDataset, parquetImages } from "@lionjs/data/images";
import { folderPath, inShell } from "../folder_files.ts";
import { parquetParts } from "../parquet_parts.ts";
import { devkitLabels } from "./devkit.ts";
import { imagesOfFolders } from "./image_net_folders.ts";
import { imagesOfTar, TARS } from "./image_net_tars.ts";
import { kaggleLabels } from "./kaggle.ts";

/** Options of {@linkcode imageNet}. */
export interface ImageNetOptions {
  /** The part: 1,281,167 images for training, or 50,000 for validation. */
  part: "train" | "val";
  /**
   * The folder that stores where images lie in a tar, so that the tar's 1.3
   * million headers are read only once, and again if the tar changes.
   * @default the tar's own folder, or memory if that is read-only
   */
  index?: string | URL | undefined;
}

const OPTIONS = optionsOf<ImageNetOptions>()("part index");

/** The folder of Kaggle's archive in which the images are. */
const KAGGLE = "ILSVRC/Data/CLS-LOC";

/**
 * Opens ImageNet-1k, the images of ILSVRC 2012, in the first of these forms
 * that the folder has:
 *
 * - folders, `train/n01440764/*.JPEG` and `val/n01440764/*.JPEG`, even in
 *   Kaggle's `ILSVRC/Data/CLS-LOC`; or `val/*.JPEG`, with labels from
 *   `LOC_val_solution.csv` and `LOC_synset_mapping.txt`, or from the devkit;
 * - the original tars, which need not be unpacked: `ILSVRC2012_img_train.tar`, and
 *   `ILSVRC2012_img_val.tar` with `ILSVRC2012_devkit_t12.tar.gz`;
 * - the Parquet files of Hugging Face's `ILSVRC/imagenet-1k`,
 *   `data/train-00000-of-00294.parquet` and so on.
 *
 * As in torchvision, classes are sorted by WordNet ID, and images of folders
 * and tars by class, then by name. Parquet files have their own order, and
 * class names such as "tench, Tinca tinca". Subsets of the classes and images
 * work too, unless a devkit or a table names all of them. Images are read when
 * needed; the names and places of a tar's take some 50 MB.
 *
 * Source: torchvision's `datasets/imagenet.py`; Russakovsky et al. 2015
 * (arXiv:1409.0575).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { imageNet } from "@lionjs/lion/datasets";
 *
 * const folder = await Deno.makeTempDir();
 * for (const name of ["n02129165", "n01440764"]) {
 *   await Deno.mkdir(`${folder}/train/${name}`, { recursive: true });
 *   const path = `${folder}/train/${name}/${name}_1.JPEG`;
 *   await Deno.writeFile(path, Uint8Array.of(0xff, 0xd8));
 * }
 * const images = await imageNet(folder, { part: "train" });
 * assertEquals(images.classes, ["n01440764", "n02129165"]);
 * assertEquals([...images.labels], [0, 1]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder.
 * @param options See {@linkcode ImageNetOptions}.
 * @returns The images.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {SyntaxError} If a file is truncated or damaged; the message names
 * it.
 * @throws {Error} If files are missing or disagree, for instance with the
 * devkit on the number of images; the message says what to do.
 */
export async function imageNet(
  folder: string | URL,
  options: ImageNetOptions,
): Promise<ImageDataset> {
  assertOptions("imageNet", options, OPTIONS);
  const { part } = options;
  const root = folderPath(folder);
  assertOneOf("part", part, ["train", "val"]);
  const index = options.index === undefined
    ? undefined
    : folderPath(options.index, "index");
  const labels = async () =>
    await kaggleLabels(root) ?? await devkitLabels(root);
  return await imagesOfFolders(root, part, labels) ??
    await imagesOfFolders(`${root}/${KAGGLE}`, part, labels) ??
    await imagesOfTar(root, part, { index, labels }) ??
    await imagesOfParquet(root, part) ??
    fail(root, part);
}

async function imagesOfParquet(
  root: string,
  part: "train" | "val",
): Promise<ImageDataset | undefined> {
  const name = part === "train" ? "train" : "validation";
  for (const folder of [`${root}/data`, root]) {
    const files = await parquetParts(folder, name);
    if (files.length > 0) return await parquetImages(files);
  }
  return undefined;
}

function fail(root: string, part: "train" | "val"): never {
  const [tar, size, count, onHub] = part === "train"
    ? [TARS.train, "138 GB", 294, "train"]
    : [TARS.val, "6.3 GB", 14, "validation"];
  throw new Error(
    `${root} should have ImageNet-1k's images for ${part}, as one of these: folders ${part}/n01440764/*.JPEG, there or in ${KAGGLE}; ${tar} (${size}${
      part === "val" ? ", with ILSVRC2012_devkit_t12.tar.gz" : ""
    }); or data/${onHub}-00000-of-00${
      `${count}`.padStart(3, "0")
    }.parquet and the others; got none of them. Download the tar from https://www.image-net.org, or the archive of Kaggle's imagenet-object-localization-challenge, or with the hub's token, once its terms are accepted: hf download ILSVRC/imagenet-1k --repo-type dataset --include "data/${onHub}-*" --local-dir ${
      inShell(root)
    }`,
  );
}

import { assertOneOf, assertOptions, optionsOf } from "@lionjs/base";
import {
  type ImageDataset,
  imagesOf,
  parquetImages,
} from "@lionjs/data/images";
import { folderPath, inShell } from "../folder_files.ts";
import { parquetParts } from "../parquet_parts.ts";
import { findCifar, VERSIONS } from "./cifar_files.ts";
import { type CifarRecords, cifarRecords, ppmOf } from "./cifar_records.ts";

/** Options of {@linkcode cifar}. */
export interface CifarOptions {
  /** The dataset: CIFAR-10 or CIFAR-100. */
  classes: 10 | 100;
  /** The part: the 50,000 images for training or the 10,000 for testing. */
  part: "train" | "test";
  /**
   * The labels of CIFAR-100: its 100 classes, or the 20 superclasses that these
   * belong to.
   * @default "fine"
   */
  labels?: "fine" | "coarse" | undefined;
}

const OPTIONS = optionsOf<CifarOptions>()("classes part labels");

/**
 * Opens CIFAR-10 or CIFAR-100, images of 32 × 32 pixels in colour, as their
 * authors publish them: the binary version or the one for Python, unpacked or
 * in the archive (`cifar-100-python.tar.gz`), or the Parquet files of Hugging
 * Face's hub (`uoft-cs/cifar100`). The first one found is used.
 *
 * The pixels of the authors' versions stay in memory, 154 MB for training;
 * `bytes()` returns an image as a PPM, which `imageBatches` and `decodeImage`
 * accept like a PNG. Nothing in pickles is run: anything but arrays of numbers,
 * lists and texts throws an error that names it.
 *
 * Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009);
 * the formats are those of https://www.cs.toronto.edu/~kriz/cifar.html.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decodeImage } from "@lionjs/lion/data";
 * import { cifar } from "@lionjs/lion/datasets";
 *
 * // A file for testing with one image, all of it red, of the class 1.
 * const folder = await Deno.makeTempDir();
 * const image = new Uint8Array(1 + 3 * 1024).fill(255, 1, 1 + 1024);
 * image[0] = 1;
 * await Deno.writeFile(`${folder}/test_batch.bin`, image);
 * const names = "airplane automobile bird cat deer dog frog horse ship truck";
 * const lines = names.replaceAll(" ", "\n") + "\n\n";
 * await Deno.writeTextFile(`${folder}/batches.meta.txt`, lines);
 *
 * const images = await cifar(folder, { classes: 10, part: "test" });
 * const { label, bytes } = await images.get(0);
 * assertEquals(images.classes[label], "automobile");
 * const { width, height, pixels } = await decodeImage(await bytes());
 * assertEquals([width, height, ...pixels.subarray(0, 3)], [32, 32, 255, 0, 0]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder that contains the files, the archive, or its
 * unpacked folder.
 * @param options See {@linkcode CifarOptions}.
 * @returns The images, in the order of their files.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {SyntaxError} If a file is truncated or damaged, or a pickle asks to
 * run code; the message names it.
 * @throws {Error} If files are missing; the message says how to get them.
 */
export async function cifar(
  folder: string | URL,
  options: CifarOptions,
): Promise<ImageDataset> {
  assertOptions("cifar", options, OPTIONS);
  const { classes, part, labels = "fine" } = options;
  const root = folderPath(folder);
  assertCifarOptions({ classes, part, labels });
  const count = labels === "coarse" ? 20 : classes;
  const found = await findCifar(root, classes, part);
  if (found) {
    const { names, records } = cifarRecords(found, classes, labels);
    assertNames(found.place, names, count);
    return imagesOfFiles(records, names);
  }
  const files = await parquetOf(root, { classes, part });
  if (files.length === 0) throw nothingFound(root, classes);
  const images = await parquetImages(files, {
    image: "img",
    label: classes === 10 ? "label" : `${labels}_label`,
  });
  assertNames(files[0]!, images.classes, count);
  return images;
}

function assertNames(
  place: string,
  names: readonly string[],
  count: number,
): void {
  if (names.length === count) return;
  throw new SyntaxError(
    `${place} should have the names of ${count} classes, got ${names.length}; download it again`,
  );
}

function assertCifarOptions(
  { classes, part, labels }: Required<CifarOptions>,
): void {
  assertOneOf("classes", classes, [10, 100]);
  assertOneOf("part", part, ["train", "test"]);
  assertOneOf("labels", labels, ["fine", "coarse"]);
  if (labels === "coarse" && classes === 10) {
    throw new RangeError(
      'labels should be "fine" with 10 classes, got "coarse", which CIFAR-100 has',
    );
  }
}

/** The images of files, one file after another. */
function imagesOfFiles(
  records: readonly CifarRecords[],
  classes: readonly string[],
): ImageDataset {
  const size = records.reduce((sum, file) => sum + file.size, 0);
  const labels = new Uint16Array(size);
  const starts: number[] = [];
  let start = 0;
  for (const file of records) {
    assertLabels(file, classes.length);
    labels.set(file.labels, start);
    starts.push(start);
    start += file.size;
  }
  return imagesOf(classes, labels, (index) => {
    const file = starts.findLastIndex((start) => start <= index);
    const { name, planes } = records[file]!;
    const place = index - starts[file]!;
    return {
      name: `${name}, image ${place}`,
      bytes: () => Promise.resolve(ppmOf(planes(place))),
    };
  });
}

function assertLabels({ name, labels }: CifarRecords, count: number): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (Number.isInteger(label) && label >= 0 && label < count) continue;
    throw new SyntaxError(
      `${name} should have labels from 0 to below ${count}, got ${label} of image ${i}; download it again`,
    );
  }
}

/** The folder of each configuration on the hub. */
const ON_HUB = { 10: "plain_text", 100: "cifar100" } as const;

async function parquetOf(
  root: string,
  { classes, part }: Pick<CifarOptions, "classes" | "part">,
): Promise<string[]> {
  for (const folder of [`${root}/${ON_HUB[classes]}`, root]) {
    const files = await parquetParts(folder, part);
    if (files.length > 0) return files;
  }
  return [];
}

function nothingFound(root: string, classes: 10 | 100): Error {
  const [binary, pickle] = VERSIONS[classes];
  return new Error(
    `${root} should have CIFAR-${classes}: ${
      [binary!, pickle!].map(({ archive, folder }) =>
        `${archive}, or what it unpacks to (${folder})`
      ).join("; ")
    }; or ${
      ON_HUB[classes]
    }/train-00000-of-00001.parquet and its like; got none of them. Download ${
      binary!.archive
    } (some 160 MB) from https://www.cs.toronto.edu/~kriz/cifar.html into it, or: hf download uoft-cs/cifar${classes} --repo-type dataset --local-dir ${
      inShell(root)
    }`,
  );
}

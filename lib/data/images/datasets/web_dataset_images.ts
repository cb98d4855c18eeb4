/** Images in tars, as WebDataset has them. @module */
import { assertOptions, assertText, optionsOf, shown } from "@lionjs/base";
import type { TarSample } from "../../records/tar/sample.ts";
import type { WebDataset } from "../../records/web_dataset.ts";
import { assertClassNames, classLabels } from "./class_labels.ts";
import { type ImageDataset, imagesOf } from "./image_dataset.ts";

/** Options of {@linkcode webDatasetImages}. */
export interface WebDatasetImagesOptions {
  /**
   * The field of the images' files.
   * @default jpg, jpeg, png or webp, whichever a sample has
   */
  image?: string | undefined;
  /** The field of the labels. @default "cls" */
  label?: string | undefined;
  /**
   * The names of the classes, by label.
   * @default "0", "1" and so on, or the labels if they are not numbers
   */
  classes?: readonly string[] | undefined;
}

const OPTIONS = optionsOf<WebDatasetImagesOptions>()("image label classes");

const IMAGES = ["jpg", "jpeg", "png", "webp"];

/** The number of labels that are read at once. */
const AT_ONCE = 64;

/**
 * Makes images for `imageBatches` from the samples of tars: one field of each
 * is the image's file, and one is the label, a text. All labels are read
 * immediately, and images when needed.
 *
 * Numeric labels are indices of the classes; if not all are numbers, labels are
 * class names, sorted by code point.
 *
 * Source: webdataset, whose field `cls` is a class.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { webDataset, webDatasetImages } from "@lionjs/lion/data";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeFile(`${folder}/1.jpg`, Uint8Array.of(0xff, 0xd8));
 * await Deno.writeTextFile(`${folder}/1.cls`, "1");
 * const { success } = await new Deno.Command("tar", {
 *   args: ["-cf", "pets.tar", "1.jpg", "1.cls"],
 *   cwd: folder,
 * }).output();
 * assertEquals(success, true);
 *
 * const pets = await webDatasetImages(await webDataset(`${folder}/pets.tar`), {
 *   classes: ["cat", "dog"],
 * });
 * assertEquals([...pets.labels], [1]);
 * assertEquals((await (await pets.get(0)).bytes()).length, 2);
 * ```
 *
 * @param samples The samples, as `webDataset` opens them.
 * @param options See {@linkcode WebDatasetImagesOptions}.
 * @returns The images, in the order of the samples.
 * @throws {TypeError} If `samples` or an option has the wrong type, or an
 * option is unknown.
 * @throws {RangeError} If a sample has no such field, or its label is not a
 * class; the message names the sample.
 */
export async function webDatasetImages(
  samples: WebDataset,
  options: WebDatasetImagesOptions = {},
): Promise<ImageDataset> {
  assertOptions("webDatasetImages", options, OPTIONS);
  const { image, label = "cls", classes: names } = options;
  if (image !== undefined) assertText("image", image);
  assertText("label", label);
  if (names !== undefined) assertClassNames(names);
  const { get, size, locality } = Object(samples) as typeof samples;
  if (
    typeof get !== "function" || !Number.isInteger(size) ||
    !(locality instanceof Uint32Array && locality.length === size)
  ) {
    throw new TypeError(
      `samples should be those that webDataset opens, got ${shown(samples)}`,
    );
  }
  const texts = await labelsOf(samples, label);
  const areNumbers = texts.every((text) => /^\d+$/.test(text));
  const { classes, labels } = classLabels(
    areNumbers ? texts.map(Number) : texts,
    names && [...names],
    `the field ${label}`,
    (index) => samples.get(index).name,
  );
  const images = imagesOf(classes, labels, (index) => {
    const sample = samples.get(index);
    const field = image ?? imageOf(sample);
    return { name: sample.name, bytes: () => sample.bytes(field) };
  });
  return { ...images, locality: samples.locality };
}

async function labelsOf(samples: WebDataset, field: string): Promise<string[]> {
  const labels: string[] = [];
  while (labels.length < samples.size) {
    const length = Math.min(AT_ONCE, samples.size - labels.length);
    const texts = Array.from(
      { length },
      (_, i) => samples.get(labels.length + i).text(field),
    );
    for (const text of await Promise.all(texts)) labels.push(text.trim());
  }
  return labels;
}

function imageOf({ name, fields }: TarSample): string {
  const field = IMAGES.find((one) => fields.includes(one));
  if (field !== undefined) return field;
  throw new RangeError(
    `${name} should have one of the fields ${IMAGES.join(", ")}, got ${
      fields.join(", ")
    }; name another by webDatasetImages' option image`,
  );
}

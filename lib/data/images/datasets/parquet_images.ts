/** Images in a column of Parquet files. @module */
import { assertOptions, optionsOf, shown } from "@lionjs/base";
import type { ByteSource } from "../../bytes/bytes_of.ts";
import {
  parquet,
  type ParquetDataset,
  type ParquetGroup,
} from "../../records/parquet.ts";
import { assertClassNames, classLabels } from "./class_labels.ts";
import { type ImageDataset, imagesOf } from "./image_dataset.ts";

/** Options of {@linkcode parquetImages}. */
export interface ParquetImagesOptions {
  /** The column of the images' files. @default "image" */
  image?: string | undefined;
  /** The column of the labels. @default "label" */
  label?: string | undefined;
  /**
   * The names of the classes, by label; pass those of the training files if
   * these files' may differ. @default those of the files
   */
  classes?: readonly string[] | undefined;
}

const OPTIONS = optionsOf<ParquetImagesOptions>()("image label classes");

/**
 * Opens Parquet files of images as Hugging Face stores them: a column whose
 * values are the images' files, or `{ bytes, path }`, and one of labels. All
 * labels are read immediately, and images with their row group when needed.
 *
 * Numeric labels are indices of the class names in the files' metadata, under
 * `huggingface`, or else of "0", "1" and so on. Text labels are the classes,
 * sorted by code point. With `classes`, a label is the index of its name among
 * these, whatever other classes the files have or lack.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { memoryBytes, parquetImages } from "@lionjs/lion/data";
 * import { parquetWriteBuffer } from "hyparquet-writer";
 *
 * const jpeg = Uint8Array.of(0xff, 0xd8);
 * const file = new Uint8Array(parquetWriteBuffer({
 *   columnData: [
 *     { name: "image", data: [jpeg, jpeg], type: "BYTE_ARRAY" },
 *     { name: "label", data: ["dog", "cat"], type: "STRING" },
 *   ],
 * }));
 * const images = await parquetImages(memoryBytes(file, "pets.parquet"));
 * assertEquals(images.classes, ["cat", "dog"]);
 * assertEquals([...images.labels], [1, 0]);
 *
 * const { name, bytes } = await images.get(1);
 * assertEquals([name, await bytes()], ["pets.parquet, row 1", jpeg]);
 * ```
 *
 * @param files The files, in their order.
 * @param options See {@linkcode ParquetImagesOptions}.
 * @returns The images, in the order of the rows.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If there is no file or no such column, or a label is not
 * a class.
 * @throws {SyntaxError} If a file is damaged; the message names it.
 */
export async function parquetImages(
  files: ByteSource | readonly ByteSource[],
  options: ParquetImagesOptions = {},
): Promise<ImageDataset> {
  assertOptions("parquetImages", options, OPTIONS);
  const { image = "image", label = "label", classes: given } = options;
  assertColumn("image", image);
  assertColumn("label", label);
  if (given !== undefined) assertClassNames(given);
  const rows = await parquet(files, { columns: [image] });
  const kept = await parquet(files, { columns: [label], cacheGroups: 1 });
  const values = await valuesOf(kept, label);
  const nameOf = rowNames(rows.groups);
  const owner = `the column ${JSON.stringify(label)}`;
  const names = values.every((value) => typeof value === "string")
    ? undefined
    : namesIn(kept.metadata, label);
  const { classes, labels } = classLabels(
    given && names ? namesOf(values, names, owner, nameOf) : values,
    given ?? names,
    owner,
    nameOf,
  );
  const images = imagesOf(classes, labels, (index) => {
    const name = nameOf(index);
    return {
      name,
      bytes: async () => fileIn((await rows.get(index))[image], image, name),
    };
  });
  const { locality, localitiesKept } = rows;
  return { ...images, locality, localitiesKept };
}

function assertColumn(option: string, name: string): void {
  if (typeof name === "string") return;
  throw new TypeError(
    `${option} should be the name of a column, got ${shown(name)}`,
  );
}

/** The names of labels that are numbers. */
function namesOf(
  values: readonly unknown[],
  names: readonly string[],
  owner: string,
  nameOf: (index: number) => string,
): string[] {
  const { classes, labels } = classLabels(values, names, owner, nameOf);
  return Array.from(labels, (label) => classes[label]!);
}

/** The file of an image, of the value of its column; errors have its name. */
function fileIn(value: unknown, column: string, name: string): Uint8Array {
  const file = value instanceof Uint8Array
    ? value
    : (Object(value) as { bytes?: unknown }).bytes;
  if (file instanceof Uint8Array) return file;
  throw new SyntaxError(
    `${name} should have in the column ${
      JSON.stringify(column)
    } the bytes of an image, or { bytes }, got ${
      value === null || value === undefined ? "nothing" : typeof value
    }`,
  );
}

/** Makes a function that names a row by its file, and its place in the file. */
function rowNames(groups: readonly ParquetGroup[]): (index: number) => string {
  const firsts = groups.filter(({ index }) => index === 0);
  return (index) => {
    const { file, start } = firsts.findLast(({ start }) => start <= index)!;
    return `${file}, row ${index - start}`;
  };
}

async function valuesOf(
  rows: ParquetDataset<Record<string, unknown>>,
  column: string,
): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const row of rows.rows()) values.push(row[column]);
  return values;
}

/** The classes that Hugging Face's metadata name. */
function namesIn(
  metadata: ReadonlyMap<string, string>,
  column: string,
): string[] | undefined {
  try {
    const { info } = JSON.parse(metadata.get("huggingface") ?? "{}");
    const names = Object(info).features?.[column]?.names;
    const areNames = Array.isArray(names) &&
      names.every((name) => typeof name === "string");
    return areNames ? names : undefined;
  } catch {
    return undefined;
  }
}

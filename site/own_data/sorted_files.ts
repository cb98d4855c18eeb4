/// <reference lib="dom" />
/** What files are: pictures of classes, a table, or neither. @module */
import type { ClassedFile, NamedFile, PassedOver } from "./calls.ts";
import { classesOfPaths } from "./classes_of_paths.ts";

/** What a visitor has given. */
export type Given =
  | { readonly table: File }
  | {
    readonly pictures: readonly ClassedFile[];
    readonly passed: readonly PassedOver[];
  };

const TABLE = /\.(csv|tsv|txt|jsonl|ndjson)(\.gz)?$/i;
const PICTURE = /\.(jpe?g|png|webp)$/i;

/**
 * Sorts files by their names.
 *
 * @throws {Error} If there is nothing to learn from.
 */
export function sortFiles(files: readonly NamedFile[]): Given {
  const [only, ...others] = files;
  if (only && others.length === 0 && TABLE.test(only.file.name)) {
    return { table: only.file };
  }
  const isPicture = ({ file }: NamedFile) =>
    PICTURE.test(file.name) || file.type.startsWith("image/");
  const pictures = files.filter(isPicture);
  const passed = files.filter((file) => !isPicture(file))
    .map(({ path }) => ({ name: path, reason: "not a picture" }));
  const classes = classesOfPaths(pictures.map(({ path }) => path));
  const classed: ClassedFile[] = [];
  for (const [i, { path, file }] of pictures.entries()) {
    const className = classes[i];
    if (className !== undefined) classed.push({ path, file, className });
    else passed.push({ name: path, reason: "not in the folder of a class" });
  }
  if (classed.length > 0) return { pictures: classed, passed };
  throw new Error(
    pictures.length > 0
      ? "a folder of pictures should have a folder for each class"
      : `there should be pictures (JPEG, PNG, WebP) in folders, or one table (CSV, TSV, JSON Lines), got ${files.length} other files`,
  );
}

/** The classes of ImageNet's images for validation, by Kaggle's tables. @module */
import { files } from "@lionjs/base/files";
import { byCodePoint } from "@lionjs/data/batches";
import { csvRows } from "@lionjs/data/records";
import { isFile } from "../original_files.ts";
import type { ValidationLabels } from "./validation_labels.ts";

const SOLUTION = "LOC_val_solution.csv";
const MAPPING = "LOC_synset_mapping.txt";

/**
 * Reads the labels of `LOC_val_solution.csv`, and the classes of
 * `LOC_synset_mapping.txt`, sorted by their WordNet IDs.
 *
 * @returns `undefined` if there is no solution.
 */
export async function kaggleLabels(
  root: string,
): Promise<ValidationLabels | undefined> {
  const source = `${root}/${SOLUTION}`;
  if (!await isFile(source)) return undefined;
  const mapping = `${root}/${MAPPING}`;
  if (!await isFile(mapping)) {
    throw new Error(
      `${root} should have ${MAPPING}, which names the classes of ${SOLUTION}, got none; it is in the same archive of Kaggle's`,
    );
  }
  const classes = await classesIn(mapping);
  const places = new Map(classes.map((name, label) => [name, label]));
  const labels = new Map<string, number>();
  for (const row of await csvRows(source)) {
    const { ImageId: image, PredictionString: boxes } = row;
    // A class and four numbers for each box; the classes are one.
    const name = boxes?.trim().split(/\s+/)[0];
    const label = places.get(name ?? "");
    if (image === undefined || label === undefined || labels.has(image)) {
      throw new SyntaxError(
        `${source} should have under ImageId each image once, and under PredictionString a class of ${MAPPING}, got ${
          JSON.stringify(row)
        }; download it again`,
      );
    }
    labels.set(image, label);
  }
  return { source, classes, labels };
}

/** The WordNet IDs with which lines begin, sorted. */
async function classesIn(mapping: string): Promise<string[]> {
  const text = await files().readFile(mapping, "utf8");
  const names = text.replace(/^\ufeff/, "").split("\n")
    .map((line) => line.trim().split(/\s/)[0]!).filter((name) => name !== "");
  if (names.length > 0 && new Set(names).size === names.length) {
    return names.sort(byCodePoint);
  }
  throw new SyntaxError(
    `${mapping} should have a line for each class, got ${
      names.length === 0 ? "none" : "a class twice"
    }; download it again`,
  );
}

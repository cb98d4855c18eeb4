/** The classes of ImageNet's images for validation, by the devkit of 2012. @module */
import { byCodePoint } from "@lionjs/data/batches";
import {
  filesOfArchive,
  filesOfFolder,
  isFile,
  isFolder,
  type OriginalFiles,
} from "../original_files.ts";
import { readMatStructs } from "./mat_file.ts";
import type { ValidationLabels } from "./validation_labels.ts";

/** The folder that the archive unpacks to, in which the files are. */
const FOLDER = "ILSVRC2012_devkit_t12";
const ARCHIVE = `${FOLDER}.tar.gz`;
const CLASSES = "meta.mat";
const TRUTH = "ILSVRC2012_validation_ground_truth.txt";

/**
 * Reads the labels of a devkit, unpacked or in its archive.
 *
 * The devkit numbers its classes in an order of its own: a label is the place of
 * the class's WordNet ID among all of them, sorted. Of the synsets in `meta.mat`,
 * those without children are the classes.
 *
 * Source: torchvision's `datasets/imagenet.py`.
 *
 * @returns `undefined` if there is none.
 */
export async function devkitLabels(
  root: string,
): Promise<ValidationLabels | undefined> {
  const found = await filesOfDevkit(root);
  if (!found) return undefined;
  const bytesOf = (name: string) => {
    const bytes = found.found.get(name);
    if (bytes) return { name: `${found.place}/${name}`, bytes };
    throw new Error(
      `${found.place} should have ${name}, got none; download ${ARCHIVE} again`,
    );
  };
  const classOf = classesById(bytesOf(CLASSES));
  const classes = [...classOf.values()].sort(byCodePoint);
  const labelOf = new Map(classes.map((name, label) => [name, label]));
  const truth = bytesOf(TRUTH);
  const lines = new TextDecoder().decode(truth.bytes).trimEnd().split("\n");
  const labels = lines.map((line, i) => {
    const text = line.trim();
    const name = /^\d+$/.test(text) ? classOf.get(Number(text)) : undefined;
    if (name !== undefined) return labelOf.get(name)!;
    throw new SyntaxError(
      `${truth.name}:${
        i + 1
      } should be the number of one of ${classes.length} classes, got ${
        JSON.stringify(text.slice(0, 40))
      }; download it again`,
    );
  });
  return {
    ...{ source: truth.name, classes },
    labels: new Map(labels.map((label, i) => [
      `ILSVRC2012_val_${`${i + 1}`.padStart(8, "0")}`,
      label,
    ])),
  };
}

async function filesOfDevkit(
  root: string,
): Promise<OriginalFiles | undefined> {
  const names = [CLASSES, TRUTH];
  const folder = `${root}/${FOLDER}/data`;
  if (await isFolder(folder)) return await filesOfFolder(folder, names);
  const path = `${root}/${ARCHIVE}`;
  if (!await isFile(path)) return undefined;
  return await filesOfArchive(path, `${FOLDER}/data`, names);
}

/** The WordNet ID of each class by the devkit's number for it. */
function classesById(
  { name, bytes }: { name: string; bytes: Uint8Array },
): Map<number, string> {
  const synsets = readMatStructs(name, bytes, "synsets", [
    ...["ILSVRC2012_ID", "WNID", "num_children"] as const,
  ]);
  const classes = new Map<number, string>();
  for (const { ILSVRC2012_ID: id, WNID: wordNet, num_children } of synsets) {
    if (num_children !== 0) continue;
    if (
      typeof id !== "number" || typeof wordNet !== "string" || classes.has(id)
    ) {
      throw new SyntaxError(
        `${name} should have a number and a WordNet ID for each class, each once, got ${id} and ${wordNet}; download it again`,
      );
    }
    classes.set(id, wordNet);
  }
  if (new Set(classes.values()).size === classes.size && classes.size > 0) {
    return classes;
  }
  throw new SyntaxError(
    `${name} should have classes, each once, got ${
      classes.size === 0 ? "none" : "some twice"
    }; download it again`,
  );
}

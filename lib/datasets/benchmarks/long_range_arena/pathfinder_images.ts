import { shown } from "@lionjs/base";
import { files } from "@lionjs/base/files";
import { chunksOf } from "@lionjs/data/bytes";
import { type BadRecord, byteLines, LineParser } from "@lionjs/data/records";
import { type ImageDataset, imagesInFiles } from "@lionjs/data/images";
import { releaseFiles } from "./release_folder.ts";

/** How long the curves are, from easy to hard. */
export const DIFFICULTIES = [
  "curv_baseline",
  "curv_contour_length_9",
  "curv_contour_length_14",
] as const;

/** The length of Pathfinder's curves, from easy to hard. */
export type PathfinderDifficulty = typeof DIFFICULTIES[number];

/** An image that the release has without content, in 32 × 32 pixels. */
const EMPTY = "curv_baseline/imgs/0/sample_172.png";

/**
 * Finds the images of Pathfinder, in the order of the release's metadata: text files
 * that end in `.npy`, by number.
 *
 * @returns The images, and those that are known to be empty, which are left out.
 */
export async function pathfinderImages(
  folder: string | URL,
  resolution: number,
  difficulty: PathfinderDifficulty,
): Promise<{ images: ImageDataset; empty: BadRecord[] }> {
  const metadata = await releaseFiles(
    folder,
    `pathfinder${resolution}/${difficulty}/metadata`,
    "0.npy",
    (name) => /^\d+\.npy$/.test(name),
  );
  const numberOf = (path: string) => Number(/(\d+)\.npy$/.exec(path)![1]);
  metadata.sort((a, b) => numberOf(a) - numberOf(b));
  const paths: string[] = [], labels: number[] = [], empty: BadRecord[] = [];
  for (const file of metadata) {
    const base = file.slice(0, file.lastIndexOf("/metadata/"));
    const parser = new LineParser<string>(file, "text");
    for await (const line of byteLines(file, chunksOf(file))) {
      const { image, label } = entryOf(
        `${file}:${line.number}`,
        parser.parse(line),
      );
      const path = `${base}/${image}`;
      const isKnown = resolution === 32 && EMPTY === `${difficulty}/${image}`;
      if (isKnown && await isEmpty(path)) {
        empty.push({ name: path, reason: `${path} is empty, as released` });
        continue;
      }
      paths.push(path);
      labels.push(label);
    }
  }
  const images = imagesInFiles(
    ["not connected", "connected"],
    Uint16Array.from(labels),
    (index) => paths[index]!,
  );
  return { images, empty };
}

/** The image of a line of metadata, and its label: folder, file, id, label, and more. */
function entryOf(
  where: string,
  line: string,
): { image: string; label: number } {
  const [folder = "", file = "", , label = ""] = line.trim().split(/\s+/);
  const isImage = /^imgs\/\d+$/.test(folder) && /^sample_\d+\.png$/.test(file);
  if (isImage && /^[01]$/.test(label)) {
    return { image: `${folder}/${file}`, label: Number(label) };
  }
  throw new SyntaxError(
    `${where} should begin as "imgs/0 sample_0.png 0 1" does: folder, file, id and the label 0 or 1, got ${
      shown(line)
    }`,
  );
}

async function isEmpty(path: string): Promise<boolean> {
  return (await files().stat(path)).size === 0;
}

/** Finds what is in a folder: images or texts, in folders of classes or in tables. @module */
import { PART_NAMES } from "@lionjs/data/batches";
import { imageFolder } from "@lionjs/lion/data";

/** The parts of data that come apart: all three, or those to train on alone. */
export interface Parts<T> {
  readonly train: T;
  readonly validation?: T;
  readonly test?: T;
}

/** What there is to train on, by the paths of its parts. */
export type FoundData = Parts<string> & {
  readonly kind: "image folders" | "text folders" | "table";
};

const IMAGES = [
  ...[".jpg", ".jpeg", ".png", ".webp", ".ppm", ".bmp", ".pgm", ".tif"],
  ".tiff",
];
const TEXT = ".txt";

/** The ending of a table's name. */
export const TABLE = /\.(parquet|(csv|tsv|jsonl|ndjson|json)(\.gz|\.zst)?)$/i;

/**
 * Finds what there is to train on.
 *
 * @throws {RangeError} If there is nothing of a known kind, or more than one thing.
 */
export async function findData(path: string): Promise<FoundData> {
  if (!await isFolder(path)) {
    if (TABLE.test(path)) return { kind: "table", train: path };
    throw new RangeError(
      `--data should be a folder, or a table (.csv, .tsv, .json, .jsonl, .parquet), got ${path}`,
    );
  }
  const entries = await listed(path);
  const tables = entries.filter(({ isFolder, name }) =>
    !isFolder && TABLE.test(name)
  );
  const folders = entries.filter(({ isFolder }) => isFolder);
  if (tables.length > 0) {
    return { kind: "table", ...partsOf(path, tables.map(({ name }) => name)) };
  }
  const names = folders.map(({ name }) => name);
  const parts = names.some((name) => partOf(name) === "train")
    ? partsOf(path, names.filter(partOf))
    : { train: path };
  return { kind: await kindOfFolders(parts.train), ...parts };
}

/** Whether a path is a folder. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new RangeError(`--data should exist, got ${path}`);
  }
}

/** The folders of classes in a folder, sorted. */
export async function classFolders(path: string): Promise<string[]> {
  const entries = await listed(path);
  return entries.filter(({ isFolder }) => isFolder).map(({ name }) => name);
}

/**
 * What lies in a folder, by name; what begins with a dot is left out, and so are
 * links that lead nowhere.
 */
async function listed(
  path: string,
): Promise<{ name: string; isFolder: boolean }[]> {
  const names = await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
  const found = names.filter((name) => !name.startsWith(".")).sort()
    .map(async (name) => {
      const info = await Deno.stat(`${path}/${name}`).catch(() => undefined);
      return info && { name, isFolder: info.isDirectory };
    });
  return (await Promise.all(found)).filter((entry) => entry !== undefined);
}

/** The part that a name says; `train-00000.parquet` is one to train on. */
function partOf(name: string): keyof typeof PART_NAMES | undefined {
  const [word] = name.toLowerCase().split(/[^a-z]/);
  return (["train", "validation", "test"] as const).find((part) =>
    (PART_NAMES[part] as readonly string[]).includes(word!)
  );
}

/** One thing alone, or one for each part that names say. */
function partsOf(path: string, names: readonly string[]): Parts<string> {
  if (names.length === 1) return { train: `${path}/${names[0]}` };
  const found = Object.groupBy(names, (name) => partOf(name) ?? "other");
  const { train = [], validation = [], test = [], other = [] } = found;
  const isClear = train.length === 1 && validation.length < 2 &&
    test.length < 2 && other.length === 0;
  if (!isClear) {
    throw new RangeError(
      `--data should name one of ${
        names.join(", ")
      }, or they should be called train, validation and test`,
    );
  }
  const [validated] = validation;
  const [tested] = test;
  return {
    train: `${path}/${train[0]}`,
    ...validated && { validation: `${path}/${validated}` },
    ...tested && { test: `${path}/${tested}` },
  };
}

/** What the folders of classes hold: what most files are of the first that has any. */
async function kindOfFolders(
  path: string,
): Promise<"image folders" | "text folders"> {
  for (const folder of await classFolders(path)) {
    // As they are found to train on: links in circles are a mistake.
    const { size, get } = await imageFolder(path, {
      ...{ classes: [folder], extensions: [...IMAGES, TEXT] },
      emptyClasses: "keep",
    });
    let images = 0, texts = 0;
    for (let i = 0; i < size; i++) {
      const name = (await get(i)).name.slice(path.length).toLowerCase();
      if (name.includes("/.")) continue;
      if (name.endsWith(TEXT)) texts++;
      else images++;
    }
    if (images + texts === 0) continue;
    return images < texts ? "text folders" : "image folders";
  }
  throw new RangeError(
    `--data should have a folder for each class, with images or .txt files in it, or a table, got ${path}`,
  );
}

/** The files of CIFAR as its authors publish them. @module */
import {
  filesOfArchive,
  filesOfFolder,
  isFile,
  type OriginalFiles,
} from "../original_files.ts";

/** The number of classes, by which the data set is chosen. */
export type CifarClasses = 10 | 100;

export type CifarPart = "train" | "test";

/** A version in which the data are published. */
export interface CifarVersion {
  readonly kind: "binary" | "pickle";
  /** The archive, and the folder that it unpacks to. */
  readonly archive: string;
  readonly folder: string;
  readonly parts: Readonly<Record<CifarPart, readonly string[]>>;
  /** The files that name the classes. */
  readonly names: readonly string[];
}

export const VERSIONS: Readonly<Record<CifarClasses, readonly CifarVersion[]>> =
  {
    10: [
      {
        kind: "binary",
        archive: "cifar-10-binary.tar.gz",
        folder: "cifar-10-batches-bin",
        parts: {
          train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`),
          test: ["test_batch.bin"],
        },
        names: ["batches.meta.txt"],
      },
      {
        kind: "pickle",
        archive: "cifar-10-python.tar.gz",
        folder: "cifar-10-batches-py",
        parts: {
          train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}`),
          test: ["test_batch"],
        },
        names: ["batches.meta"],
      },
    ],
    100: [
      {
        kind: "binary",
        archive: "cifar-100-binary.tar.gz",
        folder: "cifar-100-binary",
        parts: { train: ["train.bin"], test: ["test.bin"] },
        names: ["fine_label_names.txt", "coarse_label_names.txt"],
      },
      {
        kind: "pickle",
        archive: "cifar-100-python.tar.gz",
        folder: "cifar-100-python",
        parts: { train: ["train"], test: ["test"] },
        names: ["meta"],
      },
    ],
  };

/** A version that is there, with the files of a part. */
export interface FoundCifar {
  readonly version: CifarVersion;
  readonly place: string;
  /** The part's files, in their order, and the files of names. */
  readonly images: readonly NamedBytes[];
  readonly names: readonly NamedBytes[];
}

/** A file that was read. */
export interface NamedBytes {
  /** The file's name in errors. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Finds the first version that is there: in the folder, in the folder that an archive
 * unpacks to, or in the archive.
 *
 * @throws {Error} If some of its files are missing.
 */
export async function findCifar(
  root: string,
  classes: CifarClasses,
  part: CifarPart,
): Promise<FoundCifar | undefined> {
  for (const version of VERSIONS[classes]) {
    const wanted = [...version.parts[part], ...version.names];
    for (const folder of [root, `${root}/${version.folder}`]) {
      if (!await isFile(`${folder}/${wanted[0]}`)) continue;
      return complete(version, part, await filesOfFolder(folder, wanted));
    }
  }
  for (const version of VERSIONS[classes]) {
    const path = `${root}/${version.archive}`;
    if (!await isFile(path)) continue;
    const wanted = [...version.parts[part], ...version.names];
    const found = await filesOfArchive(path, version.folder, wanted);
    return complete(version, part, found);
  }
  return undefined;
}

function complete(
  version: CifarVersion,
  part: CifarPart,
  { place, found }: OriginalFiles,
): FoundCifar {
  const named = (name: string): NamedBytes => {
    const bytes = found.get(name);
    if (bytes) return { name: `${place}/${name}`, bytes };
    throw new Error(
      `${place} should have all files of ${version.archive}, got none with the name ${name}; unpack the archive again: tar xf ${version.archive}`,
    );
  };
  return {
    ...{ version, place },
    images: version.parts[part].map(named),
    names: version.names.map(named),
  };
}

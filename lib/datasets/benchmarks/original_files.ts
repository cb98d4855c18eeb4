/** Files of a data set as it is published: unpacked, or in its archive. @module */
import { files, ifThere, isNowhere } from "@lionjs/base/files";
import { ChunkReader, decompressed } from "@lionjs/data/bytes";
import { type TarMember, tarMembers } from "@lionjs/data/records";

export interface OriginalFiles {
  /** The place of the files: a folder, or an archive. */
  readonly place: string;
  /** The files that were looked for and found, by their names. */
  readonly found: ReadonlyMap<string, Uint8Array>;
}

/** The most bytes of a file of a tar, as a bound of memory. */
const MOST_BYTES = 2 ** 29;

/** Reads files of a folder; those that are missing are left out. */
export async function filesOfFolder(
  folder: string,
  names: readonly string[],
): Promise<OriginalFiles> {
  const found = new Map<string, Uint8Array>();
  for (const name of names) {
    const bytes = await ifThere(
      files().readFile(`${folder}/${name}`),
      isNowhere,
    );
    if (bytes) found.set(name, bytes);
  }
  return { place: folder, found };
}

/**
 * Reads files of a tar, which may be compressed; those that are missing are left out.
 *
 * @param folder The folder within it that the files are in.
 */
export async function filesOfArchive(
  path: string,
  folder: string,
  names: readonly string[],
): Promise<OriginalFiles> {
  const wanted = new Map(names.map((name) => [`${folder}/${name}`, name]));
  const found = new Map<string, Uint8Array>();
  const reader = new ChunkReader(decompressed(path));
  try {
    for await (const member of tarMembers(path, reader)) {
      const name = wanted.get(member.name.replace(/^(\.\/)+/, ""));
      if (name === undefined) continue;
      found.set(name, await contentOf(path, member));
    }
    // The checksum of what is compressed is at its end.
    await reader.skip(Number.MAX_SAFE_INTEGER);
  } finally {
    await reader.close();
  }
  return { place: path, found };
}

/** Reads a file of a tar, whole. */
export function contentOf(tar: string, member: TarMember): Promise<Uint8Array> {
  const { name, size } = member;
  if (size <= MOST_BYTES) return member.bytes();
  throw new SyntaxError(
    `${tar}:${name} should have at most ${MOST_BYTES} bytes, got ${size}; download it again`,
  );
}

/** Whether there is a file, or a link to one. */
export async function isFile(path: string): Promise<boolean> {
  return (await ifThere(files().stat(path), isNowhere))?.isFile() ?? false;
}

/** Whether there is a folder, or a link to one. */
export async function isFolder(path: string): Promise<boolean> {
  return (await ifThere(files().stat(path), isNowhere))?.isDirectory() ?? false;
}

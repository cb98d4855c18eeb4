/** The files of a set that someone else has packed, where its folder has them. @module */
import { assertPath } from "@lionjs/base";
import { files, ifThere, isNowhere, pathOf } from "@lionjs/base/files";
import { byCodePoint } from "@lionjs/data/batches";

/** The path of a folder, by default a set's, without a slash at its end. */
export function folderPath(folder: string | URL, name = "folder"): string {
  const path = pathOf(folder, name);
  assertPath(name, path);
  return path.replace(/(.)\/+$/, "$1");
}

/** The names in a folder, sorted by code point; none where there is no such folder. */
export async function namesIn(
  folder: string,
  isWanted: (name: string) => boolean = () => true,
): Promise<string[]> {
  const names = await ifThere(files().readdir(folder), isNowhere) ?? [];
  return names.filter(isWanted).sort(byCodePoint);
}

/**
 * The files of the first of some folders that has any with such names.
 *
 * @returns Their paths, sorted by name; none where no folder has one.
 */
export async function firstFiles(
  folders: readonly string[],
  isWanted: (name: string) => boolean,
): Promise<string[]> {
  for (const folder of folders) {
    const names = await namesIn(folder, isWanted);
    if (names.length > 0) return names.map((name) => `${folder}/${name}`);
  }
  return [];
}

/** A path as one word of a command, in quotes if it has blanks or other signs. */
export function inShell(path: string): string {
  if (/^[\w@%+=:,./-]+$/.test(path)) return path;
  return `'${path.replaceAll("'", "'\\''")}'`;
}

/**
 * The error that says that a folder lacks the files of a set.
 *
 * @param commands What fetches them, a line each.
 */
export function filesMissing(
  folder: string,
  wanted: string,
  commands: readonly string[],
): Error {
  return new Error(
    `${folder} should have ${wanted}, got none; fetch them:\n${
      commands.map((command) => `  ${command}`).join("\n")
    }`,
  );
}

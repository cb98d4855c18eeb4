/** The files of Long Range Arena's release, in its folders. @module */
import {
  filesMissing,
  firstFiles,
  folderPath,
  inShell,
} from "../folder_files.ts";

/**
 * The files of one of the release's folders.
 *
 * @param folder The folder's outermost one itself, such as `pathfinder32`, or one in
 * which it is: `lra_release`, or the one in which the release was unpacked.
 * @param name The folder's path in the release.
 * @throws {Error} If there is none; the message says how to fetch the release.
 */
export async function releaseFiles(
  folder: string | URL,
  name: string,
  wanted: string,
  isWanted: (file: string) => boolean,
): Promise<string[]> {
  const root = folderPath(folder);
  const places = [
    root,
    `${root}/lra_release`,
    `${root}/lra_release/lra_release`,
  ];
  const found = await firstFiles(
    [
      ...places.map((place) => `${place}/${name}`),
      [root, ...name.split("/").slice(1)].join("/"),
    ],
    isWanted,
  );
  if (found.length > 0) return found;
  throw filesMissing(root, `${name}/${wanted}`, [
    `mkdir -p ${inShell(root)}`,
    "# the bucket may refuse; any copy of lra_release.gz will do",
    `curl -L https://storage.googleapis.com/long-range-arena/lra_release.gz | tar -xz -C ${
      inShell(root)
    }`,
  ]);
}

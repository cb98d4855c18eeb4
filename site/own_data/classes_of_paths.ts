/** Which class a file is of, by its folder. @module */

/**
 * The class of each path: the first folder below those that all of them share, so
 * that both a folder of classes can be dropped and the classes themselves.
 *
 * @param paths With slashes between folders.
 * @returns Undefined for those that lie in no folder of a class.
 */
export function classesOfPaths(
  paths: readonly string[],
): (string | undefined)[] {
  const folders = paths.map((path) => path.split("/").slice(0, -1));
  const shared = folders.reduce(
    (shared, folder) => {
      const end = shared.findIndex((name, at) => name !== folder[at]);
      return end < 0 ? shared : shared.slice(0, end);
    },
    folders[0] ?? [],
  );
  return folders.map((folder) => folder[shared.length]);
}

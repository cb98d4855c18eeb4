import { files, isMissing } from "@lionjs/base/files";

/** The content of a folder, in no order. */
export interface FolderContent {
  readonly folders: string[];
  readonly names: string[];
}

/**
 * The names of a folder's folders and files; a link counts as what it leads to, and
 * one that leads nowhere as nothing.
 */
export async function contentOf(path: string): Promise<FolderContent> {
  const { readdir, stat } = files();
  const entries = await readdir(path, { withFileTypes: true })
    .catch((cause) => {
      const found = isMissing(cause) ? "nothing there" : cause.message;
      throw new Error(`${path} should be a folder of images, got ${found}`, {
        cause,
      });
    });
  const folders: string[] = [];
  const names: string[] = [];
  for (const entry of entries) {
    const info = entry.isSymbolicLink()
      ? await stat(`${path}/${entry.name}`).catch(() => undefined)
      : entry;
    if (info?.isDirectory()) folders.push(entry.name);
    if (info?.isFile()) names.push(entry.name);
  }
  return { folders, names };
}

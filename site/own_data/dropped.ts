/// <reference lib="dom" />
/** What a visitor drops or chooses, as files with their paths. @module */
import type { NamedFile } from "./calls.ts";

/** The files that were dropped, those in folders too. */
export async function droppedFiles(
  transfer: DataTransfer,
): Promise<NamedFile[]> {
  // All entries are taken before anything is awaited: the list is empty afterwards.
  const entries = [...transfer.items].flatMap((item) => {
    const entry = item.webkitGetAsEntry();
    return entry ? [entry] : [];
  });
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry: FileSystemEntry): Promise<NamedFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject)
    );
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: NamedFile[] = [];
  // Browsers hand out a hundred at a time.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject)
    );
    if (entries.length === 0) return found;
    found.push(...(await Promise.all(entries.map(filesOf))).flat());
  }
}

/** The files that were chosen. */
export function chosenFiles(input: HTMLInputElement): NamedFile[] {
  return [...input.files ?? []].map((file) => ({
    path: file.webkitRelativePath || file.name,
    file,
  }));
}

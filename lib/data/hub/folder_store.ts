/**
 * A folder of files of the hub, in the layout of Hugging Face's own libraries:
 * the same folder serves Python and this library, also at the same time.
 *
 * Source: huggingface_hub, "Understand caching".
 *
 * @module
 */
import { fileBytes } from "../../data/bytes/file_bytes.ts";
import {
  FileInUse,
  type FileLock,
  files,
  ifThere,
  isNowhere,
  linkOrCopy,
  lockFile,
  openPart,
  writeAtomically,
} from "@lionjs/base/files";
import { digestOf } from "./digest.ts";
import { download, type Part } from "./download.ts";
import { isSet } from "./environment.ts";
import type { Repository } from "./hub_options.ts";
import { pause } from "./request.ts";
import { shared } from "./shared_work.ts";
import type { HubStore, KeptFile } from "./hub_store.ts";
import type { HubFile } from "./tree.ts";

/** Milliseconds between two looks at a lock that another process has. */
const LOCK_PAUSE = 100;

export function folderStore(
  repository: Repository,
  cache: string,
): HubStore {
  const { type, repo } = repository;
  const name = `${type}s--${repo.replace("/", "--")}`;
  const folder = `${cache}/${name}`;
  const snapshot = (commit: string) => `${folder}/snapshots/${commit}`;
  return {
    name: folder,
    readText: (name) => ifThere(files().readFile(`${folder}/${name}`, "utf8")),
    async writeText(name, text) {
      const path = `${folder}/${name}`;
      await files().mkdir(parentOf(path), { recursive: true });
      await writeAtomically(path, [new TextEncoder().encode(text)]);
    },
    async find(commit, path, entry) {
      const found = `${snapshot(commit)}/${path}`;
      const size = await sizeOf(found);
      const isThere = size !== undefined &&
        (entry === undefined || entry.size === size);
      return isThere ? kept(found) : undefined;
    },
    pathsOf: (commit) => pathsIn(snapshot(commit)),
    async keep(commit, file, onBytes) {
      const blob = `${folder}/blobs/${file.digest}`;
      const lock = `${cache}/.locks/${name}/${file.digest}.lock`;
      await inBlobs(repository, commit, file, { blob, lock }, onBytes);
      const path = `${snapshot(commit)}/${file.path}`;
      await files().mkdir(parentOf(path), { recursive: true });
      const up = "../".repeat(file.path.split("/").length + 1);
      await linkOrCopy(
        path,
        blob,
        `${up}blobs/${file.digest}`,
        isSet("HF_HUB_DISABLE_SYMLINKS"),
      );
      return kept(path);
    },
  };
}

function kept(path: string): KeptFile {
  return { location: () => path, access: () => fileBytes(path) };
}

/** Downloads a file to its blob unless it is there, and only once for all callers. */
async function inBlobs(
  repository: Repository,
  commit: string,
  file: HubFile,
  { blob, lock }: { readonly blob: string; readonly lock: string },
  onBytes: (bytes: number) => void,
): Promise<void> {
  const isThere = async () => await sizeOf(blob) === file.size;
  if (await isThere()) return onBytes(file.size);
  const { signal, token = "", endpoint } = repository;
  // Callers share a download only if they use the same token, since another
  // may be refused.
  const work = [blob, endpoint, token].join("\n");
  await shared(work, { signal, onBytes }, async (signal, onBytes) => {
    for (const path of [blob, lock]) {
      await files().mkdir(parentOf(path), { recursive: true });
    }
    const held = await lockWhenFree(lock, signal);
    try {
      if (await isThere()) return onBytes(file.size);
      await downloadTo(
        blob,
        file,
        (part) =>
          download({ ...repository, signal }, commit, file, part, onBytes),
      );
    } finally {
      await held.release();
    }
  });
}

/** Downloads a blob into a part file, which gets the blob's name when it is whole. */
async function downloadTo(
  blob: string,
  file: HubFile,
  fill: (part: Part) => Promise<void>,
): Promise<void> {
  let hash = digestOf(file);
  const part = await openPart(
    `${blob}.incomplete`,
    (bytes) => hash.update(bytes),
  );
  try {
    await fill({
      get size() {
        return part.size;
      },
      async append(bytes) {
        await part.append(bytes);
        hash.update(bytes);
      },
      async restart() {
        await part.restart();
        hash = digestOf(file);
      },
      digest: () => Promise.resolve(hash.digest()),
    });
  } catch (error) {
    await part.close();
    throw error;
  }
  await part.finish(blob);
}

/** Locks a file when no other process has it, however long that takes. */
async function lockWhenFree(
  path: string,
  signal: AbortSignal,
): Promise<FileLock> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await lockFile(path);
    } catch (error) {
      if (!(error instanceof FileInUse)) throw error;
      await pause(LOCK_PAUSE * (1 + Math.random()), signal);
    }
  }
}

/** The size in bytes of a file, or of a link's target; `undefined` if there is none. */
async function sizeOf(path: string): Promise<number | undefined> {
  const info = await ifThere(files().stat(path), isNowhere);
  return info?.isFile() ? info.size : undefined;
}

async function pathsIn(folder: string, before = ""): Promise<string[]> {
  const found: string[] = [];
  const names = await ifThere(files().readdir(folder)) ?? [];
  for (const name of names.sort()) {
    const path = `${folder}/${name}`;
    if (await sizeOf(path) !== undefined) found.push(`${before}${name}`);
    else if ((await files().lstat(path)).isDirectory()) {
      found.push(...await pathsIn(path, `${before}${name}/`));
    }
  }
  return found;
}

function parentOf(path: string): string {
  return path.replace(/\/[^/]*$/, "");
}

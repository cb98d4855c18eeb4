/** Files that arrive in parts, and appear under their name when they are whole. @module */
import { messageOf } from "./shown.ts";
import { files, isMissing, openPlain } from "./file_system.ts";
import { writeAll, writeAtomically } from "./atomic_write.ts";

/** A file that has not arrived whole; what is there is kept when it is closed. */
export interface PartFile {
  readonly size: number;
  /** Adds bytes at the end. */
  append(bytes: Uint8Array): Promise<void>;
  /** Removes all bytes. */
  restart(): Promise<void>;
  /** Flushes the file to disk, and gives it its name, which may be taken. */
  finish(target: string): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** Bytes that are read at once. */
const CHUNK = 2 ** 20;

/**
 * Opens a part, or makes one. One process at a time may have it open.
 *
 * @param onBytes Is called with the bytes that are there, in order.
 */
export async function openPart(
  path: string,
  onBytes: (bytes: Uint8Array) => void,
): Promise<PartFile> {
  let size = 0;
  try {
    for await (const bytes of contentOf(path)) {
      onBytes(bytes);
      size += bytes.length;
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const named = (work: Promise<void>) =>
    work.catch((cause) => {
      throw new Error(`${path} cannot be written: ${messageOf(cause)}`, {
        cause,
      });
    });
  const file = await openPlain(path, "append");
  return {
    get size() {
      return size;
    },
    async append(bytes) {
      await named(writeAll(file, bytes));
      size += bytes.length;
    },
    async restart() {
      await named(file.truncate(0));
      size = 0;
    },
    async finish(target) {
      await named(file.sync()).finally(() => file.close());
      await files().rename(path, target);
    },
    close: () => file.close(),
  };
}

async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await openPlain(path, "read");
  try {
    const buffer = new Uint8Array(CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/**
 * Makes a link, and where there are none a copy, in place of what is there.
 *
 * @param target The file, absolute.
 * @param relative The file, as seen from the link's folder.
 */
export async function linkOrCopy(
  path: string,
  target: string,
  relative: string,
  asCopy: boolean,
): Promise<void> {
  const { symlink, rename, rm } = files();
  if (!asCopy) {
    const beside = `${path}.${crypto.randomUUID()}.tmp`;
    try {
      await symlink(relative, beside);
      return await rename(beside, path);
    } catch {
      // Windows makes links for administrators only, some disks for nobody.
      await rm(beside, { force: true }).catch(() => {});
    }
  }
  await writeAtomically(path, contentOf(target));
}

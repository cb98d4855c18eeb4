import type { FileHandle } from "node:fs/promises";
import { messageOf } from "./shown.ts";
import { files, MOST_AT_ONCE } from "./file_system.ts";

/**
 * Writes a file completely or not at all: first to a temporary file next to it,
 * flushed to disk, which is then renamed.
 *
 * @throws {Error} If a chunk or the file cannot be written; `cause` says why.
 * An existing file is then unchanged.
 */
export async function writeAtomically(
  target: string | URL,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const beside = `${target}.${crypto.randomUUID()}.tmp`;
  const temporary = target instanceof URL ? new URL(beside) : beside;
  const { open, rename, rm } = files();
  try {
    const file = await open(temporary, "wx");
    try {
      for await (const chunk of chunks) await writeAll(file, chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (cause) {
    // The temporary file may not have been created.
    await rm(temporary, { force: true }).catch(() => {});
    throw new Error(`${target} cannot be written: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Writes all bytes at a file's position. */
export async function writeAll(
  file: FileHandle,
  bytes: Uint8Array,
): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const length = Math.min(bytes.length - written, MOST_AT_ONCE);
    written += (await file.write(bytes, written, length)).bytesWritten;
  }
}

/** Sources of bytes that are read once, in order. @module */
import type { FileHandle } from "node:fs/promises";
import { files, isMissing, MOST_AT_ONCE } from "./file_system.ts";

export interface Source {
  readonly name: string;
  readonly size: number;
  /** Reads the next `length` bytes into a new buffer. */
  read(length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Makes a source that reads from memory. */
export function bytesSource(bytes: Uint8Array): Source {
  let position = 0;
  return {
    name: "the given bytes",
    size: bytes.length,
    read(length) {
      const begin = position;
      position += length;
      return Promise.resolve(new Uint8Array(bytes.subarray(begin, position)));
    },
  };
}

/** Makes a source that reads from a file. */
export async function fileSource(
  file: FileHandle,
  name: string,
): Promise<Source> {
  return {
    name,
    size: await fileSize(file, name),
    read: (length) => readFully(file, name, length, null),
  };
}

/** The number of bytes of a file. */
export async function fileSize(
  file: FileHandle,
  name: string,
): Promise<number> {
  const stat = await file.stat();
  if (stat.isFile()) return stat.size;
  throw new TypeError(`${name} should be a file, got a folder or a device`);
}

/**
 * Reads a number of bytes from a file.
 *
 * @param start Where they begin; `null` is where the last read has ended.
 */
export async function readFully(
  file: FileHandle,
  name: string,
  length: number,
  start: number | null,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await file.read(
      bytes,
      filled,
      Math.min(length - filled, MOST_AT_ONCE),
      start === null ? null : start + filled,
    );
    if (bytesRead === 0) {
      throw new RangeError(`${name} has become shorter while it was read`);
    }
    filled += bytesRead;
  }
  return bytes;
}

/** Runs with a file that is open for reading as long as it runs. */
export async function withFile<T>(
  path: string | URL,
  run: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await files().open(path).catch((cause) => {
    throw isMissing(cause) ? missingFile(path, cause) : cause;
  });
  try {
    return await run(file);
  } finally {
    await file.close();
  }
}

/** The error of a file that is not there, with the system's code. */
function missingFile(path: string | URL, cause: unknown): Error {
  const message = `${path} should be a file, got nothing there${
    /^(\/|file:|[a-z]:|\\)/i.test(String(path))
      ? ""
      : "; the path starts from the folder in which the program was started"
  }`;
  return Object.assign(new Error(message, { cause }), { code: "ENOENT" });
}

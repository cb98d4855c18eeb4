/** Sources of bytes that are read once, in order. @module */
import type { FileHandle } from "node:fs/promises";

/** A source of bytes. */
export interface Source {
  /** The name of the source in errors. */
  readonly name: string;
  /** Number of bytes in the source. */
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

/**
 * Makes a source that reads from a file.
 *
 * @throws {TypeError} If it is a folder or a device.
 */
export async function fileSource(
  file: FileHandle,
  name: string,
): Promise<Source> {
  const stat = await file.stat();
  if (!stat.isFile()) {
    throw new TypeError(`${name} should be a file, got a folder or a device`);
  }
  return {
    name,
    size: stat.size,
    async read(length) {
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const { bytesRead } = await file.read(
          bytes,
          filled,
          length - filled,
          null,
        );
        if (bytesRead === 0) {
          throw new RangeError(`${name} has become shorter while it was read`);
        }
        filled += bytesRead;
      }
      return bytes;
    },
  };
}

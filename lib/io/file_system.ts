/**
 * File access in Deno and in Node. A browser has none, and its bundlers see no
 * import that they cannot follow.
 *
 * @module
 */
import { nodeModule } from "../contract/node_module.ts";

function required<M>(found: M | undefined): M {
  if (found !== undefined) return found;
  throw new Error(
    `files can be read in Deno, and in Node from 20.16 on, not here; in a browser, fetch their bytes and pass those`,
  );
}

/** The functions that read and write files. */
export function files(): typeof import("node:fs/promises") {
  return required(nodeModule("node:fs/promises"));
}

function newHash() {
  return required(nodeModule("node:crypto")).createHash("sha256");
}

/** Whether an error says that a file or folder does not exist. */
export function isMissing(error: unknown): boolean {
  return Object(error).code === "ENOENT";
}

/** The SHA-256 of concatenated parts, in hexadecimal digits. */
export function sha256Of(...parts: readonly Uint8Array[]): string {
  const hash = newHash();
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** The SHA-256 of a file, in hexadecimal digits; the file is read in parts. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = newHash();
  const file = await files().open(path);
  try {
    const buffer = new Uint8Array(2 ** 20);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

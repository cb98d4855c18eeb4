/**
 * File access in Deno and in Node. A browser has none, and its bundlers see no
 * import that they cannot follow.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
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

/** The path of a file, which a URL may name. */
export function pathOf(file: string | URL): string {
  return typeof file === "string"
    ? file
    : required(nodeModule("node:url")).fileURLToPath(file);
}

/** Whether an error says that a file or folder does not exist. */
export function isMissing(error: unknown): boolean {
  return Object(error).code === "ENOENT";
}

/**
 * Opens a file, but nothing else and through no link: where others may write to
 * the folder, a link in its place would lead to a file of theirs or of ours.
 *
 * @param path The file.
 * @param access To append to it, it is made if it does not exist.
 * @throws {Error} If it is something else.
 */
export async function openPlain(
  path: string,
  access: "read" | "append",
): Promise<FileHandle> {
  const { constants, lstat, open } = files();
  const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT } = constants;
  // Windows has neither; links are made there by who may do everything.
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const flags = access === "read" ? O_RDONLY : O_WRONLY | O_APPEND | O_CREAT;
  const asLink = (cause?: unknown) =>
    new Error(`${path} should be a file, got a link; remove it`, { cause });
  if (!O_NOFOLLOW) {
    const info = await lstat(path).catch(() => undefined);
    if (info?.isSymbolicLink()) throw asLink();
  }
  // A pipe would wait for who writes to it.
  const file = await open(path, flags | O_NOFOLLOW | O_NONBLOCK)
    .catch((error) => {
      throw Object(error).code === "ELOOP" ? asLink(error) : error;
    });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error(`${path} should be a file, got something else; remove it`);
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

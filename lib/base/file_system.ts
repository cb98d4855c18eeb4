/**
 * File access in Deno and in Node. Browsers have none, so there is no import
 * here that their bundlers could not resolve.
 *
 * @module
 */
import { assertPath } from "./values.ts";
import type { FileHandle } from "node:fs/promises";
import { nodeModule } from "./node_module.ts";
import { shown } from "./shown.ts";

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

/** The most bytes to read, write or hash at once: hosts fail at 2^31. */
export const MOST_AT_ONCE = 2 ** 30;

function newHash() {
  return required(nodeModule("node:crypto")).createHash("sha256");
}

export function pathOf(file: string | URL, name = "path"): string {
  if (typeof file === "string") {
    assertPath(name, file);
    return file;
  }
  if (file instanceof URL) {
    return required(nodeModule("node:url")).fileURLToPath(file);
  }
  throw new TypeError(
    `${name} should be a path or a file: URL, got ${shown(file)}`,
  );
}

/** Whether an error says that a file or folder does not exist. */
export function isMissing(error: unknown): boolean {
  return Object(error).code === "ENOENT";
}

/** Like {@linkcode isMissing}, and also if a file stands where a folder is looked for. */
export function isNowhere(error: unknown): boolean {
  return isMissing(error) || Object(error).code === "ENOTDIR";
}

/**
 * What is made of a file or a folder; `undefined` where there is none.
 *
 * @param isAbsent Whether an error says so. By default, a file in the place of a
 * folder is an error: nothing could be written there either.
 * @throws {unknown} If it is there and cannot be read.
 */
export async function ifThere<T>(
  made: Promise<T>,
  isAbsent: (error: unknown) => boolean = isMissing,
): Promise<T | undefined> {
  try {
    return await made;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/**
 * Opens a file, but nothing else and through no link: where others may write to
 * the folder, a link in the file's place could lead to any file of theirs or ours.
 *
 * @param access With `"append"`, the file is created if it does not exist.
 */
export async function openPlain(
  path: string,
  access: "read" | "append",
): Promise<FileHandle> {
  const { constants, lstat, open } = files();
  const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT } = constants;
  // Windows has neither flag; there, only administrators can make links.
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const flags = access === "read" ? O_RDONLY : O_WRONLY | O_APPEND | O_CREAT;
  const asLink = (cause?: unknown) =>
    new Error(`${path} should be a file, got a link; remove it`, { cause });
  if (!O_NOFOLLOW) {
    const info = await lstat(path).catch(() => undefined);
    if (info?.isSymbolicLink()) throw asLink();
  }
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
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
  for (const part of parts) {
    for (let at = 0; at < part.length; at += MOST_AT_ONCE) {
      hash.update(part.subarray(at, at + MOST_AT_ONCE));
    }
  }
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

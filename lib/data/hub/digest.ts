/** Digests of files, as the hub names them. @module */
import { nodeModule } from "@lionjs/base/files";
import type { HubFile } from "./tree.ts";

/** A running digest of bytes. */
export interface Digest {
  update(bytes: Uint8Array): void;
  /** The digest of all bytes, in hexadecimal digits. */
  digest(): string;
}

/** The header that Git hashes before a blob's content; `size` is in bytes. */
function blobHeader(size: number): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`blob ${size}\0`);
}

/** Whether a file's digest is Git's SHA-1 of a blob, rather than SHA-256. */
function isGits({ digest }: HubFile): boolean {
  return digest.length === 40;
}

/** Starts the digest of a file, in Deno and Node. */
export function digestOf(file: HubFile): Digest {
  const { createHash } = nodeModule("node:crypto")!;
  const hash = createHash(isGits(file) ? "sha1" : "sha256");
  if (isGits(file)) hash.update(blobHeader(file.size));
  return {
    update: (bytes) => hash.update(bytes),
    digest: () => hash.copy().digest("hex"),
  };
}

/**
 * The digest of a file in parts, for a page, whose hash functions need all
 * bytes at once.
 */
export async function digestOfParts(
  file: HubFile,
  parts: readonly Uint8Array<ArrayBuffer>[],
): Promise<string> {
  const all = new Blob(
    isGits(file) ? [blobHeader(file.size), ...parts] : [
      ...parts,
    ],
  );
  const bytes = await crypto.subtle.digest(
    isGits(file) ? "SHA-1" : "SHA-256",
    await all.arrayBuffer(),
  );
  return Array.from(
    new Uint8Array(bytes),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}

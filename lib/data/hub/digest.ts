/** Digests of files, as the hub names them. @module */
import { nodeModule } from "../../base/node_module.ts";
import type { HubFile } from "./tree.ts";

/** A digest of bytes that come one after another. */
export interface Digest {
  update(bytes: Uint8Array): void;
  /** The digest of all bytes, in hexadecimal digits. */
  digest(): string;
}

/** What Git puts before a blob of this many bytes. */
function blobHeader(size: number): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`blob ${size}\0`);
}

/** Whether a file's digest is Git's SHA-1; else it is SHA-256. */
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

/** The digest of a file of these parts, in a page, which can only take all at once. */
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

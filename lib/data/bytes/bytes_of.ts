/** Sources of bytes: files, addresses, and random access. @module */
import { fileBytes } from "./file_bytes.ts";
import { checkedAccess, type RandomAccess } from "./random_access.ts";
import { urlBytes } from "./url_bytes.ts";
import { shown } from "@lionjs/base";

/**
 * A source of bytes: the path of a file, a URL (`file:`, `https:` or `http:`),
 * or random access.
 */
export type ByteSource = string | URL | RandomAccess;

/** The name of a source in errors. */
export function nameOf(source: ByteSource): string {
  if (typeof source === "string") {
    if (source !== "") return source;
    throw new RangeError(
      'a source of bytes should be a path, a URL, or a RandomAccess such as memoryBytes() makes, got ""',
    );
  }
  if (source instanceof URL) return source.href;
  const { name, size, read } = Object(source);
  if (
    typeof name === "string" && Number.isSafeInteger(size) && size >= 0 &&
    typeof read === "function"
  ) return name;
  throw new TypeError(
    `a source of bytes should be a path, a URL, or a RandomAccess such as memoryBytes() makes, got ${
      shown(source)
    }`,
  );
}

/** The address of a source that is to be fetched. */
export function addressOf(source: ByteSource): string | undefined {
  const name = source instanceof URL || typeof source === "string"
    ? String(source)
    : "";
  return /^https?:\/\//i.test(name) ? name : undefined;
}

export async function bytesOf(source: ByteSource): Promise<RandomAccess> {
  nameOf(source);
  const address = addressOf(source);
  if (address !== undefined) return await urlBytes(address);
  if (typeof source !== "string" && !(source instanceof URL)) {
    return checkedAccess(source);
  }
  return await fileBytes(
    typeof source === "string" && /^file:\/\//i.test(source)
      ? new URL(source)
      : source,
  );
}

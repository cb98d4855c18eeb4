import { assertText, shown } from "@lionjs/base";
import { accessTo, type RandomAccess } from "./random_access.ts";

/**
 * Gives random access to a `Blob`, such as a file dropped on a page. Only the
 * parts read are in memory.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { blobBytes } from "@lionjs/lion/data";
 *
 * const bytes = blobBytes(new File(["abc"], "letters.txt"));
 * assertEquals([bytes.name, bytes.size], ["letters.txt", 3]);
 * assertEquals(new TextDecoder().decode(await bytes.read(1, 2)), "bc");
 * ```
 *
 * @param blob The blob or file.
 * @param name Its name in errors. @default the file's name, or "the given blob"
 * @returns Random access to the bytes.
 * @throws {TypeError} If `blob` is not a Blob, or `name` no string.
 */
export function blobBytes(blob: Blob, name?: string): RandomAccess {
  if (!(blob instanceof Blob)) {
    throw new TypeError(`blob should be a Blob or a File, got ${shown(blob)}`);
  }
  const own = blob instanceof File ? blob.name : "the given blob";
  if (name !== undefined) assertText("name", name);
  return accessTo(name ?? own, blob.size, async (start, length) => {
    const part = blob.slice(start, start + length);
    return new Uint8Array(await part.arrayBuffer());
  });
}

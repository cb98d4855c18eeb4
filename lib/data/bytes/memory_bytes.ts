import { assertText, shown } from "@lionjs/base";
import { accessTo, type RandomAccess } from "./random_access.ts";

/**
 * Gives random access to bytes in memory.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { memoryBytes } from "@lionjs/lion/data";
 *
 * const bytes = memoryBytes(Uint8Array.of(1, 2, 3), "three bytes");
 * assertEquals(bytes.size, 3);
 * assertEquals(await bytes.read(1, 2), Uint8Array.of(2, 3));
 * ```
 *
 * @param bytes The bytes, which are not copied.
 * @param name Their name in errors. @default "the given bytes"
 * @returns Random access to the bytes.
 * @throws {TypeError} If `bytes` is not a Uint8Array, or `name` no string.
 */
export function memoryBytes(
  bytes: Uint8Array,
  name = "the given bytes",
): RandomAccess {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`bytes should be a Uint8Array, got ${shown(bytes)}`);
  }
  assertText("name", name);
  return accessTo(name, bytes.length, (start, length) => {
    const part = bytes.subarray(start, start + length);
    return Promise.resolve(new Uint8Array(part));
  });
}

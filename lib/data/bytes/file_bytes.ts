import { fileSize, pathOf, readFully, withFile } from "@lionjs/base/files";
import { accessTo, type RandomAccess } from "./random_access.ts";

/**
 * Gives random access to a file. The file is opened for each read and closed
 * after it, so any number of files can be used.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fileBytes } from "@lionjs/lion/data";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeFile(path, Uint8Array.of(1, 2, 3));
 * const bytes = await fileBytes(path);
 * assertEquals(await bytes.read(1, 2), Uint8Array.of(2, 3));
 * ```
 *
 * @param path The path of the file, or its `file:` URL.
 * @returns Random access to the bytes.
 * @throws {TypeError} If the path is that of a folder or a device.
 * @throws {Error} If there is no such file.
 */
export async function fileBytes(path: string | URL): Promise<RandomAccess> {
  const name = pathOf(path);
  const size = await withFile(name, (file) => fileSize(file, name));
  return accessTo(
    name,
    size,
    (start, length) =>
      withFile(name, (file) => readFully(file, name, length, start)),
  );
}

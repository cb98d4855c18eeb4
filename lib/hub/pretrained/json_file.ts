/** Files of JSON in a model's directory. @module */
import { files as fileSystem, ifThere } from "@lionjs/base/files";
import type { ModelFiles } from "./model_files.ts";

/**
 * Reads a file that is an object.
 *
 * @returns Its value; `undefined` if there is no such file.
 */
export async function readObject(
  files: Pick<ModelFiles, "name" | "bytes">,
  path: string,
): Promise<Record<string, unknown> | undefined> {
  const bytes = await files.bytes(path);
  if (!bytes) return undefined;
  // TextDecoder removes the byte order mark that some editors write.
  const text = new TextDecoder().decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(
      `${path} of ${files.name} should be JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new TypeError(
    `${path} of ${files.name} should be an object, got ${text.slice(0, 80)}`,
  );
}

/** Reads a file of a folder that is an object, as {@linkcode readObject} does. */
export async function readObjectIn(
  folder: string,
  path: string,
): Promise<Record<string, unknown> | undefined> {
  const bytes = (name: string) =>
    ifThere(fileSystem().readFile(`${folder}/${name}`));
  return await readObject({ name: folder, bytes }, path);
}

import { files } from "../../io/file_system.ts";

/**
 * Reads the lines of a UTF-8 text file that are not blank.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { textLines } from "@lionjs/lion/data";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeTextFile(path, "one\n\ntwo\n");
 * assertEquals(await textLines(path), ["one", "two"]);
 * ```
 *
 * @param path The path of the file.
 * @returns The lines.
 * @throws {SyntaxError} If the file is not UTF-8.
 * @throws {RangeError} If it has no line that is not blank.
 */
export async function textLines(path: string | URL): Promise<string[]> {
  return (await numberedLines(path)).map(([, line]) => line);
}

/**
 * Reads a file in JSON Lines format: one value in each line that is not blank.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { jsonLines } from "@lionjs/lion/data";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeTextFile(path, '{"text": "one"}\n{"text": "two"}\n');
 * const documents = await jsonLines(path) as { text: string }[];
 * assertEquals(documents[1]!.text, "two");
 * ```
 *
 * @param path The path of the file, which is in UTF-8.
 * @returns The values.
 * @throws {SyntaxError} If a line is not JSON, or the file is not UTF-8; the
 * message names file and line.
 * @throws {RangeError} If it has no line that is not blank.
 */
export async function jsonLines(path: string | URL): Promise<unknown[]> {
  return (await numberedLines(path)).map(([number, line]) => {
    try {
      return JSON.parse(line);
    } catch (cause) {
      throw new SyntaxError(
        `${path}:${number} should be JSON: ${(cause as Error).message}`,
        { cause },
      );
    }
  });
}

async function numberedLines(
  path: string | URL,
): Promise<[number: number, line: string][]> {
  const bytes = await files().readFile(path);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(`${path} should be text in UTF-8; convert it first`, {
      cause,
    });
  }
  const lines = text.split(/\r?\n/)
    .map((line, i): [number, string] => [i + 1, line])
    .filter(([, line]) => line.trim() !== "");
  if (lines.length > 0) return lines;
  throw new RangeError(
    `${path} should have at least one line that is not blank, got none`,
  );
}

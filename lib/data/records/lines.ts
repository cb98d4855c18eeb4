import { type ByteSource, nameOf } from "../bytes/bytes_of.ts";
import { decompressed } from "../bytes/decompressed.ts";
import { byteLines } from "./byte_lines.ts";
import { LineParser } from "./line_parser.ts";

/**
 * Reads the lines of a UTF-8 text that are not blank. The text may be
 * compressed by gzip or zstd.
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
 * @param path The path of the file, its address, or its bytes.
 * @returns The lines.
 * @throws {SyntaxError} If a line is not UTF-8, or the file is cut or damaged;
 * the message names the file.
 * @throws {RangeError} If it has no line that is not blank.
 */
export function textLines(path: ByteSource): Promise<string[]> {
  return linesOf<string>(path, "text");
}

/**
 * Reads a file in JSON Lines format: one value in each line that is not blank.
 * The file may be compressed by gzip or zstd.
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
 * @param path The path of the file, its address, or its bytes; it is in UTF-8.
 * @returns The values.
 * @throws {SyntaxError} If a line is not JSON, or not UTF-8, or the file is cut
 * or damaged; the message names file and line.
 * @throws {RangeError} If it has no line that is not blank.
 */
export function jsonLines(path: ByteSource): Promise<unknown[]> {
  return linesOf<unknown>(path, "json");
}

async function linesOf<T>(
  source: ByteSource,
  parse: "text" | "json",
): Promise<T[]> {
  const name = nameOf(source);
  const parser = new LineParser<T>(name, parse);
  const lines: T[] = [];
  for await (const line of byteLines(name, decompressed(source))) {
    lines.push(parser.parse(line));
  }
  if (lines.length > 0) return lines;
  throw new RangeError(
    `${name} should have at least one line that is not blank, got none`,
  );
}

/** Lines of a text or of JSON as a dataset. @module */
import { assertOptions, optionsOf } from "@lionjs/base";
import { type ByteSource, nameOf } from "../bytes/bytes_of.ts";
import { decompressed } from "../bytes/decompressed.ts";
import {
  BadRecordCount,
  type BadRecords,
  type SkipBad,
} from "./bad_records.ts";
import { byteLines } from "./byte_lines.ts";
import { LineParser } from "./line_parser.ts";

/**
 * Reads the lines of a UTF-8 text that are not blank. The file may be
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
 * @param path The path, URL or bytes of the file.
 * @returns The lines.
 * @throws {SyntaxError} If a line is not UTF-8, or the file is truncated or
 * damaged; the message names the file.
 * @throws {RangeError} If it has no line that is not blank.
 */
export function textLines(path: ByteSource): Promise<string[]> {
  return linesOf<string>(path, "text", new BadRecordCount("textLines", "fail"));
}

/** Options of {@linkcode jsonLines}. */
export interface JsonLinesOptions {
  /**
   * How a bad line, or the rest of a truncated or damaged file, is handled: by
   * an error that names it, or by skipping and counting it.
   * @default "fail"
   */
  onBad?: "fail" | SkipBad | undefined;
}

const OPTIONS = optionsOf<JsonLinesOptions>()("onBad");

/** The values of a file in JSON Lines format, and the bad lines. */
export interface JsonLines extends Array<unknown> {
  /** The lines that were skipped. */
  readonly bad: BadRecords;
}

/**
 * Reads a file in JSON Lines format: one value per line that is not blank. The
 * file may be compressed by gzip or zstd.
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
 * @example Bad lines are skipped and counted
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { jsonLines, memoryBytes } from "@lionjs/lion/data";
 *
 * const file = memoryBytes(new TextEncoder().encode('1\n{"a":\n3\n'), "a.jsonl");
 * const values = await jsonLines(file, { onBad: { skip: true } });
 * assertEquals([...values], [1, 3]);
 * assertEquals(values.bad.records.map(({ name }) => name), ["a.jsonl:2"]);
 * ```
 *
 * @param path The path, URL or bytes of the file, in UTF-8.
 * @param options See {@linkcode JsonLinesOptions}.
 * @returns The values.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {SyntaxError} If a line is not JSON, or not UTF-8, or the file is
 * truncated or damaged; the message names file and line.
 * @throws {RangeError} If all lines are blank, or none is good; or if a line has an
 * integer beyond 2^53 or a number beyond float64, which would be read as another one.
 * @throws {Error} If more lines are bad than `onBad` allows.
 */
export async function jsonLines(
  path: ByteSource,
  options: JsonLinesOptions = {},
): Promise<JsonLines> {
  assertOptions("jsonLines", options, OPTIONS);
  const { onBad = "fail" } = options;
  const bad = new BadRecordCount("jsonLines", onBad);
  const lines = await linesOf<unknown>(path, "json", bad);
  // `bad` is not enumerable, so that the values compare and print as a plain array.
  return Object.defineProperty(lines, "bad", { value: bad }) as JsonLines;
}

async function linesOf<T>(
  source: ByteSource,
  parse: "text" | "json",
  bad: BadRecordCount,
): Promise<T[]> {
  const name = nameOf(source);
  const parser = new LineParser<T>(name, parse);
  const lines: T[] = [];
  const failed = (where: string, error: unknown) =>
    bad.addFailure(where, error, lines.length + bad.count + 1);
  try {
    for await (const line of byteLines(name, decompressed(source))) {
      let parsed: T;
      try {
        parsed = parser.parse(line);
      } catch (error) {
        failed(`${name}:${line.number}`, error);
        continue;
      }
      lines.push(parsed);
    }
  } catch (error) {
    failed(name, error);
  }
  if (lines.length > 0) return lines;
  const [first] = bad.records;
  throw new RangeError(
    `${name} should have at least one line that is not blank, got ${
      first ? `${bad.count} bad: ${first.reason}` : "none"
    }`,
  );
}

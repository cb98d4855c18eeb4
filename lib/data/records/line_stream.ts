import { assertOneOf } from "../../contract/values.ts";
import { assertOptions, optionsOf } from "../../contract/options.ts";
import type { ByteSource } from "../bytes/bytes_of.ts";
import { BadRecordCount, type SkipBad } from "./bad_records.ts";
import { LineParser } from "./line_parser.ts";
import { type LineStream, parsedLines } from "./parsed_lines.ts";

/** Options of {@linkcode lineStream}. */
export interface LineStreamOptions {
  /** What a line is: text as it is, or a value of JSON. */
  parse: "text" | "json";
  /**
   * What to do about a bad line, or the rest of a file that is cut or damaged:
   * fail by its name, or pass it over and count it. In the place of a bad line
   * is the next good one of its file.
   * @default "fail"
   */
  onBad?: "fail" | SkipBad | undefined;
}

const OPTIONS = optionsOf<LineStreamOptions>()("parse onBad");

/**
 * Makes a stream of the lines of texts in UTF-8 that are not blank, each file a
 * shard. The files may be compressed by gzip or zstd; they are decompressed
 * while they are read, so that memory holds a part of a file only.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lineStream, memoryBytes } from "@lionjs/lion/data";
 *
 * const bytes = (text: string) => new TextEncoder().encode(text);
 * const stream = lineStream<{ text: string }>(
 *   [
 *     memoryBytes(bytes('{"text": "one"}\n{"text": "two"}\n'), "a.jsonl"),
 *     memoryBytes(bytes('{"text": "three"}\n'), "b.jsonl"),
 *   ],
 *   { parse: "json" },
 * );
 * assertEquals(stream.shards.map(({ name }) => name), ["a.jsonl", "b.jsonl"]);
 * assertEquals(await Array.fromAsync(stream.open(0, 1)), [{ text: "two" }]);
 * ```
 *
 * @param files Paths, addresses or bytes. Paths and addresses may have braces:
 * `c4-train.{00000..01023}-of-01024.json.gz`.
 * @param options See {@linkcode LineStreamOptions}.
 * @returns The stream. A line that is not UTF-8 or not JSON is a SyntaxError
 * with file and line, a cut or damaged file one with the file.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If there is no file, or an option has an invalid value.
 */
export function lineStream(
  files: ByteSource | readonly ByteSource[],
  options: LineStreamOptions & { parse: "text" },
): LineStream<string>;
/**
 * Makes a stream of the values of JSON Lines, or of the lines of texts.
 *
 * @param files Paths, addresses or bytes.
 * @param options See {@linkcode LineStreamOptions}.
 * @returns The stream.
 */
export function lineStream<E = unknown>(
  files: ByteSource | readonly ByteSource[],
  options: LineStreamOptions,
): LineStream<E>;
export function lineStream<E>(
  files: ByteSource | readonly ByteSource[],
  options: LineStreamOptions,
): LineStream<E> {
  assertOptions("lineStream", options, OPTIONS);
  const { parse, onBad = "fail" } = options;
  assertOneOf("parse", parse, ["text", "json"]);
  return parsedLines(
    files,
    (name) => new LineParser<E>(name, parse),
    new BadRecordCount("lineStream", onBad),
  );
}

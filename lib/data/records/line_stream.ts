/** Lines of files that are read in order, shard by shard. @module */
import { assertOneOf, assertOptions, optionsOf } from "@lionjs/base";
import type { ByteSource } from "../bytes/bytes_of.ts";
import { BadRecordCount, type SkipBad } from "./bad_records.ts";
import { LineParser } from "./line_parser.ts";
import { type LineStream, parsedLines } from "./parsed_lines.ts";

/** Options of {@linkcode lineStream}. */
export interface LineStreamOptions {
  /** The content of a line: plain text, or a JSON value. */
  parse: "text" | "json";
  /**
   * How a bad line, or the rest of a truncated or damaged file, is handled: by
   * an error that names it, or by skipping and counting it. The next good line
   * of the file takes a bad line's place.
   * @default "fail"
   */
  onBad?: "fail" | SkipBad | undefined;
}

const OPTIONS = optionsOf<LineStreamOptions>()("parse onBad");

/**
 * Makes a stream of the lines of UTF-8 texts that are not blank, with one shard
 * per file. The files may be compressed by gzip or zstd; they are decompressed
 * while read, so only a part of a file is in memory.
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
 * @param files Paths, URLs or bytes. Paths and URLs may have braces:
 * `c4-train.{00000..01023}-of-01024.json.gz`.
 * @param options See {@linkcode LineStreamOptions}.
 * @returns The stream. A line that is not UTF-8 or not JSON throws a
 * SyntaxError with file and line, one with a number that would become another (an
 * integer beyond 2^53, or beyond float64) a RangeError, and a truncated or
 * damaged file a SyntaxError with the file.
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
 * @param files Paths, URLs or bytes.
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

import { assertOptions, type OptionNames } from "../../contract/options.ts";
import { type ByteSource, nameOf } from "../bytes/bytes_of.ts";
import { decompressed } from "../bytes/decompressed.ts";
import { byteLines } from "./byte_lines.ts";
import { LineParser } from "./line_parser.ts";
import {
  assertShard,
  type ShardedStream,
  sourcesOf,
} from "./sharded_stream.ts";

/** Options of {@linkcode lineStream}. */
export interface LineStreamOptions {
  /** What a line is: text as it is, or a value of JSON. */
  parse: "text" | "json";
}

const OPTIONS: OptionNames<LineStreamOptions> = { parse: true };

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
  options: { parse: "text" },
): ShardedStream<string>;
export function lineStream<E = unknown>(
  files: ByteSource | readonly ByteSource[],
  options: LineStreamOptions,
): ShardedStream<E>;
export function lineStream<E>(
  files: ByteSource | readonly ByteSource[],
  options: LineStreamOptions,
): ShardedStream<E> {
  assertOptions("lineStream", options, OPTIONS);
  const { parse } = options;
  if (parse !== "text" && parse !== "json") {
    throw new RangeError(
      `parse should be "text" or "json", got ${JSON.stringify(parse)}`,
    );
  }
  const sources = sourcesOf(files);
  const shards = sources.map((source) => ({ name: nameOf(source) }));
  const linesOf = (shard: number) =>
    byteLines(shards[shard]!.name, decompressed(sources[shard]!));
  return {
    shards,
    async *open(shard, from = 0) {
      assertShard(shards, shard, from);
      const parser = new LineParser<E>(shards[shard]!.name, parse);
      let place = 0;
      for await (const line of linesOf(shard)) {
        if (place++ >= from) yield parser.parse(line);
      }
    },
    async count(shard) {
      assertShard(shards, shard, 0);
      let count = 0;
      for await (const _ of linesOf(shard)) count++;
      return count;
    },
  };
}

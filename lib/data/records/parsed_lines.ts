/** Streams of parsed lines, for any parser of lines. @module */
import { type ByteSource, nameOf } from "../bytes/bytes_of.ts";
import { decompressed } from "../bytes/decompressed.ts";
import type { BadRecordCount, BadRecords } from "./bad_records.ts";
import { type ByteLine, byteLines } from "./byte_lines.ts";
import {
  assertShard,
  type ShardedStream,
  sourcesOf,
} from "./sharded_stream.ts";

/** A stream of lines, and the bad lines. */
export interface LineStream<E> extends ShardedStream<E> {
  /** The lines skipped so far. */
  readonly bad: BadRecords;
  /** Counts the lines of a shard that are not blank, without parsing them. */
  count(shard: number): Promise<number>;
}

/**
 * Makes a stream of the parsed lines of texts in UTF-8, each file a shard.
 *
 * @param bad Counts the lines that it throws a SyntaxError or RangeError for.
 */
export function parsedLines<E>(
  files: ByteSource | readonly ByteSource[],
  parserOf: (name: string) => { parse(line: ByteLine): E },
  bad: BadRecordCount,
): LineStream<E> {
  const sources = sourcesOf(files);
  const shards = sources.map((source) => ({ name: nameOf(source) }));
  let read = 0;
  /** The lines of a shard, up to where it is cut. */
  const linesOf = async function* (shard: number): AsyncGenerator<ByteLine> {
    const { name } = shards[shard]!;
    try {
      yield* byteLines(name, decompressed(sources[shard]!));
    } catch (error) {
      bad.addFailure(name, error, read);
    }
  };
  return {
    shards,
    bad,
    async *open(shard, from = 0) {
      assertShard(shards, shard, from);
      const { name } = shards[shard]!;
      const parser = parserOf(name);
      let place = 0, missing = 0;
      for await (const line of linesOf(shard)) {
        if (place++ < from) continue;
        read++;
        let parsed: E;
        try {
          parsed = parser.parse(line);
        } catch (error) {
          bad.addFailure(`${name}:${line.number}`, error, read);
          missing++;
          continue;
        }
        for (; missing > 0; missing--) yield parsed;
        yield parsed;
      }
      if (missing === 0) return;
      // Bad lines at the end are replaced by the first good line of the shard.
      let first: { line: E } | undefined;
      for await (const line of linesOf(shard)) {
        try {
          first = { line: parser.parse(line) };
          break;
        } catch {
          // The bad line is counted when its own turn comes.
        }
      }
      if (!first) throw new SyntaxError(`${name} should have a good line`);
      for (; missing > 0; missing--) yield first.line;
    },
    async count(shard) {
      assertShard(shards, shard, 0);
      let count = 0;
      for await (const _ of linesOf(shard)) count++;
      return count;
    },
  };
}

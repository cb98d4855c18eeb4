/** Samples of tars that are read in order, shard by shard. @module */
import { assertOptions, optionsOf } from "@lionjs/base";
import { type ByteSource, nameOf } from "../bytes/bytes_of.ts";
import { ChunkReader } from "../bytes/chunk_reader.ts";
import { decompressed } from "../bytes/decompressed.ts";
import {
  BadRecordCount,
  type BadRecords,
  type SkipBad,
} from "./bad_records.ts";
import {
  assertShard,
  type ShardedStream,
  sourcesOf,
} from "./sharded_stream.ts";
import { tarMembers } from "./tar/members.ts";
import { type TarSample, tarSample } from "./tar/sample.ts";
import { tarSamples } from "./tar/samples.ts";

/** Options of {@linkcode webDatasetStream}. */
export interface WebDatasetStreamOptions {
  /**
   * How the rest of a truncated or damaged tar is handled: by an error that
   * names it, or by skipping and counting it.
   * @default "fail"
   */
  onBad?: "fail" | SkipBad | undefined;
}

const OPTIONS = optionsOf<WebDatasetStreamOptions>()("onBad");

/** A stream of the samples of tars, and the bad tars. */
export interface WebDatasetStream extends ShardedStream<TarSample> {
  /** The bad tars skipped so far. */
  readonly bad: BadRecords;
  /** Counts the samples of a tar. */
  count(shard: number): Promise<number>;
}

/**
 * Makes a stream of the samples of tars in WebDataset's format, with one shard
 * per tar. The tars may be compressed by gzip or zstd, and servers need not
 * accept ranges; a sample's files are in memory. In uncompressed tars,
 * `webDataset` finds any sample.
 *
 * Source: webdataset; ustar, PAX and GNU tar.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { webDatasetStream } from "@lionjs/lion/data";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/1.txt`, "a cat");
 * await Deno.writeTextFile(`${folder}/2.txt`, "a dog");
 * const { success } = await new Deno.Command("tar", {
 *   args: ["-czf", "pets.tar.gz", "1.txt", "2.txt"],
 *   cwd: folder,
 * }).output();
 * assertEquals(success, true);
 *
 * const pets = webDatasetStream(`${folder}/pets.tar.gz`);
 * const texts: string[] = [];
 * for await (const pet of pets.open(0)) texts.push(await pet.text("txt"));
 * assertEquals(texts, ["a cat", "a dog"]);
 * ```
 *
 * @param shards The tars. Paths and URLs may have braces:
 * `https://example.com/train-{000000..000146}.tar.gz`.
 * @param options See {@linkcode WebDatasetStreamOptions}.
 * @returns The stream. A truncated or damaged tar throws a SyntaxError with its
 * name.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If there is no tar, or an option has an invalid value.
 */
export function webDatasetStream(
  shards: ByteSource | readonly ByteSource[],
  options: WebDatasetStreamOptions = {},
): WebDatasetStream {
  assertOptions("webDatasetStream", options, OPTIONS);
  const sources = sourcesOf(shards);
  const named = sources.map((source) => ({ name: nameOf(source) }));
  const bad = new BadRecordCount("webDatasetStream", options.onBad ?? "fail");
  let read = 0;
  /** The samples of a shard; from one on, their files are read. */
  const samplesOf = async function* (shard: number, from: number) {
    const { name } = named[shard]!;
    const reader = new ChunkReader(decompressed(sources[shard]!));
    try {
      const samples = tarSamples(
        name,
        tarMembers(name, reader),
        async (member, place) =>
          // A part of a chunk would keep all of it in memory.
          new Uint8Array(place < from ? [] : await member.bytes()),
      );
      for await (const sample of samples) {
        read++;
        yield sample;
      }
    } catch (error) {
      bad.addFailure(name, error, read);
    } finally {
      await reader.close();
    }
  };
  return {
    shards: named,
    bad,
    async *open(shard, from = 0) {
      assertShard(named, shard, from);
      let place = 0;
      for await (const { key, fields } of samplesOf(shard, from)) {
        if (place++ < from) continue;
        yield tarSample(
          named[shard]!.name,
          key,
          new Map(Array.from(fields, ([field, bytes]) => [
            field,
            () => Promise.resolve(bytes.slice()),
          ])),
        );
      }
    },
    async count(shard) {
      assertShard(named, shard, 0);
      let count = 0;
      for await (const _ of samplesOf(shard, Infinity)) count++;
      return count;
    },
  };
}

/** Examples that have no index, in shards that are read from their start. @module */
import { assertInteger, shown } from "@lionjs/base";
import { type ByteSource, nameOf } from "../bytes/bytes_of.ts";
import { expandBraces } from "./expand_braces.ts";

/** A part of a stream, such as a file. */
export interface Shard {
  /** The shard's name in errors. */
  readonly name: string;
  /** Number of examples in the shard, if known. */
  readonly count?: number | undefined;
}

/** A stream of examples, divided into shards. */
export interface ShardedStream<E> {
  /** The shards. */
  readonly shards: readonly Shard[];
  /**
   * Reads the examples of a shard, always the same in the same order.
   *
   * @param shard The shard's index in `shards`.
   * @param from The first example to read; those before are skipped. @default 0
   */
  open(shard: number, from?: number): AsyncIterable<E>;
  /** Counts the examples of a shard, if that is cheaper than reading them. */
  count?(shard: number): Promise<number>;
}

/** The sources of shards: paths and addresses may have braces. */
export function sourcesOf(
  files: ByteSource | readonly ByteSource[],
): ByteSource[] {
  const list: readonly ByteSource[] = Array.isArray(files) ? files : [files];
  list.forEach(nameOf);
  const sources = list.flatMap((source): ByteSource[] =>
    typeof source === "string" ? expandBraces(source) : [source]
  );
  if (sources.length > 0) return sources;
  throw new RangeError("files should not be empty, got none");
}

/** Throws unless a value is a stream of shards. */
export function assertStream(
  name: string,
  stream: ShardedStream<unknown>,
): void {
  const { shards, open, count } = Object(stream) as typeof stream;
  const isStream = Array.isArray(shards) && typeof open === "function" &&
    (count === undefined || typeof count === "function");
  if (!isStream) {
    throw new TypeError(
      `${name} should be { shards, open, count }, such as lineStream or webDatasetStream makes, got ${
        shown(stream)
      }`,
    );
  }
  for (const [i, shard] of shards.entries()) {
    const { name: own, count } = Object(shard) as Shard;
    if (typeof own !== "string") {
      throw new TypeError(
        `${name}'s shards should have a name, got ${shown(shard)} at ${i}`,
      );
    }
    if (count !== undefined) {
      assertInteger(`${name}'s count of ${own}`, count, 0);
    }
  }
}

/** Throws unless a stream has a shard. */
export function assertShard(
  shards: readonly Shard[],
  shard: number,
  from: number,
): void {
  if (!(Number.isInteger(shard) && shard >= 0 && shard < shards.length)) {
    throw new RangeError(
      `shard should be an integer from 0 to below ${shards.length}, got ${
        shown(shard)
      }`,
    );
  }
  if (Number.isSafeInteger(from) && from >= 0) return;
  throw new RangeError(
    `from should be an integer from 0 on, got ${shown(from)}`,
  );
}

/** Decompression of gzip, of one member or of several after each other. @module */
import { damaged, importOptional } from "@lionjs/base";
import { nodeModule } from "@lionjs/base/files";
import { GzipChecks } from "./gzip_checks.ts";

/** Decompresses gzip. `DecompressionStream` would do, but fails at a second member. */
export async function* gunzipped(
  name: string,
  chunks: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const reading = new Reading(chunks);
  try {
    const members = nodeModule("node:zlib")
      ? gunzippedByNode(reading)
      : gunzippedByFflate(reading);
    yield* members;
  } catch (cause) {
    if (reading.failed) throw reading.failed.error;
    throw damaged(name, "gzip", (cause as Error).message, cause);
  } finally {
    await chunks.return(undefined);
  }
}

/**
 * Bytes that are decompressed together: at most a thousand times as many come
 * out of them.
 */
const PART = 2 ** 14;

/**
 * An iterable of chunks that remembers whether reading failed, rather than
 * decompressing.
 */
class Reading implements AsyncIterable<Uint8Array> {
  failed: { error: unknown } | undefined;
  readonly #chunks: AsyncGenerator<Uint8Array>;

  constructor(chunks: AsyncGenerator<Uint8Array>) {
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#chunks) {
        for (let at = 0; at < chunk.length; at += PART) {
          yield chunk.subarray(at, at + PART);
        }
      }
    } catch (error) {
      this.failed = { error };
      throw error;
    }
  }
}

/**
 * Decompresses a chunk at a time, and yields its result once all of the chunk
 * is good: a pipe that fails would drop an arbitrary part of its last results.
 */
async function* gunzippedByNode(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const gunzip = nodeModule("node:zlib")!.createGunzip();
  let made: Uint8Array[] = [];
  gunzip.on("data", (chunk: Uint8Array) => made.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
    gunzip.on("end", resolve);
    gunzip.on("error", reject);
  });
  ended.catch(() => {});
  try {
    for await (const chunk of chunks) {
      const written = new Promise<void>((resolve, reject) =>
        gunzip.write(chunk, (error) => error ? reject(error) : resolve())
      );
      await Promise.race([written, ended]);
      yield* made;
      made = [];
    }
    gunzip.end();
    await ended;
    yield* made;
  } finally {
    gunzip.destroy();
  }
}

/** Decompresses gzip where there is no Node, such as in a browser. */
export async function* gunzippedByFflate(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { Gunzip } = await importOptional<typeof import("fflate")>(
    "gzip",
    "fflate",
    () => import.meta.resolve("fflate"),
  );
  const checks = new GzipChecks();
  let made: Uint8Array[] = [];
  const gunzip = new Gunzip((chunk) => {
    checks.made(chunk);
    made.push(chunk);
  });
  gunzip.onmember = (offset) => checks.ends(offset);
  for await (const chunk of chunks) {
    checks.read(chunk);
    gunzip.push(chunk, false);
    yield* made;
    made = [];
  }
  gunzip.push(new Uint8Array(0), true);
  yield* made;
  checks.ends();
}

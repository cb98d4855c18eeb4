/** Decompression of bytes on their way, in little memory. @module */
import { chunksOf, inTurns } from "./chunks.ts";
import { type ByteSource, nameOf } from "./bytes_of.ts";
import { gunzipped } from "./gzip.ts";
import { zstdDecompressed } from "./zstd.ts";

/**
 * The bytes of a source in their order, decompressed where they begin as gzip
 * or zstd do, whatever the source is called.
 */
export async function* decompressed(
  source: ByteSource,
): AsyncGenerator<Uint8Array> {
  const name = nameOf(source);
  const chunks = chunksOf(source);
  const { start, all } = await peek(chunks);
  const [first = 0, second = 0, third = 0, fourth = 0] = start;
  const begins = [first, second, third, fourth]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (const [magic, tool] of Object.entries(OTHERS)) {
    if (!begins.startsWith(magic)) continue;
    await chunks.return(undefined);
    throw new SyntaxError(
      `${name} should be as it is, or compressed by gzip or zstd, got what ${tool} makes; decompress it first`,
    );
  }
  const isSkippable = /^5.2a4d18$/.test(begins);
  if (begins.startsWith("1f8b")) {
    yield* inTurns(gunzipped(name, all));
  } else if (begins === "28b52ffd" || isSkippable) {
    yield* inTurns(zstdDecompressed(name, all));
  } else yield* all;
}

/** The first bytes, in hexadecimal digits, of formats that are not supported. */
const OTHERS = {
  "fd377a58": "xz",
  "425a68": "bzip2",
  "504b0304": "zip",
};

/** Returns the first four bytes, and a generator of all bytes. */
async function peek(
  chunks: AsyncGenerator<Uint8Array>,
): Promise<
  { start: Uint8Array; all: AsyncGenerator<Uint8Array> }
> {
  const taken: Uint8Array[] = [];
  let start = new Uint8Array(0);
  while (start.length < 4) {
    const { done, value } = await chunks.next();
    if (done) break;
    taken.push(value);
    start = new Uint8Array([...start, ...value.subarray(0, 4)]);
  }
  return {
    start,
    all: async function* () {
      try {
        yield* taken.splice(0);
        yield* chunks;
      } finally {
        await chunks.return(undefined);
      }
    }(),
  };
}

/** Sequential reading of a source of bytes, in chunks. @module */
import { turns } from "@lionjs/base";
import { addressOf, bytesOf, type ByteSource, nameOf } from "./bytes_of.ts";
import { ChunkReader } from "./chunk_reader.ts";
import { request } from "./request.ts";

/** Bytes that are read together. */
const CHUNK = 2 ** 17;

/** The bytes of a source in their order, as they are stored. */
export async function* chunksOf(
  source: ByteSource,
): AsyncGenerator<Uint8Array> {
  const address = addressOf(source);
  if (address !== undefined) {
    yield* inTurns(bodyOf(address));
    return;
  }
  const bytes = await bytesOf(source);
  const read = async function* () {
    for (let at = 0; at < bytes.size; at += CHUNK) {
      yield await bytes.read(at, Math.min(CHUNK, bytes.size - at));
    }
  };
  yield* inTurns(read());
}

/**
 * Divides bytes into chunks that are not too long. Between them the event loop
 * takes a turn now and then: a reader may find nothing in many chunks, and what
 * is in memory or was decompressed comes without a wait.
 */
export async function* inTurns(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const turn = turns();
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += CHUNK) {
      yield chunk.subarray(at, at + CHUNK);
      await turn();
    }
  }
}

/** The bytes at an address, from one request, so that the server need not know ranges. */
async function* bodyOf(
  url: string,
): AsyncGenerator<Uint8Array> {
  const response = await request(
    url,
    fetch,
    {},
    (response) => Promise.resolve(response),
  );
  const reader = new ChunkReader(async function* () {
    yield* response.body ?? [];
  }());
  try {
    // Chunks have the same lengths each time, however the network divides the bytes.
    for (;;) {
      const chunk = await reader.take(CHUNK);
      if (chunk.length === 0) return;
      yield chunk;
    }
  } catch (cause) {
    throw new Error(
      `${nameOf(url)} should be whole, got a part: ${
        (cause as Error).message
      }; read it again`,
      { cause },
    );
  } finally {
    await reader.close();
  }
}

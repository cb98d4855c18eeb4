/** Bytes in their order, a part at a time. @module */
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
    yield* bodyOf(address);
    return;
  }
  const bytes = await bytesOf(source);
  for (let at = 0; at < bytes.size; at += CHUNK) {
    yield await bytes.read(at, Math.min(CHUNK, bytes.size - at));
  }
}

/** What is at an address, by one request, so that its server needs no ranges. */
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
    // Of the same lengths each time, whatever the network makes of them.
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

/** Decompression of zstd, frame by frame. @module */
import type { XXHashAPI } from "xxhash-wasm";
import { concatenated, damaged, importOptional } from "@lionjs/base";
import { ChunkReader } from "./chunk_reader.ts";

/**
 * The largest distance in bytes of a frame's references, which are kept in
 * memory: the default limit of the program zstd.
 */
const LARGEST_WINDOW = 2 ** 27;

/**
 * Decompresses zstd, of one frame or of several after each other, which
 * `node:zlib` would not. Checksums are compared where there are some.
 *
 * Source: RFC 8878; blocks are decompressed by fzstd.
 */
export async function* zstdDecompressed(
  name: string,
  chunks: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { Decompress } = await importOptional<typeof import("fzstd")>(
    "zstd",
    "fzstd",
    () => import.meta.resolve("fzstd"),
  );
  let hashes: XXHashAPI | undefined;
  const reader = new ChunkReader(chunks);
  const fail = (reason: string, cause?: unknown) =>
    damaged(name, "zstd", reason, cause);
  const take = async (length: number) => {
    const taken = await reader.take(length);
    if (taken.length === length) return taken;
    throw fail("it ends early");
  };
  try {
    for (;;) {
      const magic = await reader.take(4);
      if (magic.length === 0) return;
      if (magic.length < 4) throw fail("it ends early");
      const kind = littleEndian(magic);
      if (kind >= 0x184d2a50 && kind <= 0x184d2a5f) {
        const size = littleEndian(await take(4));
        if (await reader.skip(size) < size) throw fail("it ends early");
        continue;
      }
      if (kind !== 0xfd2fb528) throw fail("a frame does not begin as one");
      const header = await frameHeader(take);
      if (header.window > LARGEST_WINDOW) {
        throw fail(
          `a frame refers to ${header.window} bytes back, more than ${LARGEST_WINDOW}`,
        );
      }
      let made: Uint8Array[] = [];
      const zstd = new Decompress((chunk) => made.push(chunk));
      zstd.push(concatenated([magic, header.bytes]));
      const hash = header.isChecked
        ? (hashes ??= await openHashes()).create64()
        : undefined;
      let size = 0;
      for (let isLast = false; !isLast;) {
        const start = await take(3);
        const fields = littleEndian(start);
        isLast = (fields & 1) === 1;
        // A block of one repeated byte holds that byte once.
        const length = (fields >> 1 & 3) === 1 ? 1 : fields >> 3;
        const block = concatenated([start, await take(length)]);
        try {
          zstd.push(block);
          if (isLast) zstd.push(new Uint8Array(header.isChecked ? 4 : 0), true);
        } catch (cause) {
          throw fail((cause as Error).message, cause);
        }
        for (const chunk of made) {
          size += chunk.length;
          hash?.update(chunk);
          yield chunk;
        }
        made = [];
      }
      if (header.size !== undefined && size !== header.size) {
        throw fail(`a frame has ${size} bytes for ${header.size}`);
      }
      // The lower half of the hash of what was compressed.
      const checksum = hash && Number(hash.digest() & 0xffff_ffffn);
      if (hash && littleEndian(await take(4)) !== checksum) {
        throw fail("the checksum of a frame does not match");
      }
    }
  } finally {
    await reader.close();
  }
}

/** Loads the hash of checksums: most files have none. */
async function openHashes(): Promise<XXHashAPI> {
  const { default: xxhash } = await import("xxhash-wasm");
  return await xxhash();
}

/** The header of a frame. */
interface FrameHeader {
  readonly bytes: Uint8Array;
  /** The largest distance in bytes of the frame's references. */
  readonly window: number;
  /** The decompressed size in bytes; `undefined` if the header lacks it. */
  readonly size: number | undefined;
  /** Whether a checksum follows the frame's blocks. */
  readonly isChecked: boolean;
}

async function frameHeader(
  take: (length: number) => Promise<Uint8Array>,
): Promise<FrameHeader> {
  const first = await take(1);
  const descriptor = first[0]!;
  const isOneSegment = (descriptor & 32) !== 0;
  const windowBytes = await take(isOneSegment ? 0 : 1);
  const dictionary = await take([0, 1, 2, 4][descriptor & 3]!);
  const sizeLength = [isOneSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const sizeBytes = await take(sizeLength);
  const size = sizeLength === 0
    ? undefined
    : littleEndian(sizeBytes) + (sizeLength === 2 ? 256 : 0);
  const [exponent, mantissa] = [windowBytes[0]! >> 3, windowBytes[0]! & 7];
  return {
    bytes: concatenated([first, windowBytes, dictionary, sizeBytes]),
    window: isOneSegment ? size! : 2 ** (10 + exponent) * (1 + mantissa / 8),
    size,
    isChecked: (descriptor & 4) !== 0,
  };
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

import { importOptional } from "../../base/optional_package.ts";
import { ChunkReader } from "./chunk_reader.ts";
import { XxHash64 } from "./xxhash64.ts";
import { damaged, joined } from "../../base/byte_arrays.ts";

/**
 * The most bytes back that a frame may refer to, which are kept in memory: what
 * the program zstd takes without being told to take more.
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
      zstd.push(joined([magic, header.bytes]));
      const hash = header.isChecked ? new XxHash64() : undefined;
      let size = 0;
      for (let isLast = false; !isLast;) {
        const start = await take(3);
        const fields = littleEndian(start);
        isLast = (fields & 1) === 1;
        // Of a repeated byte, only one is there.
        const length = (fields >> 1 & 3) === 1 ? 1 : fields >> 3;
        const block = joined([start, await take(length)]);
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
      if (hash && littleEndian(await take(4)) !== hash.lowerHalf()) {
        throw fail("the checksum of a frame does not match");
      }
    }
  } finally {
    await reader.close();
  }
}

/** What a frame says of itself. */
interface FrameHeader {
  readonly bytes: Uint8Array;
  /** The most bytes back that it refers to. */
  readonly window: number;
  /** The number of bytes that were compressed, where it is known. */
  readonly size: number | undefined;
  /** Whether a checksum follows. */
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
    bytes: joined([first, windowBytes, dictionary, sizeBytes]),
    window: isOneSegment ? size! : 2 ** (10 + exponent) * (1 + mantissa / 8),
    size,
    isChecked: (descriptor & 4) !== 0,
  };
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

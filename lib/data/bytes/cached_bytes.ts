import { assertRange, type RandomAccess } from "./random_access.ts";
import { Recent } from "./recent.ts";

/** Bytes that are read and kept together. */
const BLOCK = 2 ** 17;

/**
 * Keeps the most recently used blocks of bytes in memory, so that many small
 * reads close to each other become few reads of the underlying bytes.
 *
 * @param cacheBytes The most bytes to keep. Reads of more than half of them
 * pass by.
 */
export function cachedBytes(
  bytes: RandomAccess,
  cacheBytes: number,
): RandomAccess {
  const { name, size } = bytes;
  const most = Math.floor(cacheBytes / BLOCK);
  const blocks = new Recent<Uint8Array>(most);
  return {
    name,
    size,
    async read(start, length) {
      assertRange(bytes, start, length);
      if (length > cacheBytes / 2 || most === 0) {
        return await bytes.read(start, length);
      }
      const result = new Uint8Array(length);
      for (let at = start; at < start + length;) {
        const index = Math.floor(at / BLOCK);
        const first = index * BLOCK;
        const block = await blocks.get(
          index,
          () => bytes.read(first, Math.min(BLOCK, size - first)),
        );
        const from = at - first;
        const part = block.subarray(from, from + start + length - at);
        result.set(part, at - start);
        at += part.length;
      }
      return result;
    },
  };
}

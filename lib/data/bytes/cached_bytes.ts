import { assertRange, type RandomAccess } from "./random_access.ts";

/** Bytes that are read and kept together. */
const BLOCK = 2 ** 17;

/**
 * Keeps blocks of bytes in memory, those that were used last, so that many
 * small reads beside each other are few reads of the bytes below.
 *
 * @param bytes The bytes.
 * @param cacheBytes The most bytes to keep. Reads of more than half of them
 * pass by.
 * @returns Access to the same bytes.
 */
export function cachedBytes(
  bytes: RandomAccess,
  cacheBytes: number,
): RandomAccess {
  const { name, size } = bytes;
  const blocks = new Map<number, Promise<Uint8Array>>();
  const most = Math.floor(cacheBytes / BLOCK);
  const blockAt = (index: number) => {
    let block = blocks.get(index);
    if (!block) {
      const start = index * BLOCK;
      block = bytes.read(start, Math.min(BLOCK, size - start));
      block.catch(() => blocks.delete(index));
    }
    blocks.delete(index);
    blocks.set(index, block); // as the one that was used last
    for (const [oldest] of blocks) {
      if (blocks.size <= most) break;
      blocks.delete(oldest);
    }
    return block;
  };
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
        const block = await blockAt(index);
        const from = at - index * BLOCK;
        const part = block.subarray(from, from + start + length - at);
        result.set(part, at - start);
        at += part.length;
      }
      return result;
    },
  };
}

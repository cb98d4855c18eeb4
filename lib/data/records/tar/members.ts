/** Members of tar archives, in order. @module */
import type { RandomAccess } from "../../bytes/random_access.ts";
import {
  parsePaxRecords,
  parseTarHeader,
  type PaxRecords,
  TAR_BLOCK,
  type TarHeader,
  textOf,
} from "./header.ts";
import { damaged } from "@lionjs/base";

/** A sequential reader of bytes. */
export interface ByteReader {
  /** Takes the next bytes; fewer where there are no more. */
  take(length: number): Promise<Uint8Array>;
  /** Skips up to `length` bytes; returns the number of bytes skipped. */
  skip(length: number): Promise<number>;
}

export interface TarMember {
  readonly name: string;
  /** The offset of the member's content in the tar, in bytes. */
  readonly offset: number;
  readonly size: number;
  /** The block before the content; valid until the next member. */
  readonly header: Uint8Array;
  /** Reads the content; only before the next member, and only once. */
  bytes(): Promise<Uint8Array>;
}

/** The longest name, or records of one, as a bound of memory. */
const LONGEST_NAME = 2 ** 20;

/**
 * The files of a tar in their order: those of ustar, PAX and GNU tar. Folders
 * and links are left out.
 *
 * @throws {SyntaxError} If it is cut or damaged, or none: a tar ends with a block
 * of zeros, not just so.
 */
export async function* tarMembers(
  name: string,
  reader: ByteReader,
): AsyncGenerator<TarMember> {
  let position = 0;
  const fail = (reason: string, cause?: unknown) =>
    damaged(name, "a tar", `${reason}, at byte ${position}`, cause);
  const take = async (length: number) => {
    const taken = await reader.take(length);
    if (taken.length < length) throw fail("it ends early");
    position += length;
    return taken;
  };
  const skip = async (length: number) => {
    if (await reader.skip(length) < length) throw fail("it ends early");
    position += length;
  };
  let block: Uint8Array;
  const header = async (): Promise<TarHeader | undefined> => {
    block = await take(TAR_BLOCK);
    try {
      return parseTarHeader(block);
    } catch (cause) {
      throw fail((cause as Error).message, cause);
    }
  };
  const contentOf = async ({ size }: TarHeader) => {
    if (size > LONGEST_NAME) throw fail(`a name has ${size} bytes`);
    const content = await take(size);
    await skip(paddingOf(size));
    return content;
  };
  const recordsOf = async (header: TarHeader) => {
    const content = await contentOf(header);
    try {
      return parsePaxRecords(content);
    } catch (cause) {
      throw fail((cause as Error).message, cause);
    }
  };
  let common: PaxRecords = {};
  /**
   * The records of PAX and GNU headers before a member's own, which hold for
   * that member.
   */
  let own: PaxRecords = {};
  for (let found = await header(); found; found = await header()) {
    const { type } = found;
    if (type === "x") own = { ...own, ...await recordsOf(found) };
    else if (type === "g") common = { ...common, ...await recordsOf(found) };
    else if (type === "L") {
      const path = textOf(await contentOf(found)).replace(/\0.*$/s, "");
      own = { ...own, path };
    } else if (type === "K") await contentOf(found);
    else {
      const said = { ...common, ...own };
      own = {};
      // A record with an empty value cancels an earlier one.
      const text = said.size || String(found.size);
      const size = /^\d+$/.test(text) ? Number(text) : NaN;
      if (!Number.isSafeInteger(size)) {
        throw fail(`a PAX header has the size ${text}`);
      }
      if (type === "S" || said["GNU.sparse.major"] !== undefined) {
        throw fail("it has sparse files; pack it without --sparse");
      }
      const isFile = type === "0" || type === "7";
      if (isFile) {
        const [offset, end] = [position, position + size];
        let isTaken = false;
        yield {
          name: said.path || found.name,
          ...{ offset, size, header: block! },
          bytes: () => {
            if (isTaken || position !== offset) {
              throw new Error(`${name} has been read past already`);
            }
            isTaken = true;
            return take(size);
          },
        };
        await skip(end - position);
        await skip(paddingOf(size));
      } else if (!LINKS_AND_FOLDERS.has(type)) {
        await skip(size);
        await skip(paddingOf(size));
      }
    }
  }
}

/** The types of members whose size field does not count bytes of content. */
const LINKS_AND_FOLDERS = new Set(["1", "2", "3", "4", "5", "6"]);

/** Bytes from the end of content to that of its last block. */
function paddingOf(size: number): number {
  return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}

/** Bytes that are read when some are asked for: more headers may be near. */
const AHEAD = 2 ** 14;

/** A sequential reader of bytes with random access, which need not read skipped bytes. */
export class RangeReader implements ByteReader {
  readonly #bytes: RandomAccess;
  #position = 0;
  #ahead: Uint8Array = new Uint8Array(0);
  #aheadFrom = 0;

  constructor(bytes: RandomAccess) {
    this.#bytes = bytes;
  }

  async take(length: number): Promise<Uint8Array> {
    const start = this.#position;
    const end = Math.min(start + length, this.#bytes.size);
    if (start < this.#aheadFrom || end > this.#aheadFrom + this.#ahead.length) {
      const most = this.#bytes.size - start;
      this.#ahead = await this.#bytes.read(
        start,
        Math.min(Math.max(length, AHEAD), most),
      );
      this.#aheadFrom = start;
    }
    this.#position = end;
    return this.#ahead.subarray(start - this.#aheadFrom, end - this.#aheadFrom);
  }

  skip(length: number): Promise<number> {
    const skipped = Math.min(length, this.#bytes.size - this.#position);
    this.#position += skipped;
    return Promise.resolve(skipped);
  }
}

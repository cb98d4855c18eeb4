/** The checks at the end of gzip's members, which fflate leaves out. @module */
import { crc32 } from "./crc32.ts";

/**
 * Compares what was decompressed with the checksum (CRC-32) and the size that
 * each member of a gzip file ends with.
 *
 * Source: RFC 1952.
 */
export class GzipChecks {
  #crc = 0;
  #size = 0;
  #members = 0;
  /** The last chunk after some bytes before it, in which a member's end must be. */
  #kept = new Uint8Array(0);
  #position = 0;

  /** Takes a chunk of the file. */
  read(chunk: Uint8Array): void {
    const before = this.#kept.subarray(-(2 ** 17));
    this.#kept = new Uint8Array(before.length + chunk.length);
    this.#kept.set(before);
    this.#kept.set(chunk, before.length);
    this.#position += chunk.length;
  }

  /** Takes decompressed bytes of the current member. */
  made(bytes: Uint8Array): void {
    this.#crc = crc32(bytes, this.#crc);
    this.#size = (this.#size + bytes.length) >>> 0;
  }

  /** Checks a member that ends where another begins, or the file ends. */
  ends(offset: number = this.#position): void {
    this.#members++;
    const end = this.#kept.length - (this.#position - offset);
    if (end < 8) throw new SyntaxError("it ends early");
    const view = new DataView(this.#kept.buffer, end - 8, 8);
    if (
      view.getUint32(0, true) !== this.#crc ||
      view.getUint32(4, true) !== this.#size
    ) {
      throw new SyntaxError(
        `the checksum of its member ${this.#members} does not match`,
      );
    }
    [this.#crc, this.#size] = [0, 0];
  }
}

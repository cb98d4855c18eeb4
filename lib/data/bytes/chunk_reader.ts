import { concatenated } from "@lionjs/base";

/** Reads chunks of bytes, in order, by numbers of bytes of the caller's choice. */
export class ChunkReader {
  readonly #chunks: AsyncGenerator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  /** @param chunks The bytes. */
  constructor(chunks: AsyncGenerator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /**
   * Takes the next bytes; fewer, or none, where the chunks end. What is taken
   * may share memory with its chunk.
   */
  async take(length: number): Promise<Uint8Array> {
    if (length <= this.#chunk.length) return this.#split(length);
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0 && await this.#fill()) {
      const part = this.#split(missing);
      parts.push(part);
      missing -= part.length;
    }
    return concatenated(parts);
  }

  /** Skips up to `length` bytes; returns the number of bytes skipped. */
  async skip(length: number): Promise<number> {
    let missing = length;
    while (missing > 0 && await this.#fill()) {
      missing -= this.#split(missing).length;
    }
    return length - missing;
  }

  async close(): Promise<void> {
    await this.#chunks.return(undefined);
  }

  /** Whether the source has not ended. */
  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      this.#chunk = value;
    }
    return true;
  }

  #split(most: number): Uint8Array {
    const part = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }
}

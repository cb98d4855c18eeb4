import { chunksOf } from "../bytes/chunks.ts";
import type { RandomAccess } from "../bytes/random_access.ts";
import { type ByteLine, byteLines } from "./byte_lines.ts";

/**
 * The lines of a text that are not blank. Each can be read by itself, so that memory
 * holds only their places. The text is not compressed.
 */
export class LineIndex {
  readonly #bytes: RandomAccess;
  readonly #numbers: number[] = [];
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];

  private constructor(bytes: RandomAccess) {
    this.#bytes = bytes;
  }

  /**
   * Finds the lines of a text, which is read once.
   *
   * @param check Throws for a line that no caller could use. A line for which it
   * returns `false`, such as a header, is left out.
   */
  static async of(
    bytes: RandomAccess,
    check: (line: ByteLine) => boolean,
  ): Promise<LineIndex> {
    const index = new LineIndex(bytes);
    for await (const line of byteLines(bytes.name, chunksOf(bytes))) {
      if (!check(line)) continue;
      index.#numbers.push(line.number);
      index.#starts.push(line.start);
      index.#lengths.push(line.bytes.length);
    }
    return index;
  }

  get size(): number {
    return this.#starts.length;
  }

  async line(place: number): Promise<ByteLine> {
    const start = this.#starts[place]!;
    return {
      number: this.#numbers[place]!,
      start,
      bytes: await this.#bytes.read(start, this.#lengths[place]!),
    };
  }
}

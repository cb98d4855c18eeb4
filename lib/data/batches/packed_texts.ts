/**
 * A list of texts in little memory: their bytes lie one after another, where a
 * million strings would take several times as much.
 */
export class PackedTexts {
  /** The texts in UTF-8. */
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** The end of each text in the bytes. */
  #ends: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #size = 0;

  /** @param texts The first texts, and often all of them. */
  constructor(texts: Iterable<string> = []) {
    for (const text of texts) this.push(text);
    this.#bytes = this.#bytes.slice(0, this.#endOf(this.#size - 1));
    this.#ends = this.#ends.slice(0, this.#size);
  }

  get size(): number {
    return this.#size;
  }

  push(text: string): void {
    const start = this.#endOf(this.#size - 1);
    const most = start + 3 * text.length;
    if (most > this.#bytes.length) {
      const bytes = new Uint8Array(2 * most);
      bytes.set(this.#bytes.subarray(0, start));
      this.#bytes = bytes;
    }
    if (this.#size === this.#ends.length) {
      const ends = new Uint32Array(2 * this.#size + 8);
      ends.set(this.#ends);
      this.#ends = ends;
    }
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(start));
    this.#ends[this.#size++] = start + written;
  }

  /** The text at an index; `""` if there is no such text. */
  get(index: number): string {
    const part = this.#bytes.subarray(
      this.#endOf(index - 1),
      this.#endOf(index),
    );
    return decoder.decode(part);
  }

  *[Symbol.iterator](): Generator<string> {
    for (let i = 0; i < this.#size; i++) yield this.get(i);
  }

  #endOf(index: number): number {
    return index < 0 ? 0 : this.#ends[index] ?? 0;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

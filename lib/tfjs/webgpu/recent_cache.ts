/** Caches that hold what was used of late. @module */

/**
 * A cache of at least the `size` entries that were used last, and of at most twice as
 * many. A look-up costs little: what was used is in the younger of two maps, and where
 * that is full, it becomes the older one, whose entries are dropped.
 */
export class RecentCache<Value> {
  readonly #size: number;
  readonly #dropped: (value: Value, key: string) => void;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /**
   * Makes an empty cache.
   *
   * @param size The number of entries that it holds at least.
   * @param dropped Called with each entry that is dropped, not with those that are deleted.
   */
  constructor(size: number, dropped: (value: Value, key: string) => void) {
    this.#size = size;
    this.#dropped = dropped;
  }

  /** The number of entries. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The value of a key, or `undefined`. */
  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.set(key, old);
    return old;
  }

  /** Adds an entry whose key is not there. */
  set(key: string, value: Value): void {
    if (this.#young.size >= this.#size) this.age();
    this.#young.set(key, value);
  }

  /** Drops what was not used since the last time. */
  age(): void {
    const dropped = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    dropped.forEach(this.#dropped);
  }

  /** Removes an entry, if it is there. */
  delete(key: string): void {
    if (!this.#young.delete(key)) this.#old.delete(key);
  }

  /** Drops all entries. */
  clear(): void {
    const all = [this.#young, this.#old];
    [this.#young, this.#old] = [new Map(), new Map()];
    for (const entries of all) entries.forEach(this.#dropped);
  }
}

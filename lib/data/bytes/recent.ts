/** Values that were used last, of those that are costly to make. */
export class Recent<V> {
  readonly #values = new Map<number, Promise<V>>();
  readonly #most: number;

  /** @param most How many to keep. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The value of a key, which is made unless it is cached. */
  get(key: number, make: () => Promise<V>): Promise<V> {
    let value = this.#values.get(key);
    if (!value) {
      value = make();
      // A failure is not cached, since another attempt may succeed.
      value.catch(() => this.#values.delete(key));
    }
    this.#values.delete(key);
    this.#values.set(key, value); // as the one that was used last
    for (const [oldest] of this.#values) {
      if (this.#values.size <= this.#most) break;
      this.#values.delete(oldest);
    }
    return value;
  }
}

/**
 * Tokens from the likeliest down, of which only those that are asked for are
 * sorted: a choice reads few of them, and to sort a vocabulary of 50,000 takes
 * longer than to compute a token.
 */
export class TokenRanking {
  /** The highest logit. */
  readonly highest: number;
  readonly #logits: Float32Array;
  readonly #ranked: number[] = [];
  /** Tokens down to this logit are ranked. */
  #lowest = Infinity;
  #step: number;

  /**
   * Ranks nothing yet.
   *
   * @param logits Numbers, of which -Infinity may be one.
   * @param step How far below the highest logit it first looks, above 0; then
   * twice as far each time.
   */
  constructor(logits: Float32Array, step: number) {
    this.#logits = logits;
    this.#step = step;
    this.highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  }

  /** The token of a rank, from 0 on; the first of those with the same logit. */
  at(rank: number): number {
    while (this.#ranked.length <= rank) this.#rankMore();
    return this.#ranked[rank]!;
  }

  #rankMore(): void {
    const logits = this.#logits, above = this.#lowest;
    this.#lowest = Math.min(above, this.highest) - this.#step;
    this.#step *= 2;
    const next: number[] = [];
    for (let token = 0; token < logits.length; token++) {
      const logit = logits[token]!;
      if (logit >= this.#lowest && logit < above) next.push(token);
    }
    next.sort((a, b) => logits[b]! - logits[a]!);
    for (const token of next) this.#ranked.push(token);
  }
}

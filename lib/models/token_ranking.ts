/**
 * Tokens from the likeliest down, sorted only as far as needed: a choice reads
 * few of them, and sorting a vocabulary of 50,000 takes longer than computing a
 * token.
 */
export class TokenRanking {
  readonly highest: number;
  readonly #logits: Float32Array;
  readonly #ranked: number[] = [];
  /** The lowest ranked logit: all tokens with at least this logit are ranked. */
  #lowest = Infinity;
  #step: number;

  /**
   * Makes the ranking, without sorting anything yet.
   *
   * @param logits Finite numbers or -Infinity.
   * @param step How far below the highest logit to look first, above 0; doubled
   * each time.
   */
  constructor(logits: Float32Array, step: number) {
    this.#logits = logits;
    this.#step = step;
    this.highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  }

  /** Returns the token of a rank, from 0; equal logits are ordered by token. */
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

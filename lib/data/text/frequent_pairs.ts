/** The most frequent pairs of neighbours in words, as vocabularies learn them. @module */

/** A word as ids, and its number of occurrences. */
export interface Word {
  ids: number[];
  readonly count: number;
}

/** Largest vocabulary whose pairs of ids are numbers. */
export const MOST_TOKENS = 65_536;

/** Encodes a pair of ids as one number, and decodes its first and second id. */
const pairOf = (first: number, second: number) => first * MOST_TOKENS + second;
export const first = (pair: number): number => Math.floor(pair / MOST_TOKENS);
export const second = (pair: number): number => pair % MOST_TOKENS;

/** The pairs of neighbouring ids: how often and in which words each occurs. */
export class Pairs {
  readonly #counts = new Map<number, number>();
  readonly #words = new Map<number, Set<Word>>();
  /**
   * Pairs to check for the most frequent one: all that occur `#floor` times or
   * more, and perhaps others.
   */
  readonly #frequent = new Set<number>();
  #floor = 2 ** 52;

  constructor(words: readonly Word[]) {
    for (const word of words) this.#count(word, 1);
  }

  /**
   * Finds the most frequent pair, among equals the one with the lowest ids;
   * returns undefined if all pairs occur once.
   */
  mostFrequent(): number | undefined {
    let best: number | undefined;
    let most = 0;
    for (const pair of this.#frequent) {
      const count = this.#counts.get(pair) ?? 0;
      if (count < this.#floor) this.#frequent.delete(pair);
      else if (count > most || (count === most && pair < best!)) {
        [best, most] = [pair, count];
      }
    }
    if (best !== undefined || this.#floor === 2) return best;
    this.#floor /= 2;
    for (const [pair, count] of this.#counts) {
      if (count >= this.#floor) this.#frequent.add(pair);
    }
    return this.mostFrequent();
  }

  /** Merges a pair into one token, wherever it occurs. */
  merge(pair: number, id: number): void {
    for (const word of this.#words.get(pair)!) {
      this.#count(word, -1);
      word.ids = merged(word.ids, pair, id);
      this.#count(word, 1);
    }
  }

  #count(word: Word, sign: 1 | -1): void {
    const { ids, count } = word;
    for (let i = 1; i < ids.length; i++) {
      const pair = pairOf(ids[i - 1]!, ids[i]!);
      const left = (this.#counts.get(pair) ?? 0) + sign * count;
      if (left === 0) {
        this.#counts.delete(pair);
        this.#words.delete(pair);
        continue;
      }
      this.#counts.set(pair, left);
      if (sign < 0) continue;
      if (left >= this.#floor) this.#frequent.add(pair);
      const words = this.#words.get(pair);
      if (words) words.add(word);
      else this.#words.set(pair, new Set([word]));
    }
  }
}

function merged(ids: readonly number[], pair: number, id: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (i + 1 < ids.length && pairOf(ids[i]!, ids[i + 1]!) === pair) {
      result.push(id);
      i++;
    } else {
      result.push(ids[i]!);
    }
  }
  return result;
}

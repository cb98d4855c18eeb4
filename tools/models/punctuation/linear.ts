/** The baseline: a linear model of the words around a gap, and of pairs of them. @module */
import { below, seeded } from "@lionjs/data/batches";
import { CLASSES, MARKS } from "../../../models/punctuation/text/mod.ts";
import { classOf, type Labelled } from "./data.ts";
import type { Sharer } from "./testing.ts";

/** Which words a model sees. */
export type Side = "both sides" | "left words only";

/** Rows of the table, which hashed words and pairs share. */
const ROWS = 1 << 18;

/** The rate of learning at first, divided by the root of the sum of squared gradients. */
const RATE = 0.1;

/** Pairs of places around a word that count; a word by itself is a pair with itself. */
const PAIRS: Readonly<Record<Side, readonly (readonly [number, number])[]>> = {
  "both sides": [
    ...[[0, 0], [-1, -1], [1, 1], [2, 2], [-1, 0], [0, 1]] as const,
    ...[[1, 2], [-2, -1], [-1, 1]] as const,
  ],
  "left words only": [[0, 0], [-1, -1], [-2, -2], [-1, 0], [-2, -1], [-2, 0]],
};

/** A table `[rows, CLASSES]` of what each word and pair says for each class. */
export class LinearModel {
  readonly #side: Side;
  readonly #table = new Float32Array(ROWS * CLASSES);

  /** Trains on so many words, with Adagrad. */
  constructor(
    side: Side,
    paragraphs: readonly (readonly Labelled[])[],
    { words, seed }: { words: number; seed: number },
  ) {
    this.#side = side;
    const random = seeded("linear", seed);
    const squares = new Float32Array(this.#table.length).fill(1e-2);
    const shares = new Float32Array(CLASSES);
    for (let left = words; left > 0;) {
      const own = paragraphs[below(paragraphs.length, random)]!;
      left -= own.length;
      const rate = RATE * Math.max(0.02, left / words);
      const hashes = own.map(hashOf);
      for (let place = 0; place < own.length - 1; place++) {
        const rows = this.#rows(hashes, place);
        this.#share(rows, shares);
        shares[classOf(own[place]!)]! -= 1;
        for (const row of rows) {
          for (let i = 0; i < CLASSES; i++) {
            const at = row * CLASSES + i;
            squares[at]! += shares[i]! ** 2;
            this.#table[at]! -= rate * shares[i]! / Math.sqrt(squares[at]!);
          }
        }
      }
    }
  }

  /** The shares of classes for the words of paragraphs. */
  readonly sharer: Sharer = (paragraphs) =>
    Promise.resolve(paragraphs.map((words) => {
      const hashes = words.map(hashOf);
      const all = new Float32Array(words.length * CLASSES);
      words.forEach((_, place) =>
        this.#share(
          this.#rows(hashes, place),
          all.subarray(place * CLASSES, (place + 1) * CLASSES),
        )
      );
      return all;
    }));

  #rows(hashes: readonly number[], place: number): number[] {
    return PAIRS[this.#side].map(([one, other], kind) => {
      const first = hashes[place + one] ?? 1,
        second = hashes[place + other] ?? 1;
      return mixed(first ^ mixed(second + kind)) % ROWS;
    });
  }

  /** Writes the shares of classes: a softmax of the rows' sum. */
  #share(rows: readonly number[], shares: Float32Array): void {
    shares.fill(0);
    for (const row of rows) {
      for (let i = 0; i < CLASSES; i++) {
        shares[i]! += this.#table[row * CLASSES + i]!;
      }
    }
    const most = Math.max(...shares);
    let sum = 0;
    for (let i = 0; i < CLASSES; i++) {
      sum += shares[i] = Math.exp(shares[i]! - most);
    }
    for (let i = 0; i < CLASSES; i++) shares[i]! /= sum;
  }
}

/** The majority: no mark, and no capital. */
export const majority: Sharer = (paragraphs) =>
  Promise.resolve(
    paragraphs.map((words) =>
      Float32Array.from(
        { length: words.length * CLASSES },
        (_, i) => i % CLASSES === MARKS.indexOf("") ? 1 : 0,
      )
    ),
  );

/** A hash of a word's letters (FNV-1a). */
function hashOf({ reading }: Labelled): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < reading.length; i++) {
    hash = Math.imul(hash ^ reading.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** A number whose 32 bits all depend on all of another's (the finalizer of MurmurHash3). */
function mixed(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}

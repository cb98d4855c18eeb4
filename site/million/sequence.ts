/** A sequence of random tokens, of which only a piece is in memory at a time. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LogDecayPair } from "../../lib/attention/decays/decay_pair.ts";
import { HEAD_DIM, PIECE } from "./sizes.ts";

/** The most that a token's log decay takes away: sources reach thousands of tokens. */
const STRONGEST = 1e-3;

/** Log weights below this are nothing in any float32. */
const FAINTEST = -60;

/** Where the vectors of successive pieces begin in what they are taken from, in tokens. */
const STEPS = { q: 3571, k: 7919, v: 5741 } as const;

type Vector = keyof typeof STEPS;

/** A piece of a sequence, as attention takes it. */
export interface Piece extends Readonly<Record<Vector, tf.Tensor4D>> {
  readonly pair: LogDecayPair;
}

/**
 * Random tokens of a head, with a decay of their own each, as in LION-S. The vectors of
 * a piece are a part of those of two pieces, each time another: a million of them would
 * not fit into a telephone.
 */
export class LongSequence {
  readonly length: number;
  readonly pieces: number;
  readonly #tokens: number;
  readonly #values: Readonly<Record<Vector, Float32Array>>;
  readonly #vectors: Readonly<Record<Vector, tf.Tensor4D>>;
  /** Of the token before the first, of all tokens, and of the one after the last. */
  readonly #logDecays: Float32Array;

  /**
   * @param length Tokens, a multiple of those of a piece or fewer.
   * @param piece Tokens of a piece at most.
   */
  constructor(length: number, piece: number = PIECE) {
    this.length = length;
    this.#tokens = Math.min(piece, length);
    this.pieces = Math.ceil(length / this.#tokens);
    const size = 2 * this.#tokens * HEAD_DIM;
    // Queries and keys are positive, as feature maps make them.
    this.#values = {
      q: randomNumbers(size, 1),
      k: randomNumbers(size, 2),
      v: randomNumbers(size, 3).map((value) => value - 0.5),
    };
    const { q, k, v } = this.#values;
    this.#vectors = { q: vectors(q), k: vectors(k), v: vectors(v) };
    this.#logDecays = randomNumbers(length + 2, 4)
      .map((value) => -STRONGEST * value);
  }

  /** A piece by its number; for `tf.tidy`. */
  piece(index: number): Piece {
    const part = (name: Vector) =>
      tf.slice(this.#vectors[name], [0, 0, this.#start(name, index), 0], [
        ...[1, 1],
        ...[this.#tokens, HEAD_DIM],
      ] as [number, number, number, number]);
    const first = index * this.#tokens;
    // A token's own decay applies to what leaves it: to the right on arriving at the
    // next token, to the left at the one before.
    const decays = (from: number) =>
      tf.tensor3d(
        this.#logDecays.subarray(from, from + this.#tokens),
        [1, 1, this.#tokens],
      );
    return {
      ...{ q: part("q"), k: part("k"), v: part("v") },
      pair: { forward: decays(first), backward: decays(first + 2) },
    };
  }

  /** The piece of a token, and its place there. */
  placeOf(token: number): readonly [piece: number, row: number] {
    return [Math.floor(token / this.#tokens), token % this.#tokens];
  }

  /** The output of a token by the formula, pair by pair, in 64 bits. */
  plainRow(token: number, scale: number, epsilon: number): Float64Array {
    const sums = new Float64Array(HEAD_DIM);
    let rowSum = 0;
    const query = this.#vectorOf("q", token);
    const add = (source: number, logWeight: number) => {
      const key = this.#vectorOf("k", source);
      const score = key.reduce((sum, value, i) => sum + value * query[i]!, 0);
      const weight = Math.exp(logWeight) * scale * score;
      this.#vectorOf("v", source).forEach((value, i) => {
        sums[i]! += weight * value;
      });
      rowSum += weight;
    };
    add(token, 0);
    for (const step of [-1, 1]) {
      let logWeight = 0;
      for (
        let source = token + step;
        source >= 0 && source < this.length && logWeight > FAINTEST;
        source += step
      ) {
        // All decays from the source to the last token before the reader.
        logWeight += this.#logDecays[source + 1]!;
        add(source, logWeight);
      }
    }
    return sums.map((sum) => sum / (rowSum + epsilon));
  }

  dispose(): void {
    tf.dispose(Object.values(this.#vectors));
  }

  #start(name: Vector, piece: number): number {
    return piece * STEPS[name] % this.#tokens;
  }

  #vectorOf(name: Vector, token: number): Float32Array {
    const [piece, row] = this.placeOf(token);
    const at = (this.#start(name, piece) + row) * HEAD_DIM;
    return this.#values[name].subarray(at, at + HEAD_DIM);
  }
}

/** Vectors of a head, a token after the other. */
function vectors(values: Float32Array): tf.Tensor4D {
  return tf.tensor4d(values, [1, 1, values.length / HEAD_DIM, HEAD_DIM]);
}

/** Numbers from 0 to 1: a linear congruence, since millions of them are waited for. */
function randomNumbers(count: number, seed: number): Float32Array {
  let state = Math.imul(seed, 0x9e3779b9);
  return new Float32Array(count).map(() => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0;
    return (state >>> 8) / 2 ** 24;
  });
}

/** The problems of linear transformers that are timed, as plain arrays. @module */
import { array, uniform } from "../tests/random.ts";
import { HEAD_DIM } from "./attention_problem.ts";

/** What a linear transformer does to its state at each token. */
export interface Model {
  /** Whether each channel of the keys has a decay of its own. */
  readonly diagonal: boolean;
  /** Whether a token takes away what the state answers to its key before it writes. */
  readonly delta: boolean;
}

/** One sequence in flat row-major arrays; the scale is 1, decays apply on arrival. */
export interface FamilyProblem extends Model {
  readonly heads: number;
  readonly length: number;
  /** Columns of queries, keys and values. */
  readonly dim: number;
  /** `[heads, length, dim]` */
  readonly q: Float32Array;
  /** `[heads, length, dim]`, each of length one. */
  readonly k: Float32Array;
  /** `[heads, length, dim]` */
  readonly v: Float32Array;
  /** `[heads, length]`, from 0 to 1; `null` without the delta rule. */
  readonly beta: Float32Array | null;
  /** `[heads, length]`, or with `dim` after it where each channel has its own. */
  readonly logDecay: Float32Array;
  /** `[heads, length, dim]`, the gradient of a loss in the output. */
  readonly dy: Float32Array;
}

/** The same problem for the same arguments. */
export function familyProblem(
  { diagonal, delta }: Model,
  heads: number,
  length: number,
  dim: number = HEAD_DIM,
): FamilyProblem {
  const random = uniform(length);
  const tokens = heads * length;
  const vectors = () => array(tokens * dim, random);
  const [q, k, v, dy] = [vectors(), unit(vectors(), dim), vectors(), vectors()];
  const decays = tokens * (diagonal ? dim : 1);
  const logDecay = array(decays, random, (u) => -0.2 * u);
  const beta = delta ? array(tokens, random, (u) => u) : null;
  return { diagonal, delta, heads, length, dim, q, k, v, beta, logDecay, dy };
}

/** Makes each vector one of length one. */
function unit(vectors: Float32Array, dim: number): Float32Array {
  for (let at = 0; at < vectors.length; at += dim) {
    const vector = vectors.subarray(at, at + dim);
    const norm = Math.hypot(...vector);
    vector.forEach((x, n) => vector[n] = x / norm);
  }
  return vectors;
}

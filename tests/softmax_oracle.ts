/**
 * Softmax attention in float64 loops, written from the definition: the truth
 * that the plain form and the kernels are compared with.
 *
 * @module
 */
import type { Differentiated, Sum } from "./float64.ts";
import { isTogether, type UnnormalizedProblem, zeros } from "./oracle.ts";

/** A problem: flat row-major arrays and their sizes. */
export interface SoftmaxProblem extends UnnormalizedProblem {
  /** ALiBi's, one a head. */
  readonly slopes?: readonly number[];
}

/** Solves a problem: the output, and the gradients of Σ y · dy; 0 at padding. */
export function solveSoftmax(problem: SoftmaxProblem): Differentiated {
  const { batch, heads, length, headDim, valueDim, scale, causal } = problem;
  const { q, k, v, dy, mask, segments, slopes: falls } = problem;
  const tokens = batch * heads * length;
  const [y, dv] = [zeros(tokens * valueDim), zeros(tokens * valueDim)];
  const [dq, dk] = [zeros(tokens * headDim), zeros(tokens * headDim)];
  for (let sequence = 0; sequence < batch * heads; sequence++) {
    const entry = Math.floor(sequence / heads);
    const isToken = (i: number) => mask?.[entry * length + i] !== 0;
    const own = segments?.subarray(entry * length, (entry + 1) * length);
    const at = (i: number, dim: number) => (sequence * length + i) * dim;
    for (let i = 0; i < length; i++) {
      if (!isToken(i)) continue;
      const read = [...Array(causal ? i + 1 : length).keys()].filter((j) =>
        isToken(j) && isTogether(own, i, j)
      );
      const scores = read.map((j) =>
        scale * dot(q, at(i, headDim), k, at(j, headDim), headDim) -
        (falls?.[sequence % heads] ?? 0) * Math.abs(i - j)
      );
      const largest = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - largest));
      const total = powers.reduce((sum, power) => sum + power, 0);
      const weights = powers.map((power) => power / total);
      read.forEach((j, n) =>
        add(y, at(i, valueDim), weights[n]!, v, at(j, valueDim), valueDim)
      );
      const slopes = read.map((j) =>
        dot(dy, at(i, valueDim), v, at(j, valueDim), valueDim)
      );
      const mean = slopes.reduce((sum, x, n) => sum + weights[n]! * x, 0);
      read.forEach((j, n) => {
        const factor = scale * weights[n]! * (slopes[n]! - mean);
        add(dq, at(i, headDim), factor, k, at(j, headDim), headDim);
        add(dk, at(j, headDim), factor, q, at(i, headDim), headDim);
        add(dv, at(j, valueDim), weights[n]!, dy, at(i, valueDim), valueDim);
      });
    }
  }
  return { y, gradients: { q: dq, k: dk, v: dv } };
}

function dot(
  a: Float32Array,
  aAt: number,
  b: Float32Array,
  bAt: number,
  count: number,
): number {
  let sum = 0;
  for (let n = 0; n < count; n++) sum += a[aAt + n]! * b[bAt + n]!;
  return sum;
}

/** sum += factor · x */
function add(
  { values, magnitudes }: Sum,
  at: number,
  factor: number,
  x: Float32Array,
  xAt: number,
  count: number,
): void {
  for (let n = 0; n < count; n++) {
    const term = factor * x[xAt + n]!;
    values[at + n]! += term;
    magnitudes[at + n]! += Math.abs(term);
  }
}

/**
 * Softmax attention in float64 loops, written from the definition: the truth
 * that the plain form and the kernels are compared with.
 *
 * @module
 */
import type { Differentiated, Sum } from "./float64.ts";
import {
  isTogether,
  type OracleDecay,
  stepOf,
  type UnnormalizedProblem,
  zeros,
} from "./oracle.ts";

/** A problem: flat row-major arrays and their sizes. */
export interface SoftmaxProblem extends UnnormalizedProblem {
  /** ALiBi's, one a head. */
  readonly slopes?: readonly number[];
  /** @default none */
  readonly decay?: OracleDecay;
}

/** Solves a problem: the output, and the gradients of Σ y · dy; 0 at padding. */
export function solveSoftmax(problem: SoftmaxProblem): Differentiated {
  const { batch, heads, length, headDim, valueDim, scale, causal } = problem;
  const { q, k, v, dy, mask, segments, slopes } = problem;
  const tokens = batch * heads * length;
  const [y, dv] = [zeros(tokens * valueDim), zeros(tokens * valueDim)];
  const [dq, dk] = [zeros(tokens * headDim), zeros(tokens * headDim)];
  const { kind = "none", ...arrays } = problem.decay ?? {};
  const logDecays: Readonly<Record<string, Float32Array>> = arrays;
  const ofDecay = Object.fromEntries(
    Object.entries(logDecays).map(([name, x]) => [name, zeros(x.length)]),
  );
  for (let sequence = 0; sequence < batch * heads; sequence++) {
    const entry = Math.floor(sequence / heads);
    const isToken = (i: number) => mask?.[entry * length + i] !== 0;
    const own = segments?.subarray(entry * length, (entry + 1) * length);
    const at = (i: number, dim: number) => (sequence * length + i) * dim;
    /** Which entry of which array is the log decay between j and its neighbour towards i. */
    const stepAt = (j: number, i: number) => {
      const [name, t] = stepOf(kind, j, j + Math.sign(i - j));
      return [name, kind === "fixed" ? sequence % heads : at(t, 1)] as const;
    };
    for (let i = 0; i < length; i++) {
      if (!isToken(i)) continue;
      const read = [...Array(causal ? i + 1 : length).keys()].filter((j) =>
        isToken(j) && isTogether(own, i, j)
      );
      const logMask = new Float64Array(length);
      for (const way of kind === "none" ? [] : [-1, 1]) {
        for (let j = i + way; j >= 0 && j < length; j += way) {
          const [name, place] = stepAt(j, i);
          logMask[j] = logMask[j - way]! + logDecays[name]![place]!;
        }
      }
      const scores = read.map((j) =>
        scale * dot(q, at(i, headDim), k, at(j, headDim), headDim) -
        (slopes?.[sequence % heads] ?? 0) * Math.abs(i - j) + logMask[j]!
      );
      const largest = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - largest));
      const total = powers.reduce((sum, power) => sum + power, 0);
      const weights = powers.map((power) => power / total);
      read.forEach((j, n) =>
        add(y, at(i, valueDim), weights[n]!, v, at(j, valueDim), valueDim)
      );
      const ofWeights = read.map((j) =>
        dot(dy, at(i, valueDim), v, at(j, valueDim), valueDim)
      );
      const mean = ofWeights.reduce((sum, x, n) => sum + weights[n]! * x, 0);
      read.forEach((j, n) => {
        const factor = scale * weights[n]! * (ofWeights[n]! - mean);
        add(dq, at(i, headDim), factor, k, at(j, headDim), headDim);
        add(dk, at(j, headDim), factor, q, at(i, headDim), headDim);
        add(dv, at(j, valueDim), weights[n]!, dy, at(i, valueDim), valueDim);
      });
      // A decay is on the paths from all tokens beyond it.
      const ofScores = zeros(length);
      read.forEach((j, n) => {
        ofScores.values[j] = weights[n]! * (ofWeights[n]! - mean);
        ofScores.magnitudes[j] = weights[n]! *
          (Math.abs(ofWeights[n]!) + Math.abs(mean));
      });
      for (const way of kind === "none" ? [] : [-1, 1]) {
        let beyond = 0, magnitude = 0;
        for (let j = way < 0 ? 0 : length - 1; j !== i; j -= way) {
          beyond += ofScores.values[j]!;
          magnitude += ofScores.magnitudes[j]!;
          const [name, place] = stepAt(j, i);
          ofDecay[name]!.values[place]! += beyond;
          ofDecay[name]!.magnitudes[place]! += magnitude;
        }
      }
    }
  }
  return { y, gradients: { q: dq, k: dk, v: dv, ...ofDecay } };
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

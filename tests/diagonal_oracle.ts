/**
 * Attention with decays of each channel in float64, from the definition:
 *
 *     w_ij = m_i m_j s Σ_n M_ijn q_in k_jn
 *     y_i  = Σ_j w_ij v_j / (Σ_j w_ij + ε)
 *
 * where M_ijn is the product of channel n's decays on the path from j to i.
 *
 * @module
 */
import {
  constant,
  differentiate,
  type Differentiated,
  exp,
  over,
  plus,
  type Scalar,
  times,
} from "./float64.ts";
import type { Problem } from "./oracle.ts";

/** A problem whose log decays are of each channel. */
export interface DiagonalProblem extends Omit<Problem, "decay"> {
  readonly kind: "source" | "arrival" | "two-sided";
  /** Log decays, `[batch, heads, length, headDim]`: `logDecay`, or `forward` and `backward`. */
  readonly decays: Readonly<Record<string, Float32Array>>;
}

/** Solves a problem: the output, and the gradients of Σ y · dy. */
export function solveDiagonal(problem: DiagonalProblem): Differentiated {
  const { batch, heads, length, headDim, valueDim, kind, causal } = problem;
  const { q, k, v, decays, scale, epsilon, normalize, mask } = problem;
  const segmentOf = (sequence: number, i: number) =>
    problem.segments?.[Math.floor(sequence / heads) * length + i];
  const isToken = (sequence: number, i: number) =>
    mask?.[Math.floor(sequence / heads) * length + i] !== 0;
  const dy = problem.dy.map((x, at) => {
    const token = Math.floor(at / valueDim);
    return isToken(Math.floor(token / length), token % length) ? x : 0;
  });
  return differentiate({ q, k, v, ...decays }, dy, (inputs) => {
    const y: Scalar[] = [];
    const s = constant(scale);
    for (let sequence = 0; sequence < batch * heads; sequence++) {
      const row = (name: string, i: number) => {
        const columns = name === "v" ? valueDim : headDim;
        const at = (sequence * length + i) * columns;
        return inputs[name]!.slice(at, at + columns);
      };
      /** The log decay of the step from a token to the next one to its right or left. */
      const step = (from: number, to: number) =>
        kind === "two-sided"
          ? row(from < to ? "forward" : "backward", to)
          : row("logDecay", kind === "source" ? from : to);
      for (let i = 0; i < length; i++) {
        if (!isToken(sequence, i)) {
          for (let e = 0; e < valueDim; e++) y.push(constant(0));
          continue;
        }
        const weights: Scalar[] = [];
        const read = (j: number, path: readonly Scalar[]) => {
          if (!isToken(sequence, j)) return;
          const [query, key] = [row("q", i), row("k", j)];
          const products = path.map((x, n) =>
            times(exp(x), times(query[n]!, key[n]!))
          );
          weights[j] = times(s, plus(...products));
        };
        for (const direction of causal ? [-1] : [-1, 1]) {
          let path = row("q", i).map(() => constant(0));
          for (let j = i; j >= 0 && j < length; j += direction) {
            if (j !== i) {
              const before = segmentOf(sequence, j - direction);
              if (segmentOf(sequence, j) !== before) break;
              const logDecay = step(j, j - direction);
              path = path.map((x, n) => plus(x, logDecay[n]!));
            }
            if (j !== i || direction === -1) read(j, path);
          }
        }
        const sources = Object.keys(weights).map(Number);
        const norm = plus(...Object.values(weights), constant(epsilon));
        for (let e = 0; e < valueDim; e++) {
          const sum = plus(
            ...sources.map((j) => times(weights[j]!, row("v", j)[e]!)),
          );
          y.push(normalize ? over(sum, norm) : sum);
        }
      }
    }
    return y;
  });
}

/**
 * The delta rule in float64, as the loop of its recurrence with the transition
 * matrices written out:
 *
 *     S_i = (I - β_i k_i k_iᵀ) diag(e^{g_i}) S_{i-1} + β_i k_i v_iᵀ
 *     y_i = s S_iᵀ q_i
 *
 * From both ends what a token has written itself counts once. Padding, m = 0,
 * is left out of the sequence.
 *
 * @module
 */
import {
  constant,
  differentiate,
  type Differentiated,
  dot,
  exp,
  minus,
  ofBoundedStates,
  plus,
  type Scalar,
  times,
} from "./float64.ts";
import type { UnnormalizedProblem } from "./oracle.ts";

/** A problem: flat row-major arrays and their sizes. */
export interface DeltaProblem extends UnnormalizedProblem {
  /** `[batch, heads, length]` */
  readonly beta: Float32Array;
  /** Log decays, applied on arrival: `[batch, heads, length]`, or with headDim after it. */
  readonly gates: {
    readonly forward?: Float32Array;
    /** @default forward */
    readonly backward?: Float32Array;
  };
  /** Whether the gates have headDim as their last axis. @default false */
  readonly isDiagonal?: boolean;
}

/** Solves a problem: the output, and the gradients of Σ y · dy. */
export function solveDelta(problem: DeltaProblem): Differentiated {
  return ofBoundedStates(solve(problem), problem);
}

function solve(problem: DeltaProblem): Differentiated {
  const { batch, heads, length, headDim, valueDim } = problem;
  const { scale, causal, mask, segments, gates } = problem;
  const { q, k, v, beta } = problem;
  const all = { q, k, v, beta, ...gates };
  return differentiate(all, maskedOut(problem), (inputs) => {
    const y: Scalar[] = [];
    for (let sequence = 0; sequence < batch * heads; sequence++) {
      const entry = Math.floor(sequence / heads);
      const row = (name: string, i: number, columns: number) => {
        const at = (sequence * length + i) * columns;
        return inputs[name]!.slice(at, at + columns);
      };
      const tokens = Array.from({ length }, (_, i) => i)
        .filter((i) => mask?.[entry * length + i] !== 0);
      /** Whether nothing passes from one token to another. */
      const parted = (from: number, to: number) => {
        const numbers = segments?.subarray(
          entry * length + Math.min(from, to),
          entry * length + Math.max(from, to) + 1,
        );
        return numbers?.some((number) => number !== numbers[0]) ?? false;
      };

      const sweep = (order: number[], gate: string) => {
        const outputs: Scalar[][] = [];
        let state = zeros(headDim, valueDim);
        order.forEach((i, at) => {
          if (at === 0 || parted(order[at - 1]!, i)) {
            state = zeros(headDim, valueDim);
          }
          const key = row("k", i, headDim);
          const value = row("v", i, valueDim);
          const [b] = row("beta", i, 1);
          const decays = inputs[gate] &&
            row(gate, i, inputs[gate].length / (batch * heads * length));
          const faded = state.map((x, n) =>
            decays ? x.map((s) => times(exp(decays[n % decays.length]!), s)) : x
          );
          state = key.map((kn, n) => {
            const written = times(b!, kn);
            const transition = key.map((km, m) =>
              minus(constant(m === n ? 1 : 0), times(written, km))
            );
            return value.map((ve, e) =>
              plus(
                dot(transition, faded.map((x) => x[e]!)),
                times(written, ve),
              )
            );
          });
          const query = row("q", i, headDim);
          outputs[i] = value.map((_, e) => dot(query, state.map((x) => x[e]!)));
        });
        return outputs;
      };
      const past = sweep(tokens, "forward");
      const future = causal
        ? []
        : sweep(tokens.toReversed(), gates.backward ? "backward" : "forward");
      for (let i = 0; i < length; i++) {
        const [b] = row("beta", i, 1);
        const product = dot(row("q", i, headDim), row("k", i, headDim));
        const own = times(b!, product);
        row("v", i, valueDim).forEach((ve, e) => {
          const ofPast = past[i]?.[e] ?? constant(0);
          const both = causal || !past[i]
            ? ofPast
            : minus(plus(ofPast, future[i]![e]!), times(own, ve));
          y.push(times(constant(scale), both));
        });
      }
    }
    return y;
  });
}

/** The gradient of the loss, of which that at padding is ignored. */
function maskedOut(problem: DeltaProblem): Float32Array {
  const { dy, heads, length, valueDim, mask } = problem;
  return dy.map((x, i) => {
    const token = Math.floor(i / valueDim);
    const entry = Math.floor(token / (heads * length));
    return mask?.[entry * length + token % length] === 0 ? 0 : x;
  });
}

function zeros(rows: number, columns: number): Scalar[][] {
  return Array.from(
    { length: rows },
    () => Array.from({ length: columns }, () => constant(0)),
  );
}

/**
 * Attention in float64 as the loop of its recurrence, for sequences that are too
 * long for the definition's loops over pairs of tokens (`oracle.ts`), and for
 * decays of each channel:
 *
 *     F_i = e^{f_i} (F_{i-1} + k_{i-1} (v_{i-1}, 1)ᵀ)
 *     B_i = e^{b_i} (B_{i+1} + k_{i+1} (v_{i+1}, 1)ᵀ)
 *     (n_i, z_i) = s (F_i + k_i (v_i, 1)ᵀ + B_i)ᵀ q_i
 *     y_i = n_i / (z_i + ε)
 *
 * where f and b are the log decays on arriving from the left and from the right.
 * Padding is not read, but its decays apply; each segment begins with nothing.
 *
 * @module
 */
import {
  constant,
  differentiate,
  type Differentiated,
  dot,
  exp,
  over,
  plus,
  type Scalar,
  times,
} from "./float64.ts";
import type { Problem } from "./oracle.ts";

/** A problem of any decay: log decays by their names, as the decay has them. */
export interface RecurrentProblem extends Omit<Problem, "decay"> {
  readonly kind: "none" | "fixed" | "source" | "arrival" | "two-sided";
  /** Whether they have headDim as their last axis. */
  readonly isDiagonal: boolean;
  /** `[heads]` if fixed; else `[batch, heads, length]`, or with headDim after it. */
  readonly decays: Readonly<Record<string, Float32Array>>;
}

type Inputs = Readonly<Record<string, readonly Scalar[]>>;

/** Solves a problem: the output, and the gradients of Σ y · dy. */
export function solveRecurrently(problem: RecurrentProblem): Differentiated {
  const { batch, heads, length, valueDim, q, k, v, decays } = problem;
  const isToken = tokensOf(problem);
  const dy = problem.dy.map((gradient, at) =>
    isToken(Math.floor(at / valueDim)) ? gradient : 0
  );
  return differentiate({ q, k, v, ...decays }, dy, (inputs) =>
    Array.from(
      { length: batch * heads },
      (_, sequence) => attend(problem, inputs, sequence * length),
    ).flat(2));
}

/** Whether the token in a row of q is one; padding is none. */
function tokensOf({ heads, length, mask }: RecurrentProblem) {
  return (row: number) => {
    const entry = Math.floor(row / (heads * length));
    return mask?.[entry * length + row % length] !== 0;
  };
}

/** The outputs of the sequence that begins in a row of q. */
function attend(
  problem: RecurrentProblem,
  inputs: Inputs,
  start: number,
): Scalar[][] {
  const { heads, length, headDim, valueDim, segments } = problem;
  const { scale, epsilon, normalize, causal } = problem;
  const isToken = tokensOf(problem);
  const entry = Math.floor(start / (heads * length));
  const row = (name: string, i: number, columns: number) =>
    inputs[name]!.slice((start + i) * columns, (start + i + 1) * columns);
  const one = constant(1);
  const written = (i: number) => {
    const value = row("v", i, valueDim);
    return normalize ? [...value, one] : value;
  };
  const columns = valueDim + Number(normalize);
  const nothing = constant(0);
  const empty = (): Scalar[][] =>
    Array.from({ length: headDim }, () => Array(columns).fill(nothing));
  const write = (state: Scalar[][], i: number) => {
    if (!isToken(start + i)) return state;
    const key = row("k", i, headDim), value = written(i);
    return state.map((x, n) =>
      x.map((sum, e) => plus(sum, times(key[n]!, value[e]!)))
    );
  };

  /** What reaches each token from one side. */
  const sweep = (order: readonly number[]): Scalar[][][] => {
    const reaching: Scalar[][][] = [];
    let state = empty(), before = -1;
    for (const i of order) {
      const number = (at: number) => segments?.[entry * length + at];
      if (before < 0 || number(before) !== number(i)) state = empty();
      else {
        const decays = decaysBetween(problem, inputs, start, before, i).map(
          exp,
        );
        state = write(state, before);
        if (decays.length > 0) {
          state = state.map((x, n) =>
            x.map((sum) => times(decays[n % decays.length]!, sum))
          );
        }
      }
      reaching[i] = state;
      before = i;
    }
    return reaching;
  };
  const order = Array.from({ length }, (_, i) => i);
  const past = sweep(order);
  const future = causal ? [] : sweep(order.toReversed());
  return order.map((i) => {
    if (!isToken(start + i)) return Array<Scalar>(valueDim).fill(constant(0));
    const query = row("q", i, headDim);
    const read = (state: Scalar[][]) =>
      Array.from(
        { length: columns },
        (_, e) => times(constant(scale), dot(query, state.map((x) => x[e]!))),
      );
    const left = read(write(past[i]!, i));
    const right = future[i] && read(future[i]);
    const sums = right ? left.map((x, e) => plus(x, right[e]!)) : left;
    if (!normalize) return sums;
    const norm = plus(sums[valueDim]!, constant(epsilon));
    return sums.slice(0, valueDim).map((x) => over(x, norm));
  });
}

/** The log decays of a state from a token to its neighbour: one, one for each channel, or none. */
function decaysBetween(
  { kind, isDiagonal, heads, length, headDim }: RecurrentProblem,
  inputs: Inputs,
  start: number,
  from: number,
  to: number,
): readonly Scalar[] {
  if (kind === "none") return [];
  if (kind === "fixed") {
    return [inputs["logDecay"]![Math.floor(start / length) % heads]!];
  }
  const columns = isDiagonal ? headDim : 1;
  const name = kind !== "two-sided"
    ? "logDecay"
    : from < to
    ? "forward"
    : "backward";
  const at = (start + (kind === "source" ? from : to)) * columns;
  return inputs[name]!.slice(at, at + columns);
}

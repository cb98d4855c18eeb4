/**
 * Mamba's selective scan in float64, as the loop of its recurrence:
 *
 *     h_t = e^{Δ_t a} h_{t-1} + Δ_t b_t x_t
 *     y_t = (c_t · h_t + d x_t) SiLU(z_t)
 *
 * Padding, m = 0, is left out of the sequence.
 *
 * @module
 */
import {
  constant,
  differentiate,
  type Differentiated,
  dot,
  exp,
  plus,
  type Scalar,
  silu,
  times,
} from "./float64.ts";

/** A problem: flat row-major arrays and their sizes. */
export interface ScanProblem {
  readonly batch: number;
  readonly length: number;
  readonly channels: number;
  readonly stateDim: number;
  /** `x`, `dt`, `a`, `b`, `c`, and `d` and `z` where there are such. */
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /** `[batch, length, channels]`, the gradient of the loss in y. */
  readonly dy: Float32Array;
  readonly reverse: boolean;
  /** `[batch, length]`, 0 at padding, which may hold NaN. */
  readonly mask?: Float32Array;
  /** `[batch, length]` */
  readonly segments?: Int32Array;
}

/** What a loop over the tokens of one sequence reads of each; rows of scalars. */
export interface ScanRows {
  readonly x: readonly Scalar[][];
  readonly dt: readonly Scalar[][];
  readonly a: readonly Scalar[][];
  readonly b: readonly Scalar[][];
  readonly c: readonly Scalar[][];
}

/**
 * c_t · h_t of each of some tokens and each channel.
 *
 * @param order The tokens in the order in which they are read.
 * @param begins Whether the state forgets all before a token.
 */
export function scanRows(
  { x, dt, a, b, c }: ScanRows,
  order: readonly number[],
  begins: (from: number, to: number) => boolean = () => false,
): Scalar[][] {
  const outputs: Scalar[][] = [];
  let states = a.map((row) => row.map(() => constant(0)));
  order.forEach((t, at) => {
    if (at > 0 && begins(order[at - 1]!, t)) {
      states = a.map((row) => row.map(() => constant(0)));
    }
    states = a.map((rates, channel) => {
      const step = dt[t]![channel]!;
      const taken = times(step, x[t]![channel]!);
      return rates.map((rate, n) =>
        plus(
          times(exp(times(step, rate)), states[channel]![n]!),
          times(taken, b[t]![n]!),
        )
      );
    });
    outputs[t] = states.map((state) => dot(c[t]!, state));
  });
  return outputs;
}

/** A flat array as rows. */
export function rows<T>(x: readonly T[], columns: number): T[][] {
  return Array.from(
    { length: x.length / columns },
    (_, i) => x.slice(i * columns, (i + 1) * columns),
  );
}

/** Solves a problem: the output, and the gradients of Σ y · dy. */
export function solveScan(problem: ScanProblem): Differentiated {
  const { batch, length, channels, stateDim, reverse } = problem;
  const { mask, segments } = problem;
  const isToken = (entry: number, t: number) =>
    mask?.[entry * length + t] !== 0;
  const dy = problem.dy.map((gradient, i) => {
    const token = Math.floor(i / channels);
    return isToken(Math.floor(token / length), token % length) ? gradient : 0;
  });
  return differentiate(problem.inputs, dy, (inputs) => {
    const { x, dt, a, b, c, d, z } = inputs;
    return Array.from({ length: batch }, (_, entry) => {
      const ofEntry = (x: Scalar[], columns: number) =>
        rows(x, columns).slice(entry * length, (entry + 1) * length);
      const order = Array.from({ length }, (_, t) => t)
        .filter((t) => isToken(entry, t));
      if (reverse) order.reverse();
      const taken = ofEntry(x!, channels), gates = z && ofEntry(z, channels);
      const parted = (from: number, to: number) =>
        segments?.subarray(
          entry * length + Math.min(from, to),
          entry * length + Math.max(from, to) + 1,
        ).some((number, _, all) => number !== all[0]) ?? false;
      const read = scanRows(
        {
          x: taken,
          dt: ofEntry(dt!, channels),
          a: rows(a!, stateDim),
          b: ofEntry(b!, stateDim),
          c: ofEntry(c!, stateDim),
        },
        order,
        parted,
      );
      return Array.from(
        { length },
        (_, t) =>
          Array.from({ length: channels }, (_, channel) => {
            if (!read[t]) return constant(0);
            const own = read[t][channel]!;
            const skip = d && times(d[channel]!, taken[t]![channel]!);
            const y = skip ? plus(own, skip) : own;
            return gates ? times(y, silu(gates[t]![channel]!)) : y;
          }),
      );
    }).flat(2);
  });
}

/** Short convolutions in float64, as PyTorch's `Conv1d` with a group a channel defines them. @module */
import {
  constant,
  differentiate,
  type Differentiated,
  plus,
  type Scalar,
  silu,
  times,
} from "./float64.ts";
import { rows } from "./selective_scan_oracle.ts";

/** A problem: flat row-major arrays and their sizes. */
export interface ConvolutionProblem {
  readonly batch: number;
  readonly length: number;
  readonly channels: number;
  readonly taps: number;
  /** `x`, `weight`, and `bias` where there is one. */
  readonly inputs: Readonly<Record<string, Float32Array>>;
  readonly dy: Float32Array;
  readonly place: "causal" | "centred";
  readonly reverse: boolean;
  readonly activation: "none" | "silu";
  /** `[batch, length]`, 0 at padding, which may hold NaN. */
  readonly mask?: Float32Array;
  /** `[batch, length]` */
  readonly segments?: Int32Array;
}

/**
 * Sums of the taps of one sequence's tokens: tap k of token t reads the token
 * t + k - before.
 *
 * @param isRead Whether a token reads another one, which is there.
 */
export function convolveRows(
  x: readonly Scalar[][],
  weight: readonly Scalar[][],
  bias: readonly Scalar[] | undefined,
  before: number,
  isRead: (from: number, to: number) => boolean = () => true,
): Scalar[][] {
  return x.map((row, t) =>
    row.map((_, channel) => {
      const terms = weight[channel]!.flatMap((tap, k) => {
        const from = t + k - before;
        return x[from] && isRead(from, t)
          ? [times(tap, x[from][channel]!)]
          : [];
      });
      return plus(bias ? bias[channel]! : constant(0), ...terms);
    })
  );
}

/** Solves a problem: the output, and the gradients of Σ y · dy. */
export function solveConvolution(problem: ConvolutionProblem): Differentiated {
  const { batch, length, channels, taps, inputs, place, reverse } = problem;
  const { mask, segments } = problem;
  const dy = problem.dy.map((gradient, i) =>
    mask?.[Math.floor(i / channels)] === 0 ? 0 : gradient
  );
  return differentiate(
    inputs,
    dy,
    ({ x, weight, bias }) =>
      Array.from({ length: batch }, (_, entry) => {
        const isToken = (t: number) => mask?.[entry * length + t] !== 0;
        const own = rows(x!, channels).slice(
          entry * length,
          (entry + 1) * length,
        )
          .map((row, t) => isToken(t) ? row : row.map(() => constant(0)));
        const turned = <T>(list: T[]) => reverse ? list.toReversed() : list;
        const placeOf = (t: number) => reverse ? length - 1 - t : t;
        const isRead = (from: number, to: number) => {
          const ends = [placeOf(from), placeOf(to)].sort((a, b) => a - b);
          const between = segments?.subarray(
            entry * length + ends[0]!,
            entry * length + ends[1]! + 1,
          );
          return between?.every((number) => number === between[0]) ?? true;
        };
        const sums = convolveRows(
          turned(own),
          rows(weight!, taps),
          bias,
          place === "causal" ? taps - 1 : (taps - 1) / 2,
          isRead,
        );
        return turned(sums).map((row, t) =>
          row.map((sum) =>
            !isToken(t)
              ? constant(0)
              : problem.activation === "silu"
              ? silu(sum)
              : sum
          )
        );
      }).flat(2),
  );
}

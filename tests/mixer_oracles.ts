/**
 * Vim's and Hydra's mixers in float64, step by step as their authors' modules
 * compute them: each direction is the same causal code on a sequence that was
 * turned round. Matrices are `[inputs, outputs]`, all else is PyTorch's.
 *
 * @module
 */
import { convolveRows } from "./convolution_oracle.ts";
import {
  apply,
  constant,
  differentiate,
  type Differentiated,
  dot,
  exp,
  minus,
  over,
  plus,
  type Scalar,
  silu,
  softplus,
  times,
} from "./float64.ts";
import { rows, scanRows } from "./selective_scan_oracle.ts";

/** A problem: flat row-major arrays, and the sizes of the tokens. */
export interface MixerProblem {
  readonly batch: number;
  readonly length: number;
  readonly dim: number;
  /** `x`, `[batch, length, dim]`, and the parameters by their names. */
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /** `[batch, length, dim]` */
  readonly dy: Float32Array;
}

/** Parameters as scalars, by name. */
type Named = Readonly<Record<string, Scalar[]>>;

/** Columns `from` to before `to` of each row. */
function columns(x: Scalar[][], from: number, to: number): Scalar[][] {
  return x.map((row) => row.slice(from, to));
}

/** x W + b */
function linear(x: Scalar[][], weight: Scalar[], bias?: Scalar[]): Scalar[][] {
  const matrix = rows(weight, weight.length / x[0]!.length);
  const turned = matrix[0]!.map((_, j) => matrix.map((row) => row[j]!));
  return x.map((row) =>
    turned.map((column, j) => {
      const product = dot(row, column);
      return bias ? plus(product, bias[j]!) : product;
    })
  );
}

/** Solves a mixer sequence by sequence: the output, and the gradients of Σ y · dy. */
function solve(
  { batch, length, dim, inputs, dy }: MixerProblem,
  mix: (x: Scalar[][], parameters: Named) => Scalar[][],
): Differentiated {
  return differentiate(
    inputs,
    dy,
    ({ x, ...parameters }) =>
      Array.from({ length: batch }, (_, entry) => {
        const own = rows(x!, dim).slice(entry * length, (entry + 1) * length);
        return mix(own, parameters);
      }).flat(2),
  );
}

/** Vim's mixer. */
export function solveVim(
  problem: MixerProblem,
  { stateDim, average, causal = false }: {
    readonly stateDim: number;
    readonly average: boolean;
    readonly causal?: boolean;
  },
): Differentiated {
  return solve(problem, (x, parameters) => {
    const projected = linear(x, parameters["in_proj.weight"]!);
    const channels = projected[0]!.length / 2;
    const direction = (columnsOf: Scalar[][], suffix: string, pace: string) => {
      const own = (name: string, part: string) =>
        parameters[`${name}${suffix}.${part}`]!;
      const taps = own("conv1d", "weight").length / channels;
      const u = convolveRows(
        columns(columnsOf, 0, channels),
        rows(own("conv1d", "weight"), taps),
        own("conv1d", "bias"),
        taps - 1,
      ).map((row) => row.map(silu));
      const selected = linear(u, own("x_proj", "weight"));
      const rank = selected[0]!.length - 2 * stateDim;
      const dt = linear(
        columns(selected, 0, rank),
        own("dt_proj", "weight"),
        own("dt_proj", "bias"),
      ).map((row) => row.map(softplus));
      const read = scanRows({
        x: u,
        dt,
        a: rows(parameters[pace]!, stateDim)
          .map((row) => row.map((x) => minus(constant(0), exp(x)))),
        b: columns(selected, rank, rank + stateDim),
        c: columns(selected, rank + stateDim, rank + 2 * stateDim),
      }, u.map((_, t) => t));
      return read.map((row, t) =>
        row.map((y, j) =>
          times(
            plus(y, times(parameters[`D${suffix}`]![j]!, u[t]![j]!)),
            silu(columnsOf[t]![channels + j]!),
          )
        )
      );
    };
    const forward = direction(projected, "", "A_log");
    if (causal) return linear(forward, parameters["out_proj.weight"]!);
    const backward = direction(projected.toReversed(), "_b", "A_b_log")
      .toReversed();
    const weight = constant(average ? 0.5 : 1);
    const both = forward.map((row, t) =>
      row.map((y, j) => times(weight, plus(y, backward[t]![j]!)))
    );
    return linear(both, parameters["out_proj.weight"]!);
  });
}

/** Hydra's mixer. */
export function solveHydra(
  problem: MixerProblem,
  { stateDim, headDim }: {
    readonly stateDim: number;
    readonly headDim: number;
  },
): Differentiated {
  return solve(problem, (rowsOfX, parameters) => {
    const heads = parameters["A_log"]!.length, channels = heads * headDim;
    const mixed = channels + 4 * stateDim;
    const zxbcdt = linear(rowsOfX, parameters["in_proj.weight"]!);
    const z = columns(zxbcdt, 0, channels);
    const steps = columns(zxbcdt, channels + mixed, zxbcdt[0]!.length);
    const weight = parameters["conv1d.weight"]!;
    const taps = weight.length / mixed;
    const convolved = convolveRows(
      columns(zxbcdt, channels, channels + mixed),
      rows(weight, taps),
      parameters["conv1d.bias"],
      Math.floor(taps / 2),
    ).map((row) => row.map(silu));
    const x = columns(convolved, 0, channels);
    const part = (i: number) =>
      columns(
        convolved,
        channels + i * stateDim,
        channels + (i + 1) * stateDim,
      );
    const dtOf = (from: number) =>
      columns(steps, from, from + heads).map((row) =>
        row.map((step, h) => softplus(plus(step, parameters["dt_bias"]![h]!)))
      );
    /** The causal scan, and its output moved on by a token. */
    const shifted = (
      x: Scalar[][],
      dt: Scalar[][],
      b: Scalar[][],
      c: Scalar[][],
    ): Scalar[][] => {
      const read = scanRows({
        x,
        // Each channel has its head's step and pace, for all numbers of its state.
        dt: dt.map((row) => x[0]!.map((_, j) => row[Math.floor(j / headDim)]!)),
        a: x[0]!.map((_, j) => {
          const pace = exp(parameters["A_log"]![Math.floor(j / headDim)]!);
          return Array.from(
            { length: stateDim },
            () => minus(constant(0), pace),
          );
        }),
        b,
        c,
      }, x.map((_, t) => t));
      return read.map((row, t) =>
        t > 0 ? read[t - 1]! : row.map(() => constant(0))
      );
    };
    const forward = shifted(x, dtOf(0), part(0), part(1));
    const backward = shifted(
      x.toReversed(),
      dtOf(heads).toReversed(),
      part(2).toReversed(),
      part(3).toReversed(),
    ).toReversed();
    const own = linear(x, parameters["fc_D.weight"]!, parameters["D"]);
    const y = x.map((row, t) =>
      row.map((value, j) =>
        plus(
          forward[t]![j]!,
          backward[t]![j]!,
          times(value, own[t]![Math.floor(j / headDim)]!),
        )
      )
    );
    const normal = y.map((row, t) => {
      const mean = over(dot(row, row), constant(channels));
      const root = apply(
        plus(mean, constant(1e-5)),
        Math.sqrt,
        (x) => 0.5 / Math.sqrt(x),
      );
      return row.map((value, j) =>
        times(
          times(over(value, root), parameters["norm.weight"]![j]!),
          silu(z[t]![j]!),
        )
      );
    });
    return linear(normal, parameters["out_proj.weight"]!);
  });
}

/** Softmax attention's mixer: positions in its scores, from their papers. */
export function solveSoftmaxMixer(
  problem: MixerProblem,
  { heads, position, rotaryScale = 1, causal }: {
    readonly heads: number;
    readonly position: "none" | "rotary" | "alibi";
    readonly rotaryScale?: number;
    readonly causal: boolean;
  },
): Differentiated {
  const headDim = problem.dim / heads;
  /** RoPE in complex numbers: pairs of the two halves, turned. */
  const placed = (row: Scalar[], place: number): Scalar[] => {
    if (position !== "rotary") return row;
    const half = headDim / 2;
    return row.map((x, n) => {
      const angle = place / rotaryScale * 10_000 ** (-2 * (n % half) / headDim);
      const [real, imaginary] = [Math.cos(angle), Math.sin(angle)].map(
        constant,
      );
      return n < half
        ? minus(times(x, real!), times(row[n + half]!, imaginary!))
        : plus(times(row[n - half]!, imaginary!), times(x, real!));
    });
  };
  return solve(problem, (x, parameters) => {
    const linearly = (x: Scalar[][], name: string) =>
      linear(x, parameters[`${name}.weight`]!, parameters[`${name}.bias`]);
    const qkv = linearly(x, "qkv");
    const answers = Array.from({ length: heads }, (_, head) => {
      const [q, k, v] = [0, 1, 2].map((part) => {
        const from = part * problem.dim + head * headDim;
        return columns(qkv, from, from + headDim);
      }) as [Scalar[][], Scalar[][], Scalar[][]];
      // Of two heads ALiBi's slopes are 1/16 and 1/256.
      const slope = position === "alibi" ? 2 ** (-8 * (head + 1) / heads) : 0;
      return q.map((query, i) => {
        const weights = k.slice(0, causal ? i + 1 : k.length).map((key, j) => {
          const score = dot(placed(query, i), placed(key, j));
          return exp(
            minus(
              times(score, constant(headDim ** -0.5)),
              constant(slope * Math.abs(i - j)),
            ),
          );
        });
        const total = plus(...weights);
        return v[0]!.map((_, n) =>
          over(dot(weights, weights.map((_, j) => v[j]![n]!)), total)
        );
      });
    });
    return linearly(
      x.map((_, i) => answers.flatMap((head) => head[i]!)),
      "proj",
    );
  });
}

/**
 * LION-D and LION-S with a decay of each channel, without feature map and
 * normaliser: of tokens j and i, those of j up to i, which is left out.
 */
export function solveChannelDecay(
  problem: MixerProblem,
  { heads, variant, causal, classToken }: {
    readonly heads: number;
    readonly variant: "d" | "s";
    readonly causal: boolean;
    readonly classToken: boolean;
  },
): Differentiated {
  const { dim } = problem;
  const headDim = dim / heads;
  /** log(1 / (1 + e^-x)) */
  const logSigmoid = (x: Scalar) =>
    minus(constant(0), softplus(minus(constant(0), x)));
  return solve(problem, (x, parameters) => {
    const linearly = (name: string) =>
      linear(x, parameters[`${name}.weight`]!, parameters[`${name}.bias`]);
    const qkv = linearly("qkv");
    const logDecays = variant === "d"
      ? x.map(() => parameters["a_i"]!.map(logSigmoid))
      : linearly("a_i").map((row, t) =>
        row.map((logit) =>
          classToken && t === 0
            ? constant(0)
            : logSigmoid(minus(constant(0), logit))
        )
      );
    const path = (from: number, to: number, channel: number) => {
      const step = Math.sign(to - from);
      const places = Array.from(
        { length: Math.abs(to - from) },
        (_, n) => from + n * step,
      );
      return exp(plus(...places.map((place) => logDecays[place]![channel]!)));
    };
    const answers = x.map((_, i) =>
      Array.from({ length: heads }, (_, head) => {
        const weights = x.slice(0, causal ? i + 1 : x.length).map((_, j) =>
          times(
            plus(
              ...Array.from({ length: headDim }, (_, n) => {
                const channel = head * headDim + n;
                const score = times(qkv[i]![channel]!, qkv[j]![dim + channel]!);
                return times(score, path(j, i, channel));
              }),
            ),
            constant(headDim ** -0.5),
          )
        );
        return Array.from({ length: headDim }, (_, n) => {
          const column = 2 * dim + head * headDim + n;
          return dot(weights, weights.map((_, j) => qkv[j]![column]!));
        });
      }).flat()
    );
    return linear(
      answers,
      parameters["proj.weight"]!,
      parameters["proj.bias"],
    );
  });
}

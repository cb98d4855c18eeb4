/**
 * The mixers of the family in float64, from their papers: what is projected, the
 * recurrence, and what becomes of its answer. With derivatives.
 *
 * @module
 */
import {
  apply,
  constant,
  dot,
  exp,
  minus,
  over,
  plus,
  type Scalar,
  sigmoid,
  silu,
  softplus,
  times,
} from "../float64.ts";
import { MODELS } from "../family/models.ts";
import { recur } from "../family/recurrence.ts";

/** A matrix of rows. */
type Rows = readonly (readonly Scalar[])[];

/** The parameters of a layer and its input, flat. */
export type Given = Readonly<Record<string, readonly Scalar[]>>;

/** Sizes of a layer. */
export interface LayerSizes {
  readonly batch: number;
  readonly length: number;
  readonly dim: number;
  readonly heads: number;
  /** Steps per token of DeltaProduct. @default 2 */
  readonly steps?: number;
  /** The largest gate of what is replaced. @default 1 */
  readonly erase?: number;
  /** Mamba-3's map to decay rates. @default "heavy-tailed" */
  readonly decayRates?: "softplus";
}

/** What decides which tokens are read. */
export interface LayerReading {
  readonly causal: boolean;
  readonly mask?: Float32Array;
  readonly segments?: Int32Array;
}

/** What a model gets, and what its output is multiplied by. */
interface Projected {
  readonly inputs: Readonly<Record<string, Rows>>;
  readonly gate?: Rows;
  /** What is added to the normalised output. */
  readonly bonus?: Rows;
  /** What is added to the output before it is normalised. */
  readonly skipped?: Rows;
}

/** Sizes of a layer, and which tokens are read. */
type Layer = LayerSizes & LayerReading;

interface Model {
  /** The recurrence's name in {@linkcode MODELS}. */
  readonly recurrence: string;
  /** Sizes of the recurrence besides those of its heads. */
  readonly sizes?: (layer: LayerSizes) => {
    readonly steps?: number;
    readonly angles?: number;
    readonly levels?: number;
  };
  readonly project: (x: Rows, given: Given, layer: Layer) => Projected;
  readonly norm: "layer" | "rms" | "rms of columns" | "group" | "none";
  /** The prefixes of the normalisation and the last projection. @default norm. and proj. */
  readonly names?: readonly [norm: string, projection: string];
}

const negative = (x: Scalar) => times(constant(-1), x);
const logSigmoid = (x: Scalar) => negative(softplus(negative(x)));
const tanh = (x: Scalar) => apply(x, Math.tanh, (x) => 1 - Math.tanh(x) ** 2);
const inverseRoot = (x: Scalar) =>
  apply(x, (x) => x ** -0.5, (x) => -0.5 * x ** -1.5);
const each = (x: Rows, value: (x: Scalar, column: number) => Scalar): Rows =>
  x.map((row) => row.map(value));

/** x W + b, of a name's weight and bias. */
function linear(x: Rows, name: string, given: Given): Rows {
  const weight = given[`${name}weight`]!, bias = given[`${name}bias`];
  const outputs = weight.length / x[0]!.length;
  return x.map((row) =>
    Array.from({ length: outputs }, (_, column) => {
      const sum = dot(row, row.map((_, n) => weight[n * outputs + column]!));
      return bias ? plus(sum, bias[column]!) : sum;
    })
  );
}

function lowRank(
  x: Rows,
  name: string,
  given: Given,
  between = (x: Scalar) => x,
): Rows {
  const few = each(linear(x, `${name}down.`, given), between);
  return linear(few, `${name}up.`, given);
}

/** Angles of Mamba-3: half of the channels turn, in pairs. */
const anglesOf = (stateDim: number) => Math.floor(stateDim / 4);

/** Levels of log-linear attention. */
const LEVELS = 15;

/** 1 + x where x is above 0, and 1 / (1 - x) below. */
const heavyTailed = (x: Scalar) =>
  apply(
    x,
    (x) => x < 0 ? 1 / (1 - x) : 1 + x,
    (x) => x < 0 ? (1 - x) ** -2 : 1,
  );

/** Parts of rows with these numbers of columns. */
function parts(x: Rows, sizes: readonly number[]): Rows[] {
  let from = 0;
  return sizes.map((size) => {
    from += size;
    return columns(x, from - size, from);
  });
}

/** Columns of rows. */
const columns = (x: Rows, from: number, to: number): Rows =>
  x.map((row) => row.slice(from, to));

function qkv(x: Rows, given: Given, { dim }: LayerSizes) {
  const rows = linear(x, "qkv.", given);
  return {
    q: columns(rows, 0, dim),
    k: columns(rows, dim, 2 * dim),
    v: columns(rows, 2 * dim, 3 * dim),
  };
}

/** Vectors of length one, a head each. */
function unit(
  x: Rows,
  { dim, heads }: Pick<LayerSizes, "dim" | "heads">,
  epsilon = 1e-6,
): Rows {
  const size = dim / heads;
  return x.map((row) =>
    Array.from({ length: heads }, (_, h) => {
      const head = row.slice(h * size, (h + 1) * size);
      const root = inverseRoot(plus(dot(head, head), constant(epsilon)));
      return head.map((x) => times(x, root));
    }).flat()
  );
}

function delta(x: Rows, given: Given, sizes: LayerSizes) {
  const { q, k, v } = qkv(x, given, sizes);
  return {
    q: unit(each(q, silu), sizes),
    k: unit(each(k, silu), sizes),
    v: each(v, silu),
    beta: each(
      linear(x, "beta.", given),
      (x) => times(constant(sizes.erase ?? 1), sigmoid(x)),
    ),
  };
}

/**
 * The causal convolution of each channel or, where tokens attend to both sides, the mean
 * of those from both ends.
 */
function convolved(
  x: Rows,
  weight: readonly Scalar[],
  { length, causal, mask, segments }: Layer,
): Rows {
  const taps = weight.length / x[0]!.length;
  return x.map((row, token) => {
    const i = token % length, start = token - i;
    const isRead = (at: number) =>
      at >= 0 && at < length && mask?.[start + at] !== 0 &&
      segments?.[start + at] === segments?.[token];
    return row.map((_, channel) => {
      const terms = Array.from({ length: taps }, (_, distance) => {
        const tap = weight[channel * taps + taps - 1 - distance]!;
        const sides = causal ? [i - distance] : [i - distance, i + distance];
        const read = sides.filter(isRead).map((at) => x[start + at]![channel]!);
        const share = constant(1 / sides.length);
        return times(times(share, tap), plus(constant(0), ...read));
      });
      return plus(...terms);
    });
  });
}

/** Queries and keys of length one, and values, each with a short convolution and SiLU. */
function convolvedVectors(x: Rows, given: Given, layer: Layer, steps = 1) {
  const rows = (name: string) => {
    const projected = linear(x, `${name}_proj.`, given);
    const taps = given[`${name}_conv1d.weight`];
    return each(taps ? convolved(projected, taps, layer) : projected, silu);
  };
  const byHead = (x: Rows) => ofHeads(x, layer.heads, steps);
  const ofSteps = {
    ...layer,
    dim: layer.dim * steps,
    heads: layer.heads * steps,
  };
  return {
    q: unit(rows("q"), layer),
    k: unit(byHead(rows("k")), ofSteps),
    v: byHead(rows("v")),
  };
}

/** Columns of steps and then heads, in the order of heads and then steps. */
function ofHeads(x: Rows, heads: number, steps: number): Rows {
  return x.map((row) => {
    const size = row.length / (heads * steps);
    return Array.from(
      { length: heads },
      (_, head) =>
        Array.from({ length: steps }, (_, step) => {
          const from = (step * heads + head) * size;
          return row.slice(from, from + size);
        }),
    ).flat(2);
  });
}

/** Mamba-2's log decays, one per head. */
const headDecays = (x: Rows, given: Given) =>
  each(linear(x, "a_proj.", given), (x, head) => {
    const step = softplus(plus(x, given["dt_bias"]![head]!));
    return negative(times(step, rate(given, head)));
  });

const FLA = ["o_norm.", "o_proj."] as const;

function deltaProduct(isGated: boolean): Model {
  const stepsOf = ({ steps = 2 }: LayerSizes) => steps;
  return {
    recurrence: isGated ? "gatedDeltaProduct" : "deltaProduct",
    sizes: (layer) => ({ steps: stepsOf(layer) }),
    ...{ norm: "rms", names: FLA },
    project: (x, given, layer) => ({
      inputs: {
        ...convolvedVectors(x, given, layer, stepsOf(layer)),
        beta: each(
          ofHeads(linear(x, "b_proj.", given), layer.heads, stepsOf(layer)),
          (x) => times(constant(2), sigmoid(x)),
        ),
        ...(isGated ? { logDecay: headDecays(x, given) } : {}),
      },
      gate: each(linear(x, "g_proj.", given), silu),
    }),
  };
}

const rate = (given: Given, head: number) => exp(given["A_log"]![head]!);

/** By the names of the variants. */
export const FAMILY_MIXERS: Readonly<Record<string, Model>> = {
  gla: {
    recurrence: "gatedLinearAttention",
    norm: "layer",
    project: (x, given, sizes) => ({
      inputs: {
        ...qkv(x, given, sizes),
        logDecay: each(
          lowRank(x, "decay.", given),
          (x) => over(logSigmoid(x), constant(16)),
        ),
      },
      gate: each(linear(x, "gate.", given), silu),
    }),
  },
  hgrn2: {
    recurrence: "hgrn2",
    norm: "rms",
    project: (x, given) => ({
      inputs: {
        q: each(linear(x, "query.", given), silu),
        v: linear(x, "value.", given),
        forget: each(linear(x, "forget.", given), sigmoid),
      },
    }),
  },
  rwkv6: {
    recurrence: "rwkv6",
    norm: "layer",
    project(x, given, sizes) {
      const { q: r, k, v } = qkv(x, given, sizes);
      const logDecay = each(
        lowRank(x, "decay.", given, tanh),
        (x) => negative(exp(x)),
      );
      return {
        inputs: { r, k, v, logDecay, bonus: [given["bonus"]!] },
        gate: each(linear(x, "gate.", given), silu),
      };
    },
  },
  mamba2: {
    recurrence: "mamba2",
    norm: "rms of columns",
    project(x, given, { dim, heads }) {
      const size = dim / heads;
      const rows = linear(x, "in_proj.", given);
      const ofAll = (x: Rows): Rows =>
        x.map((row) => Array.from({ length: heads }, () => row).flat());
      const [b, c] = [0, 1].map((i) =>
        ofAll(each(
          columns(rows, 2 * dim + i * size, 2 * dim + (i + 1) * size),
          silu,
        ))
      ) as [Rows, Rows];
      const a = Array.from(
        { length: heads },
        (_, head) => negative(rate(given, head)),
      );
      const steps = columns(rows, 2 * (dim + size), 2 * (dim + size) + heads);
      return {
        inputs: {
          x: each(columns(rows, dim, 2 * dim), silu),
          dt: each(
            steps,
            (x, head) => softplus(plus(x, given["dt_bias"]![head]!)),
          ),
          ...{ a: [a], b, c, d: [given["D"]!] },
        },
        gate: each(columns(rows, 0, dim), silu),
      };
    },
  },
  mlstm: {
    recurrence: "mlstm",
    norm: "layer",
    project: (x, given, sizes) => ({
      inputs: {
        ...qkv(x, given, sizes),
        inputGate: linear(x, "input_gate.", given),
        forgetGate: linear(x, "forget_gate.", given),
      },
      gate: each(linear(x, "gate.", given), sigmoid),
    }),
  },
  delta: {
    recurrence: "deltaNet",
    norm: "rms",
    project: (x, given, sizes) => ({ inputs: delta(x, given, sizes) }),
  },
  "gated-delta": {
    recurrence: "gatedDeltaNet",
    norm: "rms",
    project: (x, given, sizes) => ({
      inputs: {
        ...delta(x, given, sizes),
        logDecay: each(
          linear(x, "step.", given),
          (x, head) => negative(times(softplus(x), rate(given, head))),
        ),
      },
      gate: each(linear(x, "gate.", given), silu),
    }),
  },
  kda: {
    recurrence: "kimiDeltaAttention",
    norm: "rms",
    project: (x, given, sizes) => ({
      inputs: {
        ...delta(x, given, sizes),
        logDecay: each(lowRank(x, "step.", given), (x, column) => {
          const head = Math.floor(column / (sizes.dim / sizes.heads));
          return negative(times(softplus(x), rate(given, head)));
        }),
      },
      gate: each(lowRank(x, "gate.", given), sigmoid),
    }),
  },
  "gated-delta-2": {
    ...{ recurrence: "gatedDeltaNet2", norm: "rms", names: FLA },
    project(x, given, layer) {
      const steps = linear(linear(x, "f_proj.0.", given), "f_proj.1.", given);
      const gates = linear(linear(x, "g_proj.0.", given), "g_proj.1.", given);
      return {
        inputs: {
          ...convolvedVectors(x, given, layer),
          logDecay: each(steps, (x, column) => {
            const head = Math.floor(column / (layer.dim / layer.heads));
            const step = softplus(plus(x, given["dt_bias"]![column]!));
            return negative(times(step, rate(given, head)));
          }),
          eraseGate: each(
            linear(x, "b_proj.", given),
            (x) => times(constant(layer.erase ?? 1), sigmoid(x)),
          ),
          writeGate: each(linear(x, "w_proj.", given), sigmoid),
        },
        gate: each(gates, sigmoid),
      };
    },
  },
  "delta-product": deltaProduct(false),
  "gated-delta-product": deltaProduct(true),
  comba: {
    ...{ recurrence: "comba", norm: "rms", names: FLA },
    project(x, given, layer) {
      const { q, k, v } = convolvedVectors(x, given, layer);
      const headOf = (column: number) =>
        Math.floor(column / (layer.dim / layer.heads));
      const p = each(
        k,
        (x, column) => times(x, sigmoid(given["decay"]![headOf(column)]!)),
      );
      return {
        inputs: {
          ...{ k, v, p },
          q: q.map((row, i) =>
            row.map((x, column) =>
              minus(x, times(given["D"]![headOf(column)]!, p[i]![column]!))
            )
          ),
          beta: each(linear(x, "b_proj.", given), sigmoid),
          logDecay: headDecays(x, given),
        },
        gate: each(linear(x, "g_proj.", given), sigmoid),
      };
    },
  },
  rwkv7: {
    ...{ recurrence: "rwkv7", norm: "group", names: ["g_norm.", "o_proj."] },
    project(x, given, layer) {
      const before = convolved(
        x,
        x[0]!.flatMap(() => [constant(1), constant(0)]),
        layer,
      );
      const mixed = (name: string) =>
        x.map((row, i) =>
          row.map((x, n) =>
            plus(x, times(given[`x_${name}`]![n]!, minus(before[i]![n]!, x)))
          )
        );
      const low = (name: string, between = (x: Scalar) => x) =>
        linear(
          each(linear(mixed(name), `${name}_lora.lora.0.`, given), between),
          `${name}_lora.lora.2.`,
          given,
        );
      const rates = each(low("a"), sigmoid);
      const keys = linear(mixed("k"), "k_proj.", given);
      const own = linear(mixed("v"), "v_proj.", given);
      const v = given["first"]
        ? (() => {
          const shares = each(low("v"), sigmoid);
          return own.map((row, i) =>
            row.map((x, n) => {
              const first = given["first"]![i * layer.dim + n]!;
              return plus(x, times(minus(first, x), shares[i]![n]!));
            })
          );
        })()
        : own;
      const removed = unit(
        each(keys, (x, n) => times(x, given["k_k"]![n]!)),
        layer,
        0,
      );
      const r = linear(mixed("r"), "r_proj.", given);
      const k = keys.map((row, i) =>
        row.map((x, n) => {
          const change = minus(rates[i]![n]!, constant(1));
          const factor = plus(constant(1), times(change, given["k_a"]![n]!));
          return times(x, factor);
        })
      );
      const size = layer.dim / layer.heads;
      return {
        inputs: {
          ...{ r, k, v },
          logDecay: each(
            low("w", tanh),
            (x) => times(constant(-Math.exp(-0.5)), sigmoid(x)),
          ),
          a: each(removed, negative),
          b: removed.map((row, i) =>
            row.map((x, n) =>
              times(times(constant(layer.erase ?? 1), x), rates[i]![n]!)
            )
          ),
        },
        bonus: v.map((row, i) =>
          row.map((x, column) => {
            const from = column - column % size;
            const terms = Array.from({ length: size }, (_, n) =>
              times(
                times(r[i]![from + n]!, k[i]![from + n]!),
                given["r_k"]![from + n]!,
              ));
            return times(x, plus(...terms));
          })
        ),
        gate: low("g", sigmoid),
      };
    },
  },
  mamba3: {
    ...{ recurrence: "mamba3", norm: "none", names: ["", "out_proj."] },
    sizes: ({ dim, heads }) => ({ angles: anglesOf(dim / heads) }),
    project(x, given, { dim, heads, decayRates }) {
      const size = dim / heads, angles = anglesOf(size);
      const rate = decayRates === "softplus" ? softplus : heavyTailed;
      const part = parts(linear(x, "in_proj.", given), [
        ...[dim, dim, size, size, heads, heads, heads, angles],
      ]);
      const vectors = (rows: Rows, name: string): Rows =>
        rows.map((row) => {
          const normal = normalized(row, false, 1e-5);
          return Array.from({ length: heads }, (_, h) =>
            normal.map((x, n) =>
              plus(
                times(x, given[`${name}_norm.weight`]![n]!),
                given[`${name}_bias`]![h * size + n]!,
              )
            )).flat();
        });
      const dt = each(
        part[4]!,
        (x, head) => softplus(plus(x, given["dt_bias"]![head]!)),
      );
      return {
        inputs: {
          x: part[1]!,
          dt,
          a: each(part[5]!, (x) => negative(rate(x))),
          b: vectors(part[2]!, "B"),
          c: vectors(part[3]!, "C"),
          phase: part[7]!.map((row, i) =>
            dt[i]!.flatMap((step) =>
              row.map((x) => times(times(constant(Math.PI), step), tanh(x)))
            )
          ),
          trapezoid: each(part[6]!, sigmoid),
          d: [given["D"]!],
        },
        gate: each(part[0]!, silu),
      };
    },
  },
  "log-linear": {
    recurrence: "logLinearAttention",
    ...{ norm: "rms of columns", names: ["norm.", "out_proj."] },
    sizes: () => ({ levels: LEVELS }),
    project(x, given, layer) {
      const { dim, heads } = layer, size = dim / heads;
      const part = parts(linear(x, "in_proj.", given), [
        ...[dim, dim + 2 * size, heads, heads * LEVELS],
      ]);
      const bias = given["conv1d.bias"]!;
      const near = convolved(part[1]!, given["conv1d.weight"]!, layer);
      const [taken, write, read] = parts(
        each(near, (x, n) => silu(plus(x, bias[n]!))),
        [dim, size, size],
      );
      const ofAll = (x: Rows): Rows =>
        x.map((row) => Array.from({ length: heads }, () => row).flat());
      const dt = each(
        part[2]!,
        (x, head) => softplus(plus(x, given["dt_bias"]![head]!)),
      );
      return {
        inputs: {
          q: ofAll(read!),
          k: ofAll(write!),
          v: taken!.map((row, i) =>
            row.map((x, n) => times(x, dt[i]![Math.floor(n / size)]!))
          ),
          logDecay: each(
            dt,
            (x, head) => negative(times(x, rate(given, head))),
          ),
          levelScales: each(
            part[3]!,
            (x, n) => softplus(times(x, given["L"]![n]!)),
          ),
        },
        skipped: each(
          taken!,
          (x, n) => times(x, given["D"]![Math.floor(n / size)]!),
        ),
        gate: each(part[0]!, silu),
      };
    },
  },
  path: {
    ...{ recurrence: "pathAttention", norm: "none", names: FLA },
    project(x, given, layer) {
      const few = linear(x, "w_proj.0.", given);
      const ways = convolved(
        linear(few, "w_proj.1.", given),
        given["w_conv1d.weight"]!,
        layer,
      );
      return {
        inputs: {
          q: queryOrKey(x, "q", given, layer.dim),
          k: queryOrKey(x, "k", given, layer.dim),
          v: linear(x, "v_proj.", given),
          w: unit(each(ways, silu), layer),
          beta: each(
            linear(x, "bt_proj.", given),
            (x) => times(constant(2), sigmoid(x)),
          ),
          logDecay: each(linear(x, "g_proj.", given), logSigmoid),
        },
      };
    },
  },
  fox: {
    ...{ recurrence: "forgettingAttention", norm: "none", names: FLA },
    project: (x, given, { dim, heads }) => ({
      inputs: {
        q: queryOrKey(x, "q", given, dim / heads),
        k: queryOrKey(x, "k", given, dim / heads),
        v: linear(x, "v_proj.", given),
        logDecay: each(linear(x, "f_proj.", given), logSigmoid),
      },
      ...given["g_proj.weight"]
        ? { gate: each(linear(x, "g_proj.", given), sigmoid) }
        : {},
    }),
  },
};

/** Queries or keys, of which so many columns are divided by their root mean square, if they have scales. */
function queryOrKey(
  x: Rows,
  name: string,
  given: Given,
  size: number,
): Rows {
  const rows = linear(x, `${name}_proj.`, given);
  const scale = given[`${name}_norm.weight`] ??
    given[`maybe_${name}_norm.weight`];
  if (!scale) return rows;
  return rows.map((row) =>
    Array.from(
      { length: row.length / size },
      (_, h) => normalized(row.slice(h * size, (h + 1) * size), false, 1e-5),
    ).flat().map((x, n) => times(x, scale[n]!))
  );
}

/** Rows of tokens to `[batch, heads, length, columns]`, flat. */
function byHeads(rows: Rows, { batch, length, heads }: LayerSizes): Scalar[] {
  if (rows.length === 1) return [...rows[0]!]; // of heads, not of tokens
  const size = rows[0]!.length / heads;
  const flat: Scalar[] = [];
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < length; i++) {
        const row = rows[b * length + i]!;
        flat.push(...row.slice(h * size, (h + 1) * size));
      }
    }
  }
  return flat;
}

/** Normalised, without scale and offset. */
function normalized(
  row: readonly Scalar[],
  isCentred: boolean,
  epsilon: number,
): Scalar[] {
  const count = constant(row.length);
  const mean = isCentred ? over(plus(...row), count) : constant(0);
  const from = row.map((x) => minus(x, mean));
  const variance = over(dot(from, from), count);
  const root = inverseRoot(plus(variance, constant(epsilon)));
  return from.map((x) => times(x, root));
}

/** The normalised output of a token's heads, with a scale and perhaps an offset. */
function normalizedHeads(
  ofHeads: readonly (readonly Scalar[])[],
  kind: Model["norm"],
  [weight, bias]: readonly (readonly Scalar[] | undefined)[],
  epsilon: number,
): Scalar[] {
  if (kind === "none") return ofHeads.flat();
  const isCentred = kind === "layer" || kind === "group";
  const size = ofHeads[0]!.length;
  const normal = kind === "rms of columns"
    ? normalized(ofHeads.flat(), isCentred, epsilon)
    : ofHeads.flatMap((head) =>
      normalized(head, isCentred, kind === "group" ? size * epsilon : epsilon)
    );
  return normal.map((x, column) => {
    const n = column % weight!.length;
    const scaled = times(x, weight![n]!);
    return bias ? plus(scaled, bias[n]!) : scaled;
  });
}

/** The output of a variant's layer, `[batch, length, dim]`, flat; `given.x` is its input. */
export function mixed(
  variant: string,
  given: Given,
  sizes: LayerSizes,
  reading: LayerReading,
  epsilon: number,
): Scalar[] {
  const { batch, length, dim, heads } = sizes;
  const model = FAMILY_MIXERS[variant]!;
  const [normName, projection] = model.names ?? ["norm.", "proj."];
  const size = dim / heads;
  const x: Rows = Array.from(
    { length: batch * length },
    (_, i) => given["x"]!.slice(i * dim, (i + 1) * dim),
  );
  const { inputs, gate, bonus, skipped } = model.project(x, given, {
    ...sizes,
    ...reading,
  });
  const y = recur(
    MODELS.find(({ name }) => name === model.recurrence)!,
    {
      ...{ batch, heads, length, headDim: size, valueDim: size },
      ...{ ...model.sizes?.(sizes), ...reading },
    },
    Object.fromEntries(
      Object.entries(inputs).map(([name, rows]) => [
        name,
        byHeads(rows, sizes),
      ]),
    ),
  );
  const affine = ["weight", "bias"].map((name) => given[`${normName}${name}`]);
  const rows = x.map((_, token) => {
    const [b, i] = [Math.floor(token / length), token % length];
    const gated = (row: readonly Scalar[]) =>
      gate ? row.map((x, n) => times(x, gate[token]![n]!)) : row;
    const ofHeads = Array.from({ length: heads }, (_, h) => {
      const start = ((b * heads + h) * length + i) * size;
      return y.slice(start, start + size).map((x, n) =>
        skipped ? plus(x, skipped[token]![h * size + n]!) : x
      );
    });
    if (model.norm === "rms of columns") {
      const all = [gated(ofHeads.flat())];
      return normalizedHeads(all, model.norm, affine, epsilon);
    }
    const normal = normalizedHeads(ofHeads, model.norm, affine, epsilon);
    return gated(
      normal.map((x, n) => bonus ? plus(x, bonus[token]![n]!) : x),
    );
  });
  return linear(rows, projection, given).flat();
}

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
}

interface Model {
  /** The recurrence's name in {@linkcode MODELS}. */
  readonly recurrence: string;
  readonly project: (x: Rows, given: Given, sizes: LayerSizes) => Projected;
  readonly norm: "layer" | "rms" | "rms of columns";
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
function unit(x: Rows, { dim, heads }: LayerSizes): Rows {
  const size = dim / heads;
  return x.map((row) =>
    Array.from({ length: heads }, (_, h) => {
      const head = row.slice(h * size, (h + 1) * size);
      const root = inverseRoot(plus(dot(head, head), constant(1e-6)));
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
    beta: each(linear(x, "beta.", given), sigmoid),
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
};

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

/** Normalised, with a scale and perhaps an offset. */
function normalized(
  row: readonly Scalar[],
  kind: Model["norm"],
  given: Given,
  epsilon: number,
): Scalar[] {
  const count = constant(row.length);
  const mean = kind === "layer" ? over(plus(...row), count) : constant(0);
  const from = row.map((x) => minus(x, mean));
  const variance = over(dot(from, from), count);
  const root = inverseRoot(plus(variance, constant(epsilon)));
  return from.map((x, n) => {
    const y = times(times(x, root), given["norm.weight"]![n]!);
    return kind === "layer" ? plus(y, given["norm.bias"]![n]!) : y;
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
  const size = dim / heads;
  const x: Rows = Array.from(
    { length: batch * length },
    (_, i) => given["x"]!.slice(i * dim, (i + 1) * dim),
  );
  const { inputs, gate } = model.project(x, given, sizes);
  const y = recur(
    MODELS.find(({ name }) => name === model.recurrence)!,
    { ...{ batch, heads, length, headDim: size, valueDim: size }, ...reading },
    Object.fromEntries(
      Object.entries(inputs).map(([name, rows]) => [
        name,
        byHeads(rows, sizes),
      ]),
    ),
  );
  const rows = x.map((_, token) => {
    const [b, i] = [Math.floor(token / length), token % length];
    const ofHeads = Array.from({ length: heads }, (_, h) => {
      const start = ((b * heads + h) * length + i) * size;
      return y.slice(start, start + size);
    });
    const gated = (row: readonly Scalar[]) =>
      gate ? row.map((x, n) => times(x, gate[token]![n]!)) : row;
    return model.norm === "rms of columns"
      ? normalized(gated(ofHeads.flat()), model.norm, given, epsilon)
      : gated(
        ofHeads.flatMap((head) => normalized(head, model.norm, given, epsilon)),
      );
  });
  return linear(rows, "proj.", given).flat();
}

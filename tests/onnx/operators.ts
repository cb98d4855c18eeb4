/** ONNX's operators as plain loops, from their definitions at opset 20. @module */
import { erf } from "../erf.ts";
import {
  around,
  axisOf,
  broadcastShape,
  filled,
  type NdArray,
  picked,
  placesIn,
  sizeOf,
  stridesOf,
  TYPE,
  walk,
  zeros,
} from "./arrays.ts";

/** A node's attributes: integers, their lists, numbers and texts. */
export type Attributes = Readonly<
  Record<string, number | readonly number[] | string>
>;

/** An operator: from inputs, of which some may be left out, to outputs. */
export type Operator = (
  inputs: readonly (NdArray | undefined)[],
  attributes: Attributes,
  outputs: number,
) => NdArray | NdArray[];

const { float, int64, bool } = TYPE;

/** The numbers of an array of integers. */
const integers = (array: NdArray | undefined): number[] | undefined =>
  array && [...array.data];

const number = (attributes: Attributes, name: string, otherwise: number) =>
  Number(attributes[name] ?? otherwise);

/** Of one array, element by element. */
const ofEach = (of: (x: number) => number): Operator => ([x]) => {
  const { type, shape, data } = x!;
  return filled(type, shape, (i) => of(data[i]!));
};

/** Only of floats: runtimes have no others. */
const ofFloats = (of: (x: number) => number): Operator => (inputs, ...rest) => {
  assertType(inputs[0]!, float);
  return ofEach(of)(inputs, ...rest);
};

/** Of arrays of one type, which are repeated to a common shape. */
const ofAll = (
  of: (a: number, b: number, type: number) => number,
  result?: number,
): Operator =>
(inputs) => {
  const given = inputs.map((x) => x!);
  const [{ type }] = given as [NdArray];
  for (const x of given) assertType(x, type);
  return given.reduce((a, b) => {
    const shape = broadcastShape(a.shape, b.shape);
    const [from, to] = [placesIn(a, shape), placesIn(b, shape)];
    return filled(
      result ?? type,
      shape,
      (i) => of(a.data[from[i]!]!, b.data[to[i]!]!, type),
    );
  });
};

function assertType({ type }: NdArray, wanted: number): void {
  if (type === wanted) return;
  throw new TypeError(`elements should have type ${wanted}, got ${type}`);
}

/** Along axes, all of them without any. */
const reduce = (
  of: (values: Float64Array) => number,
): Operator =>
([x, given], attributes) => {
  const { shape, type } = x!;
  const rank = shape.length;
  const listed = integers(given) ?? [];
  const axes = (listed.length > 0 ? listed : [...shape.keys()])
    .map((axis) => axisOf(axis, rank));
  const kept = shape.map((size, axis) => axes.includes(axis) ? 1 : size);
  const strides = stridesOf(shape);
  const starts = walk(
    kept,
    strides.map((s, axis) => axes.includes(axis) ? 0 : s),
  );
  const within = walk(axes.map((a) => shape[a]!), axes.map((a) => strides[a]!));
  const values = new Float64Array(within.length);
  const result = filled(type, kept, (i) => {
    within.forEach((step, j) => values[j] = x!.data[starts[i]! + step]!);
    return of(values);
  });
  if (number(attributes, "keepdims", 1) === 1) return result;
  return { ...result, shape: shape.filter((_, axis) => !axes.includes(axis)) };
};

const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);

const compare = (of: (a: number, b: number) => boolean): Operator =>
  ofAll((a, b) => Number(of(a, b)), bool);

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Products of matrices in the last two axes. */
const multiply: Operator = ([a, b]) => {
  assertType(a!, float);
  assertType(b!, float);
  const [left, right] = [a!.shape, b!.shape];
  const [isRow, isColumn] = [left.length === 1, right.length === 1];
  const of = isRow ? [1, ...left] : left;
  const by = isColumn ? [...right, 1] : right;
  const [rows, inner] = of.slice(-2) as [number, number];
  const [same, columns] = by.slice(-2) as [number, number];
  if (inner !== same) throw new RangeError(`[${of}] times [${by}]`);
  const outer = broadcastShape(of.slice(0, -2), by.slice(0, -2));
  const begin = (shape: readonly number[], size: number) =>
    placesIn({ ...a!, shape: shape.slice(0, -2) }, outer).map((p) => p * size);
  const [starts, others] = [
    begin(of, rows * inner),
    begin(by, inner * columns),
  ];
  const result = zeros(float, [...outer, rows, columns]);
  starts.forEach((start, batch) => {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let dot = 0;
        for (let k = 0; k < inner; k++) {
          dot += a!.data[start + i * inner + k]! *
            b!.data[others[batch]! + k * columns + j]!;
        }
        result.data[(batch * rows + i) * columns + j] = dot;
      }
    }
  });
  const shape = result.shape.filter((_, axis) =>
    !(isRow && axis === outer.length) &&
    !(isColumn && axis === outer.length + 1)
  );
  return { ...result, shape };
};

const slice: Operator = ([x, starts, ends, axes, steps]) => {
  const { shape } = x!;
  const strides = stridesOf(shape);
  const sizes = [...shape], moves = [...strides];
  let start = 0;
  const first = integers(starts)!;
  const on = integers(axes) ?? [...first.keys()];
  on.forEach((given, i) => {
    const axis = axisOf(given, shape.length), size = shape[axis]!;
    const step = integers(steps)?.[i] ?? 1;
    const place = (at: number, least: number, most: number) =>
      Math.min(Math.max(at < 0 ? at + size : at, least), most);
    const [from, to] = step > 0
      ? [place(first[i]!, 0, size), place(integers(ends)![i]!, 0, size)]
      : [
        place(first[i]!, 0, size - 1),
        place(integers(ends)![i]!, -1, size - 1),
      ];
    sizes[axis] = Math.max(0, Math.ceil((to - from) / step));
    start += from * strides[axis]!;
    moves[axis] = strides[axis]! * step;
  });
  return picked(x!, sizes, walk(sizes, moves, start));
};

const concat: Operator = (inputs, attributes) => {
  const parts = inputs.map((x) => x!);
  const [{ type, shape }] = parts as [NdArray];
  const axis = axisOf(number(attributes, "axis", 0), shape.length);
  parts.forEach((part) => assertType(part, type));
  for (const part of parts) {
    const isSame = part.shape.length === shape.length &&
      part.shape.every((size, i) => i === axis || size === shape[i]);
    if (!isSame) throw new RangeError(`[${shape}] beside [${part.shape}]`);
  }
  const total = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
  const result = zeros(type, shape.with(axis, total));
  const { outer, inner } = around(shape, axis);
  let at = 0;
  for (const { shape, data } of parts) {
    const width = shape[axis]! * inner;
    for (let i = 0; i < outer; i++) {
      result.data.set(
        data.subarray(i * width, (i + 1) * width),
        i * total * inner + at,
      );
    }
    at += width;
  }
  return result;
};

const gather: Operator = ([x, indices], attributes) => {
  const { shape } = x!;
  const axis = axisOf(number(attributes, "axis", 0), shape.length);
  const { outer, size, inner } = around(shape, axis);
  const places: number[] = [];
  for (let i = 0; i < outer; i++) {
    for (const index of indices!.data) {
      const own = axisOf(index, size);
      for (let j = 0; j < inner; j++) places.push((i * size + own) * inner + j);
    }
  }
  const result = [
    ...shape.slice(0, axis),
    ...indices!.shape,
    ...shape.slice(axis + 1),
  ];
  return picked(x!, result, places);
};

/** For each element of `indices`, the place in `shape` that it points to along an axis. */
function pointed(
  shape: readonly number[],
  indices: NdArray,
  axis: number,
): Int32Array {
  const strides = stridesOf(shape);
  const starts = walk(indices.shape, strides.with(axis, 0));
  return starts.map((start, i) =>
    start + axisOf(indices.data[i]!, shape[axis]!) * strides[axis]!
  );
}

/** Sums so far along an axis. */
const cumulate: Operator = ([x, at], attributes) => {
  const { shape, type, data } = x!;
  const axis = axisOf(at!.data[0]!, shape.length);
  const { outer, size, inner } = around(shape, axis);
  const result = zeros(type, shape);
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < inner; j++) {
      let total = 0;
      for (let n = 0; n < size; n++) {
        const own = attributes["reverse"] === 1 ? size - 1 - n : n;
        const place = (i * size + own) * inner + j;
        const before = total;
        total += data[place]!;
        result.data[place] = attributes["exclusive"] === 1 ? before : total;
      }
    }
  }
  return result;
};

/** Rows of the last axis, one by one. */
const ofRows = (
  of: (
    row: Float64Array,
    x: readonly (NdArray | undefined)[],
    a: Attributes,
  ) => ArrayLike<number>,
): Operator =>
(inputs, attributes) => {
  const [x] = inputs;
  const columns = x!.shape.at(-1)!;
  const axis = axisOf(number(attributes, "axis", -1), x!.shape.length);
  if (axis !== x!.shape.length - 1) throw new RangeError("not the last axis");
  const result = zeros(float, x!.shape);
  for (let at = 0; at < x!.data.length; at += columns) {
    const row = Float64Array.from(x!.data.subarray(at, at + columns));
    result.data.set(of(row, inputs, attributes), at);
  }
  return result;
};

const reshape: Operator = ([x, sizes]) => {
  const shape = integers(sizes)!.map((size, axis) =>
    size === 0 ? x!.shape[axis]! : size
  );
  const rest = sizeOf(x!.shape) / sizeOf(shape.filter((size) => size !== -1));
  const whole = shape.map((size) => size === -1 ? rest : size);
  if (sizeOf(whole) === x!.data.length) return { ...x!, shape: whole };
  throw new RangeError(`[${x!.shape}] cannot become [${shape}]`);
};

const squeeze: Operator = ([x, given]) => {
  const axes = integers(given)?.map((axis) => axisOf(axis, x!.shape.length)) ??
    [...x!.shape.keys()].filter((axis) => x!.shape[axis] === 1);
  if (axes.some((axis) => x!.shape[axis] !== 1)) {
    throw new RangeError(`axes ${axes} of [${x!.shape}] are not all of size 1`);
  }
  return { ...x!, shape: x!.shape.filter((_, axis) => !axes.includes(axis)) };
};

const unsqueeze: Operator = ([x, given]) => {
  const axes = integers(given)!;
  const rank = x!.shape.length + axes.length;
  const own = axes.map((axis) => axisOf(axis, rank));
  let next = 0;
  const shape = Array.from(
    { length: rank },
    (_, axis) => own.includes(axis) ? 1 : x!.shape[next++]!,
  );
  return { ...x!, shape };
};

const pad: Operator = ([x, pads, value], attributes) => {
  if ((attributes["mode"] ?? "constant") !== "constant") {
    throw new RangeError(`mode ${attributes["mode"]}`);
  }
  const { shape, type } = x!;
  const all = integers(pads)!, rank = shape.length;
  const [before, after] = [all.slice(0, rank), all.slice(rank)];
  if (all.length !== 2 * rank || all.some((n) => n < 0)) {
    throw new RangeError(`pads ${all} of [${shape}]`);
  }
  const long = shape.map((size, axis) => before[axis]! + size + after[axis]!);
  const result = filled(type, long, () => value?.data[0] ?? 0);
  const strides = stridesOf(long);
  const start = before.reduce((sum, n, axis) => sum + n * strides[axis]!, 0);
  walk(shape, strides, start).forEach((place, i) =>
    result.data[place] = x!.data[i]!
  );
  return result;
};

const split: Operator = ([x, given], attributes, outputs) => {
  const axis = axisOf(number(attributes, "axis", 0), x!.shape.length);
  const size = x!.shape[axis]!;
  const sizes = integers(given) ??
    Array.from({ length: outputs }, () => size / outputs);
  const strides = stridesOf(x!.shape);
  let at = 0;
  return sizes.map((part) => {
    const shape = x!.shape.with(axis, part);
    const start = at * strides[axis]!;
    at += part;
    return picked(x!, shape, walk(shape, strides, start));
  });
};

const cast: Operator = ([x], attributes) => {
  const to = number(attributes, "to", 0);
  const of = to === bool
    ? (v: number) => Number(v !== 0)
    : to === float
    ? (v: number) => v
    : Math.trunc;
  return filled(to, x!.shape, (i) => of(x!.data[i]!));
};

const dequantize: Operator = ([x, scale], attributes) => {
  const axis = axisOf(number(attributes, "axis", 1), x!.shape.length);
  const { size, inner } = around(x!.shape, axis);
  const of = (i: number) =>
    scale!.shape.length === 0 ? 0 : Math.floor(i / inner) % size;
  if (scale!.shape.length > 0 && scale!.shape[0] !== size) {
    throw new RangeError(`${scale!.shape} scales of axis ${axis}`);
  }
  return filled(float, x!.shape, (i) => x!.data[i]! * scale!.data[of(i)]!);
};

/** Causal sums of outer products, as ONNX Runtime's documentation of its operator has them. */
const linearAttention: Operator = (
  [q, k, v, before, decay, beta],
  attributes,
) => {
  const heads = number(attributes, "q_num_heads", 0);
  const [batch, length] = q!.shape as [number, number];
  const [headDim, valueDim] = [q!, v!].map(({ shape }) =>
    shape[2]! / heads
  ) as [number, number];
  const rule = attributes["update_rule"] ?? "gated_delta";
  const scale = number(attributes, "scale", 0) || 1 / Math.sqrt(headDim);
  const y = zeros(float, [batch, length, heads * valueDim]);
  const end = zeros(float, [batch, heads, headDim, valueDim]);
  if (before) end.data.set(before.data);
  const columns = decay ? decay.shape[2]! / heads : 0;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const state = end.data.subarray(
        (b * heads + h) * headDim * valueDim,
        (b * heads + h + 1) * headDim * valueDim,
      );
      for (let t = 0; t < length; t++) {
        const at = (b * length + t) * heads + h;
        const key = k!.data.subarray(at * headDim, (at + 1) * headDim);
        if (decay && String(rule).startsWith("gated")) {
          state.forEach((x, i) => {
            const column = columns === 1 ? 0 : Math.floor(i / valueDim);
            state[i] = x * Math.exp(decay.data[at * columns + column]!);
          });
        }
        const step = beta ? beta.data[at]! : 1;
        for (let j = 0; j < valueDim; j++) {
          let value = v!.data[at * valueDim + j]!;
          if (String(rule).endsWith("delta")) {
            key.forEach((x, i) => value -= x * state[i * valueDim + j]!);
          }
          key.forEach((x, i) => state[i * valueDim + j]! += step * x * value);
        }
        for (let j = 0; j < valueDim; j++) {
          let read = 0;
          for (let i = 0; i < headDim; i++) {
            read += q!.data[at * headDim + i]! * state[i * valueDim + j]!;
          }
          y.data[at * valueDim + j] = scale * read;
        }
      }
    }
  }
  return [y, end];
};

/** The operators by domain and name, but for loops, which the interpreter runs. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  Abs: ofEach(Math.abs),
  Add: ofAll((a, b) => a + b),
  And: ofAll((a, b) => a * b),
  BitwiseXor: ofAll((a, b) => a ^ b),
  Cast: cast,
  Ceil: ofFloats(Math.ceil),
  Clip: (inputs) => {
    const [x, least, most] = inputs;
    const [from, to] = [least?.data[0] ?? -Infinity, most?.data[0] ?? Infinity];
    return ofEach((v) => Math.min(Math.max(v, from), to))([x], {}, 1);
  },
  Concat: concat,
  Cos: ofFloats(Math.cos),
  CumSum: cumulate,
  DequantizeLinear: dequantize,
  Div: ofAll((a, b, type) => type === float ? a / b : Math.trunc(a / b)),
  Elu: ofFloats((x) => x > 0 ? x : Math.expm1(x)),
  Equal: compare((a, b) => a === b),
  EyeLike: ([x]) =>
    filled(x!.type, x!.shape, (i) => Number(i % (x!.shape[1]! + 1) === 0)),
  Erf: ofFloats(erf),
  Exp: ofFloats(Math.exp),
  Expand: ([x, sizes]) => {
    const shape = broadcastShape(x!.shape, integers(sizes)!);
    return picked(x!, shape, placesIn(x!, shape));
  },
  Floor: ofFloats(Math.floor),
  Gather: gather,
  GatherElements: ([x, indices], attributes) => {
    const axis = axisOf(number(attributes, "axis", 0), x!.shape.length);
    return picked(x!, indices!.shape, pointed(x!.shape, indices!, axis));
  },
  Gelu: (inputs, attributes) => {
    const isTanh = attributes["approximate"] === "tanh";
    const root = Math.sqrt(2 / Math.PI);
    const of = isTanh
      ? (x: number) => (x / 2) * (1 + Math.tanh(root * (x + 0.044715 * x ** 3)))
      : (x: number) => (x / 2) * (1 + erf(x / Math.SQRT2));
    return ofFloats(of)(inputs, attributes, 1);
  },
  Greater: compare((a, b) => a > b),
  GreaterOrEqual: compare((a, b) => a >= b),
  Identity: ofEach((x) => x),
  LayerNormalization: ofRows((row, [, scale, offset], attributes) => {
    const mean = sum(row) / row.length;
    const variance = sum(row.map((x) => (x - mean) ** 2)) / row.length;
    const by = Math.sqrt(variance + number(attributes, "epsilon", 1e-5));
    return row.map((x, i) =>
      (x - mean) / by * scale!.data[i]! + (offset?.data[i] ?? 0)
    );
  }),
  Less: compare((a, b) => a < b),
  LessOrEqual: compare((a, b) => a <= b),
  Log: ofFloats(Math.log),
  MatMul: multiply,
  Max: ofAll((a, b) => Math.max(a, b)),
  Min: ofAll((a, b) => Math.min(a, b)),
  // Of integers, the remainder has the divisor's sign.
  Mod: (inputs, attributes, outputs) =>
    ofAll(
      attributes["fmod"] === 1 ? (a, b) => a % b : (a, b) => ((a % b) + b) % b,
    )(inputs, attributes, outputs),
  Mul: ofAll((a, b) => a * b),
  Neg: ofEach((x) => -x),
  Not: ofEach((x) => Number(x === 0)),
  Or: ofAll((a, b) => Math.max(a, b)),
  Pad: pad,
  Pow: ofAll((a, b) => a ** b),
  Range: ([start, end, step]) => {
    const [from, to, by] = [start, end, step].map((x) => x!.data[0]!) as [
      number,
      number,
      number,
    ];
    const size = Math.max(0, Math.ceil((to - from) / by));
    return filled(start!.type, [size], (i) => from + i * by);
  },
  Reciprocal: ofFloats((x) => 1 / x),
  ReduceMax: reduce((values) => Math.max(...values)),
  ReduceMean: reduce((values) => sum(values) / values.length),
  ReduceMin: reduce((values) => Math.min(...values)),
  ReduceProd: reduce((values) => values.reduce((a, b) => a * b, 1)),
  ReduceSum: reduce(sum),
  Relu: ofEach((x) => Math.max(x, 0)),
  Reshape: reshape,
  // Halves to the even neighbour.
  Round: ofFloats((x) =>
    Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)
  ),
  ScatterElements: ([x, indices, updates], attributes) => {
    const axis = axisOf(number(attributes, "axis", 0), x!.shape.length);
    const result = { ...x!, data: x!.data.slice() };
    const kind = attributes["reduction"] ?? "none";
    const of = {
      none: (_: number, b: number) => b,
      add: (a: number, b: number) => a + b,
      min: Math.min,
      max: Math.max,
    }[kind as string]!;
    pointed(x!.shape, indices!, axis).forEach((place, i) =>
      result.data[place] = of(result.data[place]!, updates!.data[i]!)
    );
    return result;
  },
  Shape: ([x], attributes) => {
    const { shape } = x!;
    const end = number(attributes, "end", shape.length);
    const sizes = shape.slice(number(attributes, "start", 0), end);
    return filled(int64, [sizes.length], (i) => sizes[i]!);
  },
  Sigmoid: ofFloats(sigmoid),
  Sign: ofEach(Math.sign),
  Sin: ofFloats(Math.sin),
  Slice: slice,
  Softmax: ofRows((row) => {
    const largest = Math.max(...row);
    const powers = row.map((x) => Math.exp(x - largest));
    const total = sum(powers);
    return powers.map((x) => x / total);
  }),
  Softplus: ofFloats((x) =>
    Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
  ),
  Split: split,
  Sqrt: ofFloats(Math.sqrt),
  Squeeze: squeeze,
  Sub: ofAll((a, b) => a - b),
  Sum: ofAll((a, b) => a + b),
  Tanh: ofFloats(Math.tanh),
  Tile: ([x, repeats]) => {
    const times = integers(repeats)!;
    const { shape } = x!;
    // Each axis in two: the repetition, along which nothing moves, and the axis itself.
    const strides = stridesOf(shape);
    const doubled = shape.flatMap((size, axis) => [times[axis]!, size]);
    const steps = shape.flatMap((_, axis) => [0, strides[axis]!]);
    const result = shape.map((size, axis) => size * times[axis]!);
    return picked(x!, result, walk(doubled, steps));
  },
  Transpose: ([x], attributes) => {
    const { shape } = x!;
    const order = (attributes["perm"] as readonly number[] | undefined) ??
      [...shape.keys()].reverse();
    const strides = stridesOf(shape);
    const result = order.map((axis) => shape[axis]!);
    return picked(
      x!,
      result,
      walk(result, order.map((axis) => strides[axis]!)),
    );
  },
  Unsqueeze: unsqueeze,
  Where: ([condition, x, otherwise]) => {
    assertType(condition!, bool);
    assertType(otherwise!, x!.type);
    const all = [condition!, x!, otherwise!];
    const shape = broadcastShape(...all.map(({ shape }) => shape));
    const [c, a, b] = all.map((one) => placesIn(one, shape)) as [
      Int32Array,
      Int32Array,
      Int32Array,
    ];
    return filled(
      x!.type,
      shape,
      (i) => condition!.data[c[i]!] ? x!.data[a[i]!]! : otherwise!.data[b[i]!]!,
    );
  },
  "com.microsoft.LinearAttention": linearAttention,
};

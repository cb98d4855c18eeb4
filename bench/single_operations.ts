/**
 * Operations of TensorFlow.js on a million numbers, which torch_operations.py has
 * by the same names, and the gradients of short chains of them; each with what it
 * should answer.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { array, uniform } from "../tests/random.ts";
import { difference } from "./measure/timing.ts";
import type { Cost } from "./group.ts";
import type { NamedArray } from "./peers/peer_process.ts";

/** An operation with its inputs in place. */
export interface SingleOperation {
  /** Arrays in PyTorch's process. */
  readonly inputs: readonly NamedArray[];
  /** Computes once. */
  run(tensors: readonly tf.Tensor[]): tf.Tensor;
  /** What is wrong with the values; `null` if nothing is. */
  check(values: Float32Array): string | null;
  readonly cost?: Cost;
  /** Options of PyTorch's, of which the quickest is timed. @default none */
  readonly choices?: readonly Readonly<Record<string, unknown>>[];
}

/** Largest error, relative to the largest value. */
const TOLERANCE = 1e-5;

/** What a number in a place of some arrays becomes, in float64. */
type OfNumbers = (x: number, y: number) => number;

/** What becomes of a matrix, in float64. */
type OfMatrix = (
  values: Float32Array,
  rows: number,
  columns: number,
) => ArrayLike<number>;

/** Makes the operation for matrices of so many rows and columns. */
type Maker = (side: number) => SingleOperation;

const SIGNED = (u: number) => 6 * u - 3;
const POSITIVE = (u: number) => 3 * u + 0.01;

function matrices(
  side: number,
  make: (u: number) => number,
  count: number,
): NamedArray[] {
  const random = uniform(side);
  return ["x", "y"].slice(0, count).map((name) => ({
    name,
    shape: [side, side],
    values: array(side * side, random, make),
  }));
}

/** Compares values with what they should be, which is computed once. */
function checkOf(
  wanted: () => ArrayLike<number>,
): (values: Float32Array) => string | null {
  let expected: ArrayLike<number> | undefined;
  return (values) => {
    expected ??= wanted();
    return difference("it", [[values, expected]], TOLERANCE);
  };
}

/** An operation on each number, or on pairs of them. */
function elementwise(
  run: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor,
  wanted: OfNumbers,
  { count = 1, make = SIGNED } = {},
): Maker {
  return (side) => {
    const inputs = matrices(side, make, count);
    const [x, y] = inputs.map(({ values }) => values);
    return {
      inputs,
      run: ([x, y]) => run(x!, y!),
      check: checkOf(() =>
        Float64Array.from(x!, (x, i) => wanted(x, y?.[i] ?? 0))
      ),
    };
  };
}

/** An operation on a matrix. */
function ofMatrix(run: (x: tf.Tensor2D) => tf.Tensor, wanted: OfMatrix): Maker {
  return (side) => {
    const inputs = matrices(side, SIGNED, 1);
    return {
      inputs,
      run: ([x]) => run(x as tf.Tensor2D),
      check: checkOf(() => wanted(inputs[0]!.values, side, side)),
    };
  };
}

/** The gradient of a chain of operations on each number. */
function gradient(
  chain: (x: tf.Tensor) => tf.Tensor,
  wanted: (
    x: Float32Array,
    dy: Float32Array,
    columns: number,
  ) => ArrayLike<number>,
): Maker {
  const gradientOfChain = tf.grad(chain);
  return (side) => {
    const inputs = matrices(side, SIGNED, 2);
    const [x, dy] = inputs.map(({ values }) => values);
    return {
      inputs,
      run: ([x, dy]) => gradientOfChain(x!, dy!),
      check: checkOf(() => wanted(x!, dy!, side)),
    };
  };
}

/** A function of each row in float64. */
function eachRow(work: (row: Float64Array) => ArrayLike<number>): OfMatrix {
  return (values, rows, columns) => {
    const all = new Float64Array(values.length);
    for (let row = 0; row < rows; row++) {
      const part = values.subarray(row * columns, (row + 1) * columns);
      all.set(work(Float64Array.from(part)), row * columns);
    }
    return all;
  };
}

const meanOf = (values: Float64Array) =>
  values.reduce((sum, x) => sum + x, 0) / values.length;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Numbers before and after each row and column. */
const PADDING = 8;

function padded(
  values: Float32Array,
  rows: number,
  columns: number,
): Float64Array {
  const width = columns + 2 * PADDING;
  const all = new Float64Array((rows + 2 * PADDING) * width);
  for (let row = 0; row < rows; row++) {
    const part = values.subarray(row * columns, (row + 1) * columns);
    all.set(part, (row + PADDING) * width + PADDING);
  }
  return all;
}

/** As in a residual network, on an image with an eighth of the side, a sixteenth as many channels. */
const convolution: Maker = (side) => {
  const pixels = side / 8, channels = side / 16;
  const random = uniform(side);
  const image = [1, pixels, pixels, channels];
  const filter = [3, 3, channels, channels];
  const inputs = Object.entries({ image, filter }).map(([name, shape]) => ({
    name,
    shape,
    values: array(tf.util.sizeFromShape(shape), random),
  }));
  const [x, w] = inputs.map(({ values }) => values) as [
    Float32Array,
    Float32Array,
  ];
  /** The sum at a place of the output. */
  const sumAt = (row: number, column: number, channel: number): number => {
    let sum = 0;
    for (let i = 0; i < 9; i++) {
      const [y, x0] = [row + Math.floor(i / 3) - 1, column + i % 3 - 1];
      if (Math.min(y, x0) < 0 || Math.max(y, x0) >= pixels) continue;
      for (let from = 0; from < channels; from++) {
        sum += x[(y * pixels + x0) * channels + from]! *
          w[(i * channels + from) * channels + channel]!;
      }
    }
    return sum;
  };
  return {
    inputs,
    run: ([x, w]) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"),
    check: (values) => {
      if (values.length !== x.length) return `it has ${values.length} values`;
      // All are a billion products: some places, among them the edges.
      const rows = [0, 1, Math.floor(pixels / 2), pixels - 1];
      const places = rows.flatMap((row) =>
        rows.flatMap((column) =>
          Array.from({ length: channels }, (_, channel) => ({
            at: (row * pixels + column) * channels + channel,
            sum: sumAt(row, column, channel),
          }))
        )
      );
      const got = places.map(({ at }) => values[at]!);
      return difference(
        "it",
        [[got, places.map(({ sum }) => sum)]],
        TOLERANCE,
      );
    },
    choices: [{ channels_last: false }, { channels_last: true }],
  };
};

/** Uniform numbers, which are judged by their moments. */
const random: Maker = (side) => ({
  inputs: matrices(side, SIGNED, 1),
  run: ([x]) => tf.randomUniform(x!.shape),
  check: (values) => {
    const count = side * side;
    if (values.length !== count) return `it has ${values.length} values`;
    const numbers = Float64Array.from(values);
    const mean = meanOf(numbers);
    const square = meanOf(numbers.map((x) => x * x));
    // Five times as far as one would expect them to be off.
    const most = 5 * Math.sqrt(1 / 12 / count);
    if (Math.abs(mean - 1 / 2) > most) return `its mean is ${mean}`;
    if (Math.abs(square - 1 / 3) > most) return `its mean square is ${square}`;
    const isWithin = numbers.every((x) => x >= 0 && x < 1);
    return isWithin ? null : "it has numbers that are not in [0, 1)";
  },
});

/** By name. */
export const OPERATIONS: Readonly<Record<string, Maker>> = {
  add: elementwise(tf.add, (x, y) => x + y, { count: 2 }),
  exp: elementwise(tf.exp, Math.exp),
  log: elementwise(tf.log, Math.log, { make: POSITIVE }),
  tanh: elementwise(tf.tanh, Math.tanh),
  softplus: elementwise(tf.softplus, (x) => Math.log1p(Math.exp(x))),
  sqrt: elementwise(tf.sqrt, Math.sqrt, { make: POSITIVE }),
  // A power that PyTorch knows a shorter way for, as is usual: squares and cubes.
  pow: elementwise((x) => tf.pow(x, 3), (x) => x ** 3),
  maximum: elementwise(tf.maximum, Math.max, { count: 2 }),
  where: (side) => {
    const inputs = matrices(side, SIGNED, 2);
    const [x, y] = inputs.map(({ values }) => values);
    const isMore = x!.map((x, i) => Number(x > y![i]!));
    return {
      inputs: [...inputs, {
        name: "condition",
        shape: [side, side],
        values: isMore,
      }],
      run: ([x, y, condition]) => tf.where(condition!, x!, y!),
      check: (values) =>
        difference("it", [[values, x!.map((x, i) => Math.max(x, y![i]!))]], 0),
    };
  },
  sin: elementwise(tf.sin, Math.sin),
  softmax: ofMatrix(
    tf.softmax,
    eachRow((row) => {
      const powers = row.map(Math.exp);
      const sum = powers.reduce((sum, x) => sum + x, 0);
      return powers.map((x) => x / sum);
    }),
  ),
  sum: ofMatrix(tf.sum, (values) => [values.reduce((sum, x) => sum + x, 0)]),
  cumsum: ofMatrix(
    (x) => tf.cumsum(x, 1),
    eachRow((row) => {
      let sum = 0;
      return row.map((x) => sum += x);
    }),
  ),
  transpose: ofMatrix(
    tf.transpose,
    (values, rows, columns) =>
      values.map((_, i) => values[i % rows * columns + Math.floor(i / rows)]!),
  ),
  pad: ofMatrix(
    (x) => tf.pad2d(x, [[PADDING, PADDING], [PADDING, PADDING]]),
    padded,
  ),
  random,
  conv2d: convolution,
  "gradient of GELU by tanh": gradient(
    (x) => {
      const inner = tf.mul(
        0.7978845608,
        tf.add(x, tf.mul(0.044715, tf.pow(x, 3))),
      );
      return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
    },
    (x, dy) =>
      Float64Array.from(x, (x, i) => {
        const t = Math.tanh(0.7978845608 * (x + 0.044715 * x ** 3));
        const inner = 0.7978845608 * (1 + 3 * 0.044715 * x * x);
        return dy[i]! * 0.5 * (1 + t + x * (1 - t * t) * inner);
      }),
  ),
  "gradient of normal rows": gradient(
    (x) => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const variance = tf.mean(tf.mul(centred, centred), -1, true);
      return tf.div(centred, tf.sqrt(tf.add(variance, 1e-5)));
    },
    (x, dy, columns) => {
      const all = new Float64Array(x.length);
      for (let from = 0; from < x.length; from += columns) {
        const row = Float64Array.from(x.subarray(from, from + columns));
        const gradients = Float64Array.from(dy.subarray(from, from + columns));
        const mean = meanOf(row), meanGradient = meanOf(gradients);
        const root = Math.sqrt(meanOf(row.map((x) => (x - mean) ** 2)) + 1e-5);
        const normal = row.map((x) => (x - mean) / root);
        const along = meanOf(normal.map((x, i) => x * gradients[i]!));
        all.set(
          normal.map((x, i) =>
            (gradients[i]! - meanGradient - x * along) / root
          ),
          from,
        );
      }
      return all;
    },
  ),
  "gradient of softplus · sin": gradient(
    (x) => tf.mul(tf.softplus(x), tf.sin(x)),
    (x, dy) =>
      Float64Array.from(x, (x, i) =>
        dy[i]! * (sigmoid(x) * Math.sin(x) +
          Math.log1p(Math.exp(x)) * Math.cos(x))),
  ),
};

/** Matrix products as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { shown } from "@lionjs/base";
import { callKernel } from "../kernel_call.ts";
import { matrixShape } from "../matrix_shape.ts";
import { addressOf } from "./address.ts";
import type { RunOptions } from "./host.ts";
import { ACTIVATIONS, JOBS } from "./jobs.ts";
import {
  type MakeKernel,
  replacing,
  type Running,
  withOutputs,
} from "./outputs.ts";

/**
 * The kernels `BatchMatMul` and `_FusedMatMul`: all transposes, batches and broadcast
 * batches, bias and activation, at the same speed. With few rows, as in
 * generation, they take as long as reading b. Operands are float32: integers
 * never come here (`replaced.ts`).
 */
export const matmulKernel: MakeKernel =
  (_stock, _name, host) => ({ inputs, backend, attrs }) => {
    const { a, b, ...more } = inputs as
      & Record<"a" | "b", tf.TensorInfo>
      & Pick<MatmulOptions, "bias" | "preluActivationWeights">;
    const wasm = backend as BackendWasm;
    const options = attrs as unknown as tf._FusedMatMulAttrs;
    return withOutputs(
      wasm,
      (make) => matmul({ host, wasm, make }, a, b, { ...options, ...more }),
    );
  };

/**
 * Applies an activation by its own kernel; x is disposed of.
 *
 * @throws {RangeError} If there is no such activation.
 */
export function activateBy(
  wasm: BackendWasm,
  x: tf.TensorInfo,
  activation: string,
  weights?: tf.TensorInfo,
  alpha?: number,
): tf.TensorInfo {
  return replacing(wasm, x, () => {
    const callOf = KERNELS[activation];
    if (!callOf) {
      throw new RangeError(
        `activation should be linear, ${
          Object.keys(KERNELS).join(", ")
        }, got ` +
          shown(activation),
      );
    }
    const { kernel, inputs, attrs } = callOf(weights, alpha);
    return callKernel("wasm", kernel, wasm, { x, ...inputs }, attrs);
  });
}

/** The kernel that applies each activation. */
const KERNELS: Record<
  string,
  (weights?: tf.TensorInfo, alpha?: number) => {
    kernel: string;
    inputs?: tf.NamedTensorInfoMap;
    attrs?: tf.NamedAttrMap;
  }
> = {
  relu: () => ({ kernel: "Relu" }),
  relu6: () => ({ kernel: "Relu6" }),
  elu: () => ({ kernel: "Elu" }),
  sigmoid: () => ({ kernel: "Sigmoid" }),
  prelu: (alpha) => ({ kernel: "Prelu", inputs: { alpha: alpha! } }),
  leakyrelu: (_, alpha = 0.2) => ({ kernel: "LeakyRelu", attrs: { alpha } }),
};

/** Options of {@linkcode matmul}. */
export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** The vector that is added to each row. @default nothing */
  readonly bias?: tf.TensorInfo | undefined;
  /** tfjs's name of an activation, or "gelu". @default "linear" */
  readonly activation?: string | undefined;
  readonly preluActivationWeights?: tf.TensorInfo | undefined;
  readonly leakyreluAlpha?: number | undefined;
  /** Gets the sums before the activation, which should be "gelu". @default not kept */
  readonly hidden?: tf.TensorInfo | undefined;
}

/** The product of two matrices, or of two batches of them. */
export function matmul(
  { host, wasm, make }: Running,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  options: MatmulOptions,
): tf.TensorInfo {
  const { transposeA = false, transposeB = false, bias, hidden } = options;
  const activation = options.activation || "linear";
  const [rows, inner] = matrixShape("a", a, transposeA);
  const [innerB, columns] = matrixShape("b", b, transposeB);
  if (inner !== innerB) {
    throw new TypeError(
      `matMul's a and b should have the same inner size, got [${a.shape}]${
        transposeA ? " transposed" : ""
      } and [${b.shape}]${transposeB ? " transposed" : ""}`,
    );
  }
  if (bias && tf.util.sizeFromShape(bias.shape) !== columns) {
    throw new TypeError(
      `matMul's bias should have shape [${columns}], got [${bias.shape}]`,
    );
  }
  const batchA = a.shape.slice(0, -2), batchB = b.shape.slice(0, -2);
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
  const output = make([...batch, rows, columns]);
  const count = tf.util.sizeFromShape(batch), size = count * rows * columns;
  if (size === 0) return output;
  const sums = hidden ?? output;
  const isMade = inner > 0 && !areFew(rows, inner * columns);
  if (inner === 0) {
    // The inner dimension is 0, so that every sum is empty.
    const values = wasm.typedArrayFromHeap(sums).fill(0);
    const first = bias && wasm.typedArrayFromHeap(bias);
    for (let at = 0; first && at < values.length; at += columns) {
      values.set(first, at);
    }
  } else {
    const product = {
      batch: count,
      rows,
      inner,
      columns,
      transposeA: Number(transposeA),
      transposeB: Number(transposeB),
      a: addressOf(wasm, a),
      b: addressOf(wasm, b),
      bias: bias ? addressOf(wasm, bias) : 0,
    };
    const run: RunOptions = {
      operations: 2 * count * rows * inner * columns,
      fill: (memory, address) => {
        const first = new Int32Array(memory, address, 2 * count);
        for (let i = 0; i < count; i++) {
          first[2 * i] = indexIn(batchA, i, batch) * rows * inner;
          first[2 * i + 1] = indexIn(batchB, i, batch) * inner * columns;
        }
      },
    };
    if (isMade) {
      host.run(JOBS.matmul, {
        ...product,
        ...tasksOf(count, rows, columns, host.threads),
        activation: codeOf(activation),
        c: addressOf(wasm, output),
        hidden: hidden ? addressOf(wasm, hidden) : 0,
      }, run);
    } else host.run(JOBS.gemv, { ...product, c: addressOf(wasm, sums) }, run);
  }
  if (activation === "linear" || (isMade && codeOf(activation) > 0)) {
    return output;
  }
  if (activation === "gelu") {
    const [x, y] = [addressOf(wasm, sums), addressOf(wasm, output)];
    host.run(JOBS.gelu, { size, x, y }, { operations: 30 * size });
    return output;
  }
  const { preluActivationWeights, leakyreluAlpha } = options;
  return activateBy(
    wasm,
    output,
    activation,
    preluActivationWeights,
    leakyreluAlpha,
  );
}

/** An activation's number in records; 0 where no job applies it. */
export function codeOf(activation: string): number {
  return Math.max(0, ACTIVATIONS.findIndex((name) => name === activation));
}

/**
 * Number of elements from which on a matrix does not stay in a core's cache: 1
 * MiB.
 */
const LARGE = 2 ** 18;

/**
 * Whether reading b in place for each row of a is faster than packing b into tiles.
 */
function areFew(rows: number, sizeOfB: number): boolean {
  return rows <= (sizeOfB < LARGE ? 4 : 8);
}

/**
 * Most rows of a task: those of 256 numbers of each stay in the cache, and a panel of
 * b is packed once for all of them.
 */
const MOST_ROWS = 256;

/** Columns of a panel of b. */
const PANEL = 16;

/** Least number of rows for which a packed panel is worth it. */
const LEAST_ROWS = 12;

/** Tasks for each thread, at least and at most, so that none waits for long at the end. */
const LEAST_TASKS = 3, MOST_TASKS = 6;

/**
 * The division of a product into tasks. Each has all rows, unless there are too many,
 * so that threads do not pack the same columns.
 */
function tasksOf(
  batch: number,
  rows: number,
  columns: number,
  threads: number,
): { rowsPerTask: number; columnsPerTask: number } {
  const panels = Math.ceil(columns / PANEL);
  const wanted = threads === 1 ? 1 : LEAST_TASKS * threads;
  const parts = Math.max(
    Math.ceil(rows / MOST_ROWS),
    Math.min(
      Math.ceil(rows / LEAST_ROWS),
      Math.ceil(wanted / (batch * panels)),
    ),
  );
  return {
    // Whole register tiles of 6 rows, and whole panels.
    rowsPerTask: Math.max(LEAST_ROWS, 6 * Math.ceil(rows / parts / 6)),
    columnsPerTask: PANEL * shareOf(panels, batch * parts, threads),
  };
}

/**
 * The number of `things` that each task has, if they are divided among tasks for each of
 * `others` others: the number with which all threads end together, and the larger one if
 * two are alike.
 */
export function shareOf(
  things: number,
  others: number,
  threads: number,
): number {
  if (threads === 1) return things;
  let best = things, least = Infinity;
  for (let parts = Math.ceil(LEAST_TASKS * threads / others);; parts++) {
    const each = Math.ceil(things / parts);
    const tasks = others * Math.ceil(things / each);
    const time = Math.ceil(tasks / threads) * each;
    if (time < 0.97 * least) {
      best = each;
      least = time;
    }
    if (each === 1 || tasks >= MOST_TASKS * threads) return best;
  }
}

/** The matrix of a batch at index i of the batch to which it is broadcast. */
function indexIn(shape: number[], i: number, broadcast: number[]): number {
  let index = 0, stride = 1;
  for (let axis = 1; axis <= broadcast.length; axis++) {
    const size = broadcast.at(-axis)!, own = shape.at(-axis) ?? 1;
    if (own > 1) index += i % size * stride;
    stride *= own;
    i = Math.floor(i / size);
  }
  return index;
}

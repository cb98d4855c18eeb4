/** Layer normalisation, of a sum too, in WebAssembly. @module */
import * as tf from "@tensorflow/tfjs-core";
import { refer, sizeOf } from "@lionjs/tfjs/kernel";
import {
  addresses,
  type Call,
  type Fields,
  integers,
  jobsOf,
  type Kernel,
  type KernelHost,
  OPERATIONS_A_COPY,
  registerJob,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { ADD_AND_NORM, NORM_OF_SUM } from "./add_norm.ts";
import { LAYER_NORM } from "./layer_norm.ts";

/**
 * The job of layer normalisation of rows, or of its gradient if there is a `dy`. If
 * rows are `added` to x, their `sum` is written, and normalised; `dsum` is added to
 * the gradient. Both are 0 for none.
 */
const RECORD = {
  ...integers("rows", "columns", "rowsPerTask"),
  epsilon: "f32",
  ...addresses("x", "scale", "offset", "y", "dy", "dx", "dscale", "doffset"),
  ...addresses("added", "sum", "dsum"),
} as const satisfies Fields;

export const JOBS = jobsOf({ layerNorm: RECORD });

export function register(host: KernelHost): void {
  registerJob(host, LAYER_NORM, {
    job: JOBS.layerNorm,
    outputs: ({ inputs, make }) => ({ y: make(inputs["x"]!.shape) }),
    numbers: ({ inputs, attributes }: Call) =>
      normRows(inputs["x"]!, attributes),
    operations: ({ inputs: { x, dy } }) =>
      (dy ? 2 : 1) * OPERATIONS_A_COPY * sizeOf(x!),
  });
  registerWasmKernel(host, ADD_AND_NORM, {
    forward: (call) => {
      const { sum, y } = normalize(call);
      return [sum, y];
    },
    gradient: normGradient,
  });
  registerWasmKernel(host, NORM_OF_SUM, {
    forward: (call) => {
      const { sum, y } = normalize(call);
      return [y, sum];
    },
    gradient: normGradient,
  });
}

/**
 * The rows that are normalised, and how many of them a task has: as many whatever
 * the number of threads, so that sums over tasks are the same.
 */
export function normRows(
  { shape }: tf.TensorInfo,
  attributes: Call["attributes"],
) {
  const columns = shape.at(-1)!;
  const rows = tf.util.sizeFromShape(shape) / Math.max(1, columns);
  const rowsPerTask = Math.max(16, Math.ceil(rows / 64));
  const epsilon = attributes["epsilon"] as number;
  return { rows, columns, rowsPerTask, epsilon };
}

/** Normalises the sum of two tensors, or a tensor that is then its own sum. */
function normalize(call: Call): { sum: tf.TensorInfo; y: tf.TensorInfo } {
  const { inputs, attributes, wasm, make, run } = call, x = inputs["x"]!;
  const made = inputs["added"] && make(x.shape), y = make(x.shape);
  const tensors = { ...inputs, y, ...(made ? { sum: made } : {}) };
  const operations = OPERATIONS_A_COPY * sizeOf(x);
  run(JOBS.layerNorm, normRows(x, attributes), tensors, operations);
  return { sum: made ?? refer(wasm, x), y };
}

/** Both summands have the same gradient, which is kept once. */
const normGradient: Kernel = ({ inputs, attributes, wasm, make, run }) => {
  const { sum, scale, dsum, dy } = inputs;
  const dx = make(sum!.shape), dscale = make(scale!.shape);
  const doffset = make(scale!.shape);
  const tensors = { x: sum, scale, dsum, dy, dx, dscale, doffset };
  const operations = 2 * OPERATIONS_A_COPY * sizeOf(dx);
  run(JOBS.layerNorm, normRows(sum!, attributes), tensors, operations);
  return attributes["adds"]
    ? [dx, refer(wasm, dx), dscale, doffset]
    : [dx, dscale, doffset];
};

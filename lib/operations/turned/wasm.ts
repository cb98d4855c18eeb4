/** Vectors turned for sweeps, and what sweeps read, in WebAssembly. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "@lionjs/tfjs/kernel";
import {
  addresses,
  type Call,
  type Fields,
  integers,
  jobsOf,
  type KernelHost,
  OPERATIONS_A_COPY,
  OPERATIONS_AN_EXPONENTIAL,
  registerJob,
} from "@lionjs/tfjs/wasm";
import { JOIN_SWEEPS, TURN_SWEEPS } from "./sweeps.ts";

/**
 * The job that turns vectors for sweeps, or of its gradient if there is a `dq`;
 * `before` is 0 for one sweep, `angles` if nothing turns, and `segments` for none.
 */
const TURN_RECORD = {
  ...integers("batch", "heads", "length", "headDim", "valueDim", "angles"),
  ...addresses("x", "b", "c", "after", "before", "phase", "segments"),
  ...addresses("q", "k", "v", "products", "dq", "dk", "dv", "dproducts"),
  ...addresses("dx", "db", "dc", "dafter", "dbefore", "dphase"),
} as const satisfies Fields;

/**
 * The job that joins what tokens read in one sweep or in two, or of its gradient if
 * there is a `dy`.
 */
const JOIN_RECORD = {
  ...integers("sequences", "length", "columns", "sweeps"),
  ...addresses("read", "x", "own", "y", "dy", "dread", "dx", "down"),
} as const satisfies Fields;

export const JOBS = jobsOf({
  turnSweeps: TURN_RECORD,
  joinSweeps: JOIN_RECORD,
});

export function register(host: KernelHost): void {
  registerJob(host, TURN_SWEEPS, {
    job: JOBS.turnSweeps,
    outputs: ({ inputs: { x, b, after, before }, make }) => {
      const [batch, ...others] = b!.shape as tf.Tensor4D["shape"];
      const sweeps = before ? 2 : 1;
      const q = make([sweeps * batch, ...others]);
      const k = make([sweeps * batch, ...others]);
      const v = make([sweeps * batch, ...x!.shape.slice(1)]);
      return { q, k, v, products: make(after!.shape) };
    },
    numbers: turnNumbers,
    operations: ({ inputs: { b, phase, x } }) =>
      4 * OPERATIONS_A_COPY * (sizeOf(b!) + sizeOf(x!)) +
      (phase ? 2 * OPERATIONS_AN_EXPONENTIAL * sizeOf(phase) : 0),
  });
  registerJob(host, JOIN_SWEEPS, {
    job: JOBS.joinSweeps,
    outputs: ({ inputs, make }) => ({ y: make(inputs["x"]!.shape) }),
    numbers: ({ inputs: { x, read, dread } }) => {
      const [batch, heads, length, columns] = x!.shape as tf.Tensor4D["shape"];
      const sweeps = (read ?? dread)!.shape[0]! / batch;
      return { sequences: batch * heads, length, columns, sweeps };
    },
    operations: ({ inputs: { x } }) => 3 * OPERATIONS_A_COPY * sizeOf(x!),
  });
}

function turnNumbers({ inputs: { x, b, phase } }: Call) {
  const [batch, heads, length, headDim] = b!.shape as tf.Tensor4D["shape"];
  const valueDim = x!.shape[3]!, angles = phase?.shape[3] ?? 0;
  return { batch, heads, length, headDim, valueDim, angles };
}

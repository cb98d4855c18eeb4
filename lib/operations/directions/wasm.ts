/** The steps around bidirectional attention as two causal ones, in WebAssembly. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  addresses,
  type Fields,
  integers,
  jobsOf,
  type KernelHost,
  OPERATIONS_A_COPY,
  registerJob,
  type Tensors,
} from "@lionjs/tfjs/wasm";
import { JOIN_DIRECTIONS, SPLIT_DIRECTIONS } from "./directions.ts";

/** The job that splits rows into heads that read from both ends, or of its gradient if there is a `dmixed`. */
const SPLIT_RECORD = {
  ...integers("batch", "length", "heads", "headDim", "stateDim"),
  ...addresses("mixed", "dt", "x", "q", "k", "v", "dx", "dq", "dk", "dv"),
  ...addresses("dmixed", "ddt"),
} as const satisfies Fields;

/**
 * The job that joins the outputs of heads from both ends to rows, or of its gradient if
 * there is a `dy`; `segments` is 0 for none.
 */
const JOIN_RECORD = {
  ...integers("batch", "length", "heads", "headDim"),
  ...addresses("read", "x", "own", "segments"),
  y: "usize",
  ...addresses("dy", "dread", "dx", "down"),
} as const satisfies Fields;

export const JOBS = jobsOf({
  splitDirections: SPLIT_RECORD,
  joinDirections: JOIN_RECORD,
});

interface SplitAttributes {
  readonly stateDim: number;
}

export function register(host: KernelHost): void {
  registerJob<typeof JOBS.splitDirections, SplitAttributes>(
    host,
    SPLIT_DIRECTIONS,
    {
      job: JOBS.splitDirections,
      outputs: ({ inputs, attributes: { stateDim }, make }) => {
        const { batch, length, heads, headDim } = splitSizes(inputs, stateDim);
        const x = make([batch, length, heads * headDim]);
        const shared = [2 * batch, 1, length, stateDim];
        const q = make(shared), k = make(shared);
        return { x, q, k, v: make([2 * batch, heads, length, headDim]) };
      },
      numbers: ({ inputs, attributes: { stateDim } }) => ({
        ...splitSizes(inputs, stateDim),
        stateDim,
      }),
      operations: ({ inputs, attributes: { stateDim } }) => {
        const { batch, length, heads, headDim } = splitSizes(inputs, stateDim);
        return OPERATIONS_A_COPY * 2 * batch * length *
          (2 * stateDim + heads * headDim);
      },
    },
  );
  registerJob(host, JOIN_DIRECTIONS, {
    job: JOBS.joinDirections,
    outputs: ({ inputs, make }) => ({ y: make(inputs["x"]!.shape) }),
    numbers: ({ inputs: { read, x } }) => {
      const [batch, length] = x!.shape as tf.Tensor3D["shape"];
      const [, heads, , headDim] = read!.shape as tf.Tensor4D["shape"];
      return { batch, length, heads, headDim };
    },
    operations: ({ inputs }) =>
      3 * OPERATIONS_A_COPY * tf.util.sizeFromShape(inputs["x"]!.shape),
  });
}

function splitSizes({ mixed, dt }: Tensors, stateDim: number) {
  const [batch, length, columns] = mixed!.shape as tf.Tensor3D["shape"];
  const heads = dt!.shape[1]!;
  return { batch, length, heads, headDim: (columns - 4 * stateDim) / heads };
}

/**
 * The steps around bidirectional attention as two causal ones, as kernels of the
 * wasm backend. @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  JOIN_DIRECTIONS,
  SPLIT_DIRECTIONS,
} from "../../operations/directions.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { registerJob, type Tensors } from "../../tfjs/wasm/kernel.ts";
import { LION_JOBS } from "./jobs.ts";

/** Operations that take as long as reading and writing a number, in short rows. */
const OPERATIONS_A_COPY = 8;

interface SplitAttributes {
  readonly stateDim: number;
}

export function registerBidirectional(host: KernelHost): void {
  registerJob<typeof LION_JOBS.splitDirections, SplitAttributes>(
    host,
    SPLIT_DIRECTIONS,
    {
      job: LION_JOBS.splitDirections,
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
    job: LION_JOBS.joinDirections,
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

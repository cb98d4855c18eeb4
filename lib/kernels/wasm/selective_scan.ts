/** Mamba's selective scan as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  SELECTIVE_SCAN,
  type SelectiveScanAttributes,
} from "../../operations/selective_scan.ts";
import { type KernelHost, registerJob, type Tensors } from "@lionjs/tfjs/wasm";
import { LION_JOBS } from "./jobs.ts";

/**
 * Tokens between states that are kept: those of a chunk stay in a processor's
 * cache.
 */
const CHUNK = 32;

/** Channels of a pair of vectors. */
const GROUP = 8;

/**
 * Operations for each number of a state and token, roughly: an exponential, a
 * step and a product.
 */
const OPERATIONS = 20;

export function registerSelectiveScan(host: KernelHost): void {
  registerJob<typeof LION_JOBS.selectiveScan, SelectiveScanAttributes>(
    host,
    SELECTIVE_SCAN,
    {
      job: LION_JOBS.selectiveScan,
      outputs: (
        { inputs, attributes, make },
      ): Record<string, tf.TensorInfo> => {
        const { batch, length, channels, stateDim } = sizesOf(inputs);
        const y = make([batch, length, channels]);
        if (!attributes.keepStates) return { y };
        const chunks = Math.ceil(length / CHUNK);
        const groups = Math.ceil(channels / GROUP);
        return { y, states: make([batch, chunks, groups, stateDim, GROUP]) };
      },
      numbers: ({ inputs, attributes }) => ({
        ...sizesOf(inputs),
        chunkSize: CHUNK,
        reverse: Number(attributes.reverse),
      }),
      operations: ({ inputs }) => {
        const { batch, length, channels, stateDim } = sizesOf(inputs);
        return OPERATIONS * batch * length * channels * stateDim;
      },
    },
  );
}

function sizesOf({ x, a }: Tensors) {
  const [batch, length, channels] = x!.shape as tf.Tensor3D["shape"];
  return { batch, length, channels, stateDim: a!.shape[1]! };
}

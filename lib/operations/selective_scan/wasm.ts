/** Mamba's selective scan in WebAssembly. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  SELECTIVE_SCAN,
  type SelectiveScanAttributes,
} from "./selective_scan.ts";
import {
  addresses,
  type Fields,
  integers,
  jobsOf,
  type KernelHost,
  registerJob,
  type Tensors,
} from "@lionjs/tfjs/wasm";

/**
 * The job of the selective scan, or of its gradient if there is a `dy`; the address of
 * an absent optional tensor is 0.
 */
const RECORD = {
  ...integers("batch", "length", "channels", "stateDim"),
  /** Tokens between states that are kept. */
  chunkSize: "i32",
  reverse: "i32",
  ...addresses("x", "dt", "a", "b", "c", "d", "z", "begins"),
  ...addresses("y", "states"),
  ...addresses("dy", "dx", "ddt", "da", "db", "dc", "dd", "dz"),
} as const satisfies Fields;

export const JOBS = jobsOf({ selectiveScan: RECORD });

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

export function register(host: KernelHost): void {
  registerJob<typeof JOBS.selectiveScan, SelectiveScanAttributes>(
    host,
    SELECTIVE_SCAN,
    {
      job: JOBS.selectiveScan,
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

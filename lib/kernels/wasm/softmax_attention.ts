/** Softmax attention as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  SOFTMAX_ATTENTION,
  type SoftmaxAttributes,
} from "../../attention/planning/softmax_kernel.ts";
import { type KernelHost, registerJob, type Tensors } from "@lionjs/tfjs/wasm";
import { LION_JOBS } from "./jobs.ts";

export function registerSoftmaxAttention(host: KernelHost): void {
  registerJob<typeof LION_JOBS.softmax, SoftmaxAttributes>(
    host,
    SOFTMAX_ATTENTION,
    {
      job: LION_JOBS.softmax,
      outputs: ({ inputs: { q, v }, make }) => {
        const perToken = q!.shape.slice(0, 3);
        const y = make(v!.shape);
        return { y, maxima: make(perToken), sums: make(perToken) };
      },
      numbers: ({ inputs, attributes: { causal, scale }, host }) => {
        const { heads, sequences, length, ...dims } = sizesOf(inputs);
        return {
          ...{ sequences, heads, length, ...dims, causal: Number(causal) },
          ...{ parts: partsOf(sequences, length, host.threads), scale },
        };
      },
      operations: ({ inputs }) => {
        const { sequences, length, headDim, valueDim } = sizesOf(inputs);
        return 2 * sequences * length ** 2 * (headDim + valueDim);
      },
    },
  );
}

function sizesOf({ q, v }: Tensors) {
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const valueDim = v!.shape[3]!;
  return { sequences: batch * heads, heads, length, headDim, valueDim };
}

/** Tokens of a block of keys, at least: parts should have some. */
const LEAST_TOKENS = 192;

/**
 * Tasks a sequence of the gradient, so that all threads have work. Parts of a
 * sequence cost memory and additions, so there are no more than it takes.
 */
function partsOf(sequences: number, length: number, threads: number): number {
  let best = { parts: 1, cost: Infinity };
  const most = Math.min(threads, Math.ceil(length / LEAST_TOKENS));
  for (let parts = 1; parts <= most; parts++) {
    const cost = Math.ceil(sequences * parts / threads) / parts;
    if (cost < best.cost) best = { parts, cost };
  }
  return best.parts;
}

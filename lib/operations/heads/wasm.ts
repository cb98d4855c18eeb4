/** Splitting rows into heads, in WebAssembly. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "@lionjs/tfjs/kernel";
import {
  addresses,
  type Call,
  type Fields,
  integers,
  jobsOf,
  type Kernel,
  type KernelHost,
  OPERATIONS_AN_ELEMENT,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import {
  FUSED_FEATURE_MAPS,
  type FusedFeatureMap,
  SPLIT_HEADS,
} from "./heads.ts";

/** The job that splits rows into heads; if there is a `dx`, of its gradient: q, k and v are then gradients, and `dx` is that in x. */
const RECORD = {
  ...integers("batch", "length", "heads", "headDim", "featureMap"),
  ...addresses("x", "q", "k", "v", "dx"),
} as const satisfies Fields;

export const JOBS = jobsOf({ splitHeads: RECORD });

export function register(host: KernelHost): void {
  registerWasmKernel(host, SPLIT_HEADS, {
    forward: splitHeads,
    gradient: splitHeadsGradient,
  });
}

/** The numbers of a job of rows `[batch, length, columns]`. */
function headsOf(shape: readonly number[], { attributes }: Call) {
  const [batch, length, columns] = shape as tf.Tensor3D["shape"];
  const heads = attributes["numHeads"] as number;
  const name = attributes["featureMap"] as FusedFeatureMap;
  const featureMap = FUSED_FEATURE_MAPS.indexOf(name);
  return { batch, length, heads, headDim: columns / (3 * heads), featureMap };
}

const splitHeads: Kernel = (call) => {
  const { inputs: { x }, make, run } = call;
  const numbers = headsOf(x!.shape, call);
  const { batch, heads, length, headDim } = numbers;
  const shape = [batch, heads, length, headDim];
  const [q, k, v] = [make(shape), make(shape), make(shape)];
  const tensors = { x, q, k, v };
  run(
    JOBS.splitHeads,
    numbers,
    tensors,
    OPERATIONS_AN_ELEMENT * sizeOf(x!),
  );
  return [q, k, v];
};

const splitHeadsGradient: Kernel = (call) => {
  const { inputs: { x, dq: q, dk: k, dv: v }, make, run } = call;
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const dx = make([batch, length, 3 * heads * headDim]);
  // With the feature map `identity`, the kernel gets no x and reads none.
  const tensors = { x, q, k, v, dx };
  const operations = OPERATIONS_AN_ELEMENT * sizeOf(dx);
  run(JOBS.splitHeads, headsOf(dx.shape, call), tensors, operations);
  return [dx];
};

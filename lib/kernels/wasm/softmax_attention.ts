/** Softmax attention as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  SOFTMAX_ATTENTION,
  type SoftmaxAttributes,
} from "../../attention/planning/softmax_kernel.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import {
  type Call,
  type Kernel,
  registerWasmKernel,
  type Tensors,
} from "./kernel.ts";

/**
 * Registers the forward and the gradient kernel.
 *
 * @param host Runs them.
 */
export function registerSoftmaxAttention(host: KernelHost): void {
  registerWasmKernel(host, SOFTMAX_ATTENTION, { forward, gradient });
}

const forward: Kernel<SoftmaxAttributes> = (call) => {
  const { inputs, make } = call;
  const { q, v } = inputs;
  const perToken = q!.shape.slice(0, 3);
  const outputs = {
    y: make(v!.shape),
    maxima: make(perToken),
    sums: make(perToken),
  };
  run(call, { ...inputs, ...outputs });
  return Object.values(outputs);
};

const gradient: Kernel<SoftmaxAttributes> = (call) => {
  const { inputs, make } = call;
  const { q, k, v } = inputs;
  const outputs = {
    dq: make(q!.shape),
    dk: make(k!.shape),
    dv: make(v!.shape),
  };
  run(call, { ...inputs, ...outputs });
  return Object.values(outputs);
};

function run(
  { host, attributes, at }: Call<SoftmaxAttributes>,
  tensors: Tensors,
): void {
  const { q, k, v, mask, segments, y, maxima, sums, dy, dq, dk, dv } = tensors;
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const valueDim = v!.shape[3]!;
  const sequences = batch * heads;
  host.run("softmax", {
    sequences,
    heads,
    length,
    headDim,
    valueDim,
    causal: Number(attributes.causal),
    parts: partsOf(sequences, length, host.threads),
    scale: attributes.scale,
    q: at(q),
    k: at(k),
    v: at(v),
    mask: at(mask),
    segments: at(segments),
    y: at(y),
    maxima: at(maxima),
    sums: at(sums),
    dy: at(dy),
    dq: at(dq),
    dk: at(dk),
    dv: at(dv),
  }, { operations: 2 * sequences * length ** 2 * (headDim + valueDim) });
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

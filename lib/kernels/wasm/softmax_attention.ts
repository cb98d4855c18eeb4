/** Softmax attention as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import {
  SOFTMAX_ATTENTION,
  type SoftmaxAttributes,
} from "../../attention/softmax_attention.ts";
import { onFloats } from "../../contract/kernel.ts";
import { replaceKernel } from "../../tfjs/replace_kernel.ts";
import { addressOf } from "../../tfjs/wasm/address.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { withOutputs } from "../../tfjs/wasm/outputs.ts";

/** Where each tensor comes or goes. */
type Tensors = Readonly<Partial<Record<string, tf.TensorInfo>>>;

/**
 * Registers the forward and the gradient kernel.
 *
 * @param host Runs them.
 */
export function registerSoftmaxAttention(host: KernelHost): void {
  const kernels: Record<string, tf.KernelFunc> = {
    [SOFTMAX_ATTENTION]: ({ inputs, backend, attrs }) => {
      const wasm = backend as BackendWasm;
      const { q, v } = inputs as Record<"q" | "v", tf.TensorInfo>;
      return withOutputs(wasm, (make) => {
        const y = make(v.shape);
        const maxima = make(q.shape.slice(0, 3));
        const sums = make(q.shape.slice(0, 3));
        runJob(host, wasm, { ...inputs, y, maxima, sums } as Tensors, attrs);
        return [y, maxima, sums];
      });
    },
    [`${SOFTMAX_ATTENTION}Grad`]: ({ inputs, backend, attrs }) => {
      const wasm = backend as BackendWasm;
      const { q, k, v } = inputs as Record<"q" | "k" | "v", tf.TensorInfo>;
      return withOutputs(wasm, (make) => {
        const [dq, dk, dv] = [make(q.shape), make(k.shape), make(v.shape)];
        runJob(host, wasm, { ...inputs, dq, dk, dv } as Tensors, attrs);
        return [dq, dk, dv];
      });
    },
  };
  for (const [name, kernel] of Object.entries(kernels)) {
    replaceKernel("wasm", name, onFloats(name, kernel));
  }
}

function runJob(
  host: KernelHost,
  wasm: BackendWasm,
  tensors: Tensors,
  attrs: tf.NamedAttrMap | undefined,
): void {
  const { causal, scale } = attrs as unknown as SoftmaxAttributes;
  const { q, v } = tensors;
  const [batch, heads, length, headDim] = q!.shape as [
    number,
    number,
    number,
    number,
  ];
  const valueDim = v!.shape[3]!;
  const sequences = batch * heads;
  const address = (name: string) => {
    const tensor = tensors[name];
    return tensor ? addressOf(wasm, tensor) : 0;
  };
  host.run("softmax", {
    sequences,
    heads,
    length,
    headDim,
    valueDim,
    causal: Number(causal),
    parts: partsOf(sequences, length, host.threads),
    scale,
    q: address("q"),
    k: address("k"),
    v: address("v"),
    mask: address("mask"),
    segments: address("segments"),
    y: address("y"),
    maxima: address("maxima"),
    sums: address("sums"),
    dy: address("dy"),
    dq: address("dq"),
    dk: address("dk"),
    dv: address("dv"),
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

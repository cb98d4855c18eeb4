/** The small fused operations as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { LOG_SIGMOID } from "../../attention/decays/decay.ts";
import { SOURCE_DECAY } from "../../attention/decays/decay_pair.ts";
import {
  FINITE_DECAY,
  LOWEST_LOG_DECAY,
} from "../../attention/decays/finite_decay.ts";
import {
  BETWEEN_TOKENS,
  type BetweenTokensAttributes,
} from "../../attention/forms/paths.ts";
import type { Operation } from "@lionjs/tfjs/kernel";
import {
  functionKernel,
  type Kernel,
  type KernelHost,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";

export function registerOperations(host: KernelHost): void {
  const register = (operation: Operation, forward: Kernel, gradient?: Kernel) =>
    registerWasmKernel(host, operation, {
      forward,
      ...(gradient ? { gradient } : {}),
    });
  const p = LOWEST_LOG_DECAY, gradientIn = ["x", "dy"];
  register(
    LOG_SIGMOID,
    functionKernel("logSigmoid", ["x"]),
    functionKernel("logSigmoidGradient", gradientIn),
  );
  register(
    FINITE_DECAY,
    functionKernel("atLeast", ["x"], () => ({ p })),
    functionKernel("atLeastGradient", gradientIn, () => ({ p })),
  );
  register(SOURCE_DECAY, sourceDecay, sourceDecayGradient);
  registerWasmKernel(host, BETWEEN_TOKENS, { forward: betweenTokens });
}

/** Source decays have one number a token: a loop here is as fast as a job. */
const sourceDecay: Kernel = ({ wasm, inputs, make }) => {
  const logDecay = inputs["logDecay"]!;
  const length = logDecay.shape.at(-1)!;
  const outputs = [make(logDecay.shape), make(logDecay.shape)];
  const values = wasm.typedArrayFromHeap(logDecay);
  const [forward, backward] = outputs.map((x) => wasm.typedArrayFromHeap(x));
  for (let first = 0; first < values.length; first += length) {
    const last = first + length - 1;
    forward![first] = backward![last] = 0;
    for (let i = first; i < last; i++) {
      forward![i + 1] = clip(values[i]!);
      backward![i] = clip(values[i + 1]!);
    }
  }
  return outputs;
};

function clip(value: number): number {
  return value < LOWEST_LOG_DECAY ? LOWEST_LOG_DECAY : value;
}

const sourceDecayGradient: Kernel = ({ wasm, inputs, make }) => {
  const { logDecay, df, db } = inputs;
  const output = make(logDecay!.shape);
  const length = logDecay!.shape.at(-1)!;
  const gradient = wasm.typedArrayFromHeap(output);
  const [values, forward, backward] = [logDecay!, df!, db!].map((x) =>
    wasm.typedArrayFromHeap(x)
  );
  for (let first = 0; first < gradient.length; first += length) {
    const last = first + length - 1;
    for (let i = first; i <= last; i++) {
      const before = i > first ? backward![i - 1]! : 0;
      const after = i < last ? forward![i + 1]! : 0;
      gradient[i] = values![i]! < LOWEST_LOG_DECAY ? 0 : before + after;
    }
  }
  return [output];
};

/**
 * Clears rows at a sequence's ends: a copy and at most a few fills, which no job
 * beats.
 */
const betweenTokens: Kernel<BetweenTokensAttributes> = (
  { wasm, inputs, attributes, make },
) => {
  const { x, tokens } = inputs as Record<"x" | "tokens", tf.TensorInfo>;
  const [batch, heads, length, channels = 1] = x.shape as tf.Tensor4D["shape"];
  const y = make(x.shape);
  const values = wasm.typedArrayFromHeap(y);
  const mask = wasm.typedArrayFromHeap(tokens) as Float32Array;
  values.set(wasm.typedArrayFromHeap(x));
  const row = length * channels;
  for (let i = 0; i < batch; i++) {
    const own = mask.subarray(i * length, (i + 1) * length);
    const isToken = (value: number) => value !== 0;
    const first = own.findIndex(isToken), last = own.findLastIndex(isToken);
    const start = first < 0 ? length : first + Number(attributes.forward);
    const end = last + Number(attributes.forward);
    for (let at = i * heads * row; at < (i + 1) * heads * row; at += row) {
      values.fill(0, at, at + start * channels);
      values.fill(0, at + Math.max(start, end) * channels, at + row);
    }
  }
  return [y];
};

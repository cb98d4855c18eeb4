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
import { type Operation, refer, sizeOf } from "@lionjs/tfjs/kernel";
import { GELU } from "../../operations/gelu.ts";
import { TOKENS, WITHOUT_PADDING } from "../../operations/padding.ts";
import {
  compute,
  elementwise,
  type FunctionName,
  GELU_JOB,
  type Kernel,
  type KernelHost,
  OPERATIONS_AN_ELEMENT,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { clearPadding } from "./padding.ts";

export function registerOperations(host: KernelHost): void {
  const register = (operation: Operation, forward: Kernel, gradient?: Kernel) =>
    registerWasmKernel(host, operation, {
      forward,
      ...(gradient ? { gradient } : {}),
    });
  for (const [operation, forward, gradient] of ELEMENTWISE) {
    const kernel = (name: FunctionName): Kernel => {
      const fn = elementwise(name);
      return ({ host, wasm, inputs: { x, dy } }) => {
        const operands = dy ? [x!, dy] : [x!];
        return [compute(host, wasm, fn, operands, { p: LOWEST_LOG_DECAY })!];
      };
    };
    register(operation, kernel(forward), kernel(gradient));
  }
  register(GELU, gelu, gelu);
  register(SOURCE_DECAY, sourceDecay, sourceDecayGradient);
  register(TOKENS, tokens);
  register(WITHOUT_PADDING, withoutPadding);
  registerWasmKernel(host, BETWEEN_TOKENS, { forward: betweenTokens });
}

/** Functions of each element, and the gradients in it. */
const ELEMENTWISE = [
  [LOG_SIGMOID, "logSigmoid", "logSigmoidGradient"],
  [FINITE_DECAY, "atLeast", "atLeastGradient"],
] as const;

/** GELU, or its gradient if there is a `dy`. */
const gelu: Kernel = ({ inputs, make, run }) => {
  const y = make(inputs["x"]!.shape), size = sizeOf(y);
  run(GELU_JOB, { size }, { ...inputs, y }, OPERATIONS_AN_ELEMENT * size);
  return [y];
};

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

/** Makes a mask of 1 and 0, which is the mask itself where it holds nothing else. */
const tokens: Kernel = ({ wasm, inputs, make }) => {
  const mask = inputs["mask"]!;
  const values = wasm.typedArrayFromHeap(mask) as Float32Array;
  if (values.every((value) => value === 0 || value === 1)) {
    return [refer(wasm, mask)];
  }
  const found = values.map((value) => value === 0 ? 0 : 1);
  const y = make(mask.shape);
  wasm.typedArrayFromHeap(y).set(found);
  return [y];
};

/**
 * Sets padding to 0: a copy and fills, at the speed of memory, which no job beats.
 * Where nothing is padding, the tensor itself is the result.
 */
const withoutPadding: Kernel = ({ wasm, inputs, make }) => {
  const { x, mask } = inputs as Record<"x" | "mask", tf.TensorInfo>;
  if (!wasm.typedArrayFromHeap(mask).includes(0)) return [refer(wasm, x)];
  const y = make(x.shape);
  wasm.typedArrayFromHeap(y).set(wasm.typedArrayFromHeap(x));
  clearPadding(wasm, y, mask);
  return [y];
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

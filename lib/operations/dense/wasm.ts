/** Dense layers, x W + b, with GELU or without, in WebAssembly. @module */
import * as tf from "@tensorflow/tfjs-core";
import { DENSE, DENSE_GELU, type DenseGeluAttributes } from "./dense.ts";
import { callKernel } from "@lionjs/tfjs/kernel";
import {
  type Call,
  GELU_JOB,
  type Kernel,
  type KernelHost,
  matmul,
  registerWasmKernel,
  replacing,
} from "@lionjs/tfjs/wasm";

/**
 * Registers the layers. One is one call of the engine, where tfjs-core's operations
 * make twenty, half of them to reshape what need not be; and GELU is applied to sums
 * that are in the cache, which are written too if there will be a gradient.
 */
export function register(host: KernelHost): void {
  registerWasmKernel<unknown, never>(host, DENSE, {
    forward: (call) => [forward(call, "linear")],
    gradient: (call) => gradients(call, call.inputs["dy"]!),
  });
  registerWasmKernel(host, DENSE_GELU, {
    forward: geluForward,
    gradient: geluGradient,
  });
}

type Inputs = Record<"x" | "weight" | "bias", tf.TensorInfo>;

function forward(
  call: Call<unknown>,
  activation: "linear" | "gelu",
  hidden?: tf.TensorInfo,
): tf.TensorInfo {
  const { x, weight, bias } = call.inputs as Inputs;
  const more = { bias, hidden, activation };
  const product = matmul(call, asMatrix(x), weight, more);
  return { ...product, shape: [...x.shape.slice(0, -1), weight.shape[1]!] };
}

/** The gradients in x, weight and bias. */
function gradients(
  call: Call<unknown>,
  dy: tf.TensorInfo,
): tf.TensorInfo[] {
  const { x, weight } = call.inputs as Inputs, matrix = asMatrix(dy);
  const dx = matmul(call, matrix, weight, { transposeB: true });
  const dweight = matmul(call, asMatrix(x), matrix, { transposeA: true });
  const sum = { axis: [0], keepDims: false };
  const dbias = callKernel("wasm", "Sum", call.wasm, { x: matrix }, sum);
  return [{ ...dx, shape: x.shape }, dweight, dbias];
}

const geluForward: Kernel<DenseGeluAttributes> = (call) => {
  const { inputs: { x, weight }, attributes, make } = call;
  const hidden = attributes.keepsHidden
    ? make([...x!.shape.slice(0, -1), weight!.shape[1]!])
    : undefined;
  const y = forward(call, "gelu", hidden);
  return hidden ? [y, hidden] : [y];
};

const geluGradient: Kernel<DenseGeluAttributes> = (call) => {
  const { wasm, inputs: { hidden: x, dy }, make, run } = call;
  const hiddenGradient = make(x!.shape), size = tf.util.sizeFromShape(x!.shape);
  run(GELU_JOB, { size }, { x, dy, y: hiddenGradient }, 30 * size);
  return replacing(wasm, hiddenGradient, () => gradients(call, hiddenGradient));
};

/** A tensor of the same numbers, shaped as one matrix. */
function asMatrix(x: tf.TensorInfo): tf.TensorInfo {
  const rows = tf.util.sizeFromShape(x.shape.slice(0, -1));
  return { ...x, shape: [rows, x.shape.at(-1)!] };
}

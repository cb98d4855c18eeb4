/** Short convolutions as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  SHORT_CONVOLUTION,
  type ShortConvolutionAttributes,
} from "../../operations/short_convolution.ts";
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
export function registerShortConvolution(host: KernelHost): void {
  registerWasmKernel(host, SHORT_CONVOLUTION, { forward, gradient });
}

const forward: Kernel<ShortConvolutionAttributes> = (call) => {
  const { inputs, make } = call;
  const y = make(inputs.x!.shape);
  run(call, { ...inputs, y });
  return [y];
};

const gradient: Kernel<ShortConvolutionAttributes> = (call) => {
  const { inputs, make } = call;
  const outputs: Record<string, tf.TensorInfo> = {};
  for (const name of SHORT_CONVOLUTION.gradientsIn) {
    const input = inputs[name];
    if (input) outputs[`d${name}`] = make(input.shape);
  }
  run(call, { ...inputs, ...outputs });
  return Object.values(outputs);
};

function run(
  { host, attributes, at }: Call<ShortConvolutionAttributes>,
  tensors: Tensors,
): void {
  const { x, weight, bias, segments, y, dy, dx, dweight, dbias } = tensors;
  const [batch, length, channels] = x!.shape as tf.Tensor3D["shape"];
  const taps = weight!.shape[1]!;
  const { first, step, silu } = attributes;
  host.run("shortConvolution", {
    batch,
    length,
    channels,
    taps,
    first,
    step,
    silu: Number(silu),
    x: at(x),
    weight: at(weight),
    bias: at(bias),
    segments: at(segments),
    y: at(y),
    dy: at(dy),
    dx: at(dx),
    dweight: at(dweight),
    dbias: at(dbias),
  }, { operations: batch * length * channels * (2 * taps + 20) });
}

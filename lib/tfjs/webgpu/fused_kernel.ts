/** How a fused operation becomes a kernel of TensorFlow.js. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { onFloats } from "../../contract/kernel.ts";
import { replaceKernel } from "../replace_kernel.ts";
import { withOutputs } from "./program.ts";

/** What a kernel is given. */
export interface Call<Input extends string, Attributes> {
  readonly backend: StrictWebGPUBackend;
  /** By name; of 32-bit floats. */
  readonly inputs: Readonly<Record<Input, tf.TensorInfo>>;
  readonly attributes: Readonly<Attributes>;
}

/** Launches shaders and returns the tensors that they write. */
export type FusedKernel<Input extends string, Attributes = unknown> = (
  call: Call<Input, Attributes>,
) => tf.TensorInfo[];

/**
 * Registers a kernel for webgpu.
 *
 * @param name The kernel's name.
 * @param kernel The kernel; raises a TypeError if an input does not hold floats.
 * @param more More of its configuration.
 */
export function registerFusedKernel<Input extends string, Attributes>(
  name: string,
  kernel: FusedKernel<Input, Attributes>,
  more: object = {},
): void {
  const kernelFunc: tf.KernelFunc = ({ inputs, backend, attrs }) => {
    const webgpu = backend as StrictWebGPUBackend;
    const converted: tf.TensorInfo[] = [];
    try {
      const floats = Object.entries(inputs).map(([input, tensor]) => {
        const given = tensor as tf.TensorInfo;
        if (holdsFloats(webgpu, given)) return [input, given];
        const copy = toFloats(webgpu, given);
        converted.push(copy);
        return [input, copy];
      });
      return withOutputs(webgpu, () =>
        kernel({
          backend: webgpu,
          inputs: Object.fromEntries(floats),
          attributes: attrs as unknown as Attributes,
        }));
    } finally {
      converted.forEach(({ dataId }) => webgpu.disposeData(dataId));
    }
  };
  replaceKernel("webgpu", name, onFloats(name, kernelFunc), more);
}

/**
 * Whether a tensor's buffer holds floats. Where tfjs's kernels convert integers
 * to float32, the result has the same buffer, and is only called float32.
 */
export function holdsFloats(
  backend: StrictWebGPUBackend,
  { dtype, dataId }: tf.TensorInfo,
): boolean {
  return dtype === "float32" &&
    backend.tensorMap.get(dataId).dtype === "float32";
}

/** A copy that holds floats: tfjs's own product converts as it reads. */
export function toFloats(
  backend: StrictWebGPUBackend,
  tensor: tf.TensorInfo,
): tf.TensorInfo {
  const { kernelFunc } = tf.getKernel("Multiply", "webgpu")!;
  const one = backend.makeTensorInfo([], "float32", Float32Array.of(1));
  const inputs = { a: tensor, b: one };
  const product = kernelFunc({ inputs, backend, attrs: {} }) as tf.TensorInfo;
  backend.disposeData(one.dataId);
  return product;
}

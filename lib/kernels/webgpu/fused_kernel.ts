/** How a small fused operation becomes a kernel of TensorFlow.js. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../backend/gpu_backend.ts";

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
 */
export function registerFusedKernel<Input extends string, Attributes>(
  name: string,
  kernel: FusedKernel<Input, Attributes>,
): void {
  tf.registerKernel({
    kernelName: name,
    backendName: "webgpu",
    kernelFunc: ({ inputs, backend, attrs }) => {
      const webgpu = backend as StrictWebGPUBackend;
      const converted: tf.TensorInfo[] = [];
      const floats = Object.entries(inputs).map(([input, tensor]) => {
        const given = tensor as tf.TensorInfo;
        assertFloats(name, input, given);
        if (holdsFloats(webgpu, given)) return [input, given];
        const copy = convert(webgpu, given);
        converted.push(copy);
        return [input, copy];
      });
      const outputs = kernel({
        backend: webgpu,
        inputs: Object.fromEntries(floats),
        attributes: attrs as unknown as Attributes,
      });
      converted.forEach(({ dataId }) => webgpu.disposeData(dataId));
      return outputs;
    },
  });
}

function assertFloats(
  kernel: string,
  input: string,
  { dtype }: tf.TensorInfo,
): void {
  if (dtype === "float32") return;
  throw new TypeError(
    `${kernel}'s ${input} should be float32, got ${dtype}; cast it`,
  );
}

/**
 * Whether a tensor's buffer holds floats. `tf.cast` of integers to float32
 * returns a tensor with the same buffer, and only calls it float32.
 */
export function holdsFloats(
  backend: StrictWebGPUBackend,
  { dtype, dataId }: tf.TensorInfo,
): boolean {
  return dtype === "float32" &&
    backend.tensorMap.get(dataId).dtype === "float32";
}

/** The conversion that tf.cast put off: tfjs's own kernels do it as they read. */
function convert(
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

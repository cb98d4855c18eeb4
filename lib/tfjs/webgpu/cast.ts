/** The conversion of integers to floats, as a kernel of WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { holdsFloats, toFloats } from "./fused_kernel.ts";

/**
 * The kernel `Cast`, which converts int32 and bool to float32.
 *
 * @param stock tfjs's own kernel, for other types.
 */
export function castKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const x = call.inputs["x"] as tf.TensorInfo;
    const { dtype } = call.attrs as unknown as tf.CastAttrs;
    const isReal = x.dtype !== "complex64" && x.dtype !== "string";
    return dtype === "float32" && isReal && !holdsFloats(webgpu, x)
      ? toFloats(webgpu, x)
      : stock(call);
  };
}

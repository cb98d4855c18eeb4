/** Floats of integers, as a kernel of WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { replaceKernel } from "../replace_kernel.ts";
import { holdsFloats, toFloats } from "./fused_kernel.ts";

/**
 * Puts a cast in place of tfjs's own that converts int32 and bool to float32,
 * where tfjs's returns the same buffer under another name: not only our kernels
 * take that for floats, but its own transpose does not compile.
 */
export function registerCast(): void {
  const stock = tf.getKernel("Cast", "webgpu")!.kernelFunc;
  replaceKernel("webgpu", "Cast", (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const x = call.inputs["x"] as tf.TensorInfo;
    const { dtype } = call.attrs as unknown as tf.CastAttrs;
    const isReal = x.dtype !== "complex64" && x.dtype !== "string";
    return dtype === "float32" && isReal && !holdsFloats(webgpu, x)
      ? toFloats(webgpu, x)
      : stock(call);
  });
}

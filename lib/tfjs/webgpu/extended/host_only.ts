/** Kernels that WebGPU has only where the values are on the host. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { runOnHost, type Values } from "../../host_kernel.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { transferOf } from "../integers/integer_kernel.ts";

/** The kernels whose results have shapes that depend on values, and that tfjs has none of. */
export const HOST_ONLY: readonly string[] = `
NonMaxSuppressionV4 RaggedGather RaggedRange RaggedTensorToTensor
SparseFillEmptyRows SparseReshape Unique
`.trim().split(/\s+/);

/** A kernel that the cpu backend computes, and that refuses values on the device. */
export function hostKernel(_: tf.KernelFunc, name: string): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    for (const [input, given] of Object.entries(call.inputs)) {
      const tensors = [given].flat() as (tf.TensorInfo | undefined)[];
      const isOnDevice = tensors.some((x) =>
        x && !webgpu.tensorMap.get(x.dataId).values
      );
      if (!isOnDevice) continue;
      throw new TypeError(
        `${name}'s ${input} should be on the host on webgpu, since the shape of ` +
          `the result depends on it, got values on the device; await its data() ` +
          `and make a tensor of them`,
      );
    }
    return runOnHost(call, name, {
      ...transferOf(webgpu),
      // A read by the backend shows recordings that the result depends on values.
      read: ({ dataId }) => webgpu.readSync(dataId as { id: number }) as Values,
    });
  };
}

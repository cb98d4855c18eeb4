/** The cpu backend's kernels on tensors of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { inputsOf, runOnHost, type Transfer } from "../host_kernel.ts";

/**
 * A kernel that the cpu backend computes where an argument has one of some
 * types; it reads WebAssembly's memory, and only its results are copied.
 *
 * @param stock The previous kernel, for all other types.
 * @param name Which kernel.
 * @param types The types.
 */
export function cpuKernel(
  stock: tf.KernelFunc,
  name: string,
  types: readonly tf.DataType[],
): tf.KernelFunc {
  return (call) =>
    inputsOf(call).some(({ dtype }) => types.includes(dtype))
      ? runOnHost(call, name, transferOf(call.backend as BackendWasm))
      : stock(call);
}

function transferOf(wasm: BackendWasm): Transfer {
  return {
    read: (tensor) => wasm.typedArrayFromHeap(tensor),
    write(values, shape, dtype) {
      // They may be an argument's, a view that is lost where memory grows.
      const kept = values.slice();
      const output = wasm.makeOutput(shape, dtype);
      wasm.typedArrayFromHeap(output).set(kept);
      return output;
    },
  };
}

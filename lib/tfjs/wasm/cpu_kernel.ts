/** The cpu backend's kernels on tensors of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { COPYING } from "../halves.ts";
import type { ReadIndices } from "../index_checks.ts";
import { inputsOf, runOnHost, type Transfer } from "../host_kernel.ts";

/** The inputs whose type decides about a kernel, where not all do; the others are conditions and indices. */
const DECIDING: Readonly<Record<string, readonly string[] | undefined>> = {
  ...COPYING,
  CropAndResize: ["image"],
  SparseToDense: ["sparseValues", "defaultValue"],
  TensorScatterUpdate: ["tensor", "updates"],
};

/**
 * A kernel that the cpu backend computes if its values have one of the given types;
 * it reads WebAssembly's memory, and only its results are copied, once.
 *
 * @param stock The previous kernel, for all other types.
 */
export function cpuKernel(
  stock: tf.KernelFunc,
  name: string,
  types: readonly tf.DataType[],
): tf.KernelFunc {
  const deciding = DECIDING[name];
  return (call) => {
    const values = deciding
      ? deciding.map((input) => call.inputs[input] as tf.TensorInfo)
      : inputsOf(call);
    return values.some(({ dtype }) => types.includes(dtype))
      ? runOnHost(call, name, transferOf(call.backend as BackendWasm))
      : stock(call);
  };
}

function transferOf(wasm: BackendWasm): Transfer {
  return {
    read: (tensor) => wasm.typedArrayFromHeap(tensor),
    write(values, shape, dtype) {
      // A result that is part of a buffer may be a view of an argument, lost when memory grows.
      const isAll = values.byteLength === values.buffer.byteLength;
      const kept = isAll ? values : values.slice();
      const output = wasm.makeOutput(shape, dtype);
      wasm.typedArrayFromHeap(output).set(kept);
      return output;
    },
  };
}

/** Reads indices from WebAssembly's memory. */
export function readIndices(backend: unknown): ReadIndices {
  return (x) => (backend as BackendWasm).typedArrayFromHeap(x) as Int32Array;
}

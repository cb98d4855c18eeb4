/** Tensors that a kernel of the wasm backend makes, disposed of if it fails. @module */
import type { DataType, KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { KernelHost } from "./host.ts";

/** Makes a replacing kernel, given the previous one, its name and what runs jobs. */
export type MakeKernel = (
  stock: KernelFunc,
  name: string,
  host: KernelHost,
) => KernelFunc;

/** Makes an uninitialised tensor, of 32-bit floats if no type is given. */
export type Make = (shape: number[], dtype?: DataType) => TensorInfo;

/** The backend, the host and the allocation of outputs that a kernel runs with. */
export interface Running {
  readonly host: KernelHost;
  readonly wasm: BackendWasm;
  readonly make: Make;
}

/**
 * Runs a kernel; if it fails, for instance when memory runs out, disposes of
 * the tensors that it has made.
 */
export function withOutputs<R>(
  wasm: BackendWasm,
  kernel: (make: Make) => R,
): R {
  const made: TensorInfo[] = [];
  try {
    return kernel((shape, dtype = "float32") => {
      const output = wasm.makeOutput(shape, dtype);
      made.push(output);
      return output;
    });
  } catch (error) {
    made.forEach(({ dataId }) => wasm.disposeData(dataId));
    throw error;
  }
}

/** Returns what `make` returns, and disposes of a tensor whether `make` fails or not. */
export function replacing<R>(
  wasm: BackendWasm,
  { dataId }: TensorInfo,
  make: () => R,
): R {
  try {
    return make();
  } finally {
    wasm.disposeData(dataId);
  }
}

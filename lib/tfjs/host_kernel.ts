/**
 * The cpu backend's kernels on tensors of other backends; its package must have
 * been loaded.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";

/** A tensor's values, as backends keep them. */
export type Values = Float32Array | Int32Array | Uint8Array;

/** How values get from another backend to the cpu backend, and back. */
export interface Transfer {
  /** Reads the values of a tensor, without a copy. */
  readonly read: (tensor: tf.TensorInfo) => Values;
  /** Makes a tensor that holds a copy of values. */
  readonly write: (
    values: Values,
    shape: number[],
    dtype: tf.DataType,
  ) => tf.TensorInfo;
}

let cpu: MathBackendCPU | undefined;

/** A cpu backend of our own, since tensors of the registered one are counted. */
function cpuBackend(): MathBackendCPU {
  if (!cpu) {
    cpu = tf.findBackendFactory("cpu")() as MathBackendCPU;
    // On first use in Deno or Node, it advertises another package.
    (cpu as unknown as { firstUse: boolean }).firstUse = false;
  }
  return cpu;
}

/** The arguments of a kernel's call. */
export type Call = Parameters<tf.KernelFunc>[0];

/** The inputs of a call, also for operations that take a list. */
export function inputsOf({ inputs }: Call): tf.TensorInfo[] {
  // Optional inputs may be absent, and some are lists.
  return Object.values(inputs).flat().filter(Boolean) as tf.TensorInfo[];
}

/** Computes a call by a kernel of the cpu backend. */
export function runOnHost(
  call: Call,
  name: string,
  { read, write }: Transfer,
): tf.TensorInfo | tf.TensorInfo[] {
  const backend = cpuBackend();
  const held: tf.TensorInfo[] = [];
  const hold = (tensor: tf.TensorInfo): tf.TensorInfo => {
    held.push(tensor);
    return tensor;
  };
  const written = ({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo =>
    write(backend.data.get(dataId).values as Values, shape, dtype);
  try {
    const inputs = mapInputs(call.inputs, (x) => {
      const { shape, dtype } = x;
      const input = hold(backend.makeTensorInfo(shape, dtype, read(x)));
      // The gradients of dilation ask for it, too.
      return Object.assign(input, { rank: shape.length });
    });
    const { kernelFunc } = tf.getKernel(name, "cpu")!;
    const results = kernelFunc({ ...call, inputs, backend });
    if (!Array.isArray(results)) return written(hold(results));
    results.forEach(hold);
    return results.map(written);
  } finally {
    held.forEach(({ dataId }) => backend.disposeData(dataId));
  }
}

/** Inputs changed by a function, under the same names or in the same order of a list. */
export function mapInputs(
  inputs: tf.NamedTensorInfoMap,
  map: (tensor: tf.TensorInfo, name: string) => tf.TensorInfo,
): tf.NamedTensorInfoMap {
  const entries = Object.entries(inputs) as [
    string,
    tf.TensorInfo | tf.TensorInfo[] | undefined,
  ][];
  const mapped = entries.map(([name, x]) => {
    const one = Array.isArray(x)
      ? x.map((x) => map(x, name))
      : x && map(x, name);
    return [name, one] as const;
  });
  return Array.isArray(inputs)
    ? mapped.map(([, x]) => x) as unknown as tf.NamedTensorInfoMap
    : Object.fromEntries(mapped) as tf.NamedTensorInfoMap;
}

/** No kernel writes to its inputs: a test fails in which one does. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";

type Values = ArrayLike<unknown>;

/** A tensor's values in this program's memory, not a copy; those that only a GPU has are not seen. */
const READERS: Readonly<
  Record<string, (backend: unknown, x: tf.TensorInfo) => Values | undefined>
> = {
  cpu: (backend, { dataId }) =>
    (backend as MathBackendCPU).data.get(dataId)?.values as Values,
  wasm: (backend, x) => (backend as BackendWasm).typedArrayFromHeap(x),
  webgpu: (backend, { dataId }) =>
    (backend as WebGPUBackend).tensorMap.get(dataId)?.values as Values,
};

/** The names of TensorFlow.js's kernels; others may update weights in place. */
const NAMES = new Set<unknown>(Object.values(tf));

/** Registers a backend's kernels anew, each of which throws if it has written to an input. */
export function guardInputs(backendName: string): void {
  const read = READERS[backendName]!;
  for (const kernel of tf.getKernelsForBackend(backendName)) {
    const { kernelName, kernelFunc } = kernel;
    if (!NAMES.has(kernelName)) continue;
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      ...kernel,
      kernelFunc(call) {
        const inputs = Object.entries(call.inputs)
          .flatMap(([name, x]) =>
            [x ?? []].flat().map((x) => [name, x] as const)
          )
          .filter(([, { dtype }]) =>
            dtype !== "complex64" && dtype !== "string"
          )
          .map(([name, x]) => {
            const values = read(call.backend, x);
            return { name, x, values, before: values && Array.from(values) };
          });
        const results = kernelFunc(call);
        for (const { name, x, values, before } of inputs) {
          // Memory may have grown; and what has been sent to a GPU is held no more.
          const after = read(call.backend, x) ?? values;
          if (
            before?.every((value, i) => Object.is(value, after![i])) ?? true
          ) {
            continue;
          }
          throw new Error(`${kernelName} wrote to its input ${name}`);
        }
        return results;
      },
    });
  }
}

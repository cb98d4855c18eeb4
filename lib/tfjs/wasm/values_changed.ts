/** Reports of changed values to tfjs's own WebAssembly module. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

/**
 * Reports to tfjs's module that a tensor has other values than before: the module keeps
 * operators with packed copies of the second operands of convolutions, and of others, for
 * as long as it knows the operands.
 */
export function valuesChanged(
  wasm: BackendWasm,
  { dataId, shape }: tf.TensorInfo,
): void {
  // Both the tensor's number and the map that holds it are private to tfjs.
  const { dataIdMap } = wasm as unknown as {
    dataIdMap: { get(id: object): { id: number; memoryOffset: number } };
  };
  const { id, memoryOffset } = dataIdMap.get(dataId);
  const { tfjs } = wasm.wasm;
  tfjs.disposeData(id);
  tfjs.registerTensor(id, tf.util.sizeFromShape(shape), memoryOffset);
}

/** The addresses of tensors in the memory of the wasm backend. @module */
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

/** The address of a tensor's values in the memory of the wasm backend. */
export function addressOf(wasm: BackendWasm, { dataId }: TensorInfo): number {
  // Both the address and the map that holds it are private to tfjs.
  const { dataIdMap } = wasm as unknown as {
    dataIdMap: { get(id: object): { memoryOffset: number } };
  };
  return dataIdMap.get(dataId).memoryOffset;
}

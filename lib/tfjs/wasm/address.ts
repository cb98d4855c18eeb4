import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

/** Where a tensor's values are in the memory of the wasm backend. */
export function addressOf(wasm: BackendWasm, { dataId }: TensorInfo): number {
  // Private, as is the map that it is in.
  const { dataIdMap } = wasm as unknown as {
    dataIdMap: { get(id: object): { memoryOffset: number } };
  };
  return dataIdMap.get(dataId).memoryOffset;
}

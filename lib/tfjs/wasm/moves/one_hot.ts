/** One-hot vectors of any type, as a kernel of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { MakeKernel } from "../outputs.ts";
import { filled } from "./repeat.ts";

/** The kernel `OneHot`, in the requested type; for an index out of range, no entry is "on". */
export const oneHotKernel: MakeKernel =
  (_stock, _name, host) => ({ inputs, backend, attrs }) => {
    const wasm = backend as BackendWasm;
    const indices = inputs["indices"] as tf.TensorInfo;
    const { depth, onValue, offValue, dtype } =
      attrs as unknown as tf.OneHotAttrs;
    const shape = [...indices.shape, depth];
    const output = filled(host, wasm, shape, dtype, offValue);
    const rows = wasm.typedArrayFromHeap(output);
    const all = wasm.typedArrayFromHeap(indices);
    for (let row = 0; row < all.length; row++) {
      const index = all[row]!;
      if (index >= 0 && index < depth) rows[row * depth + index] = onValue;
    }
    return output;
  };

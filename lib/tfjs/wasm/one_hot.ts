/** One-hot vectors of any type, as a kernel of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { fillOneHot } from "../one_hot.ts";

/** The kernel `OneHot`, in the requested type. */
export const oneHot: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const wasm = backend as BackendWasm;
  const indices = inputs["indices"] as tf.TensorInfo;
  const attributes = attrs as unknown as tf.OneHotAttrs;
  const shape = [...indices.shape, attributes.depth];
  const output = wasm.makeOutput(shape, attributes.dtype);
  fillOneHot(
    wasm.typedArrayFromHeap(output),
    wasm.typedArrayFromHeap(indices),
    attributes,
  );
  return output;
};

/** One-hot vectors of any type, as a kernel of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

/** `OneHot`, in the type that was asked for; an index out of range has no one. */
export const oneHot: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const wasm = backend as BackendWasm;
  const indices = inputs["indices"] as tf.TensorInfo;
  const { depth, onValue, offValue, dtype } =
    attrs as unknown as tf.OneHotAttrs;
  const output = wasm.makeOutput([...indices.shape, depth], dtype);
  const values = wasm.typedArrayFromHeap(output);
  values.fill(offValue);
  wasm.typedArrayFromHeap(indices).forEach((index, row) => {
    if (index >= 0 && index < depth) values[row * depth + index] = onValue;
  });
  return output;
};

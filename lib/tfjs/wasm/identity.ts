/** Tensors that share their values, as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";

/** A tensor that shares another one's values, by counting a reference to them. */
export function refer(
  wasm: BackendWasm,
  { dataId, shape, dtype }: tf.TensorInfo,
): tf.TensorInfo {
  wasm.incRef(dataId);
  return { dataId, shape, dtype };
}

/** The kernel `Identity`, which only counts a reference. */
export const identity: tf.KernelFunc = ({ inputs, backend }) =>
  refer(backend as BackendWasm, inputs["x"] as tf.TensorInfo);

/**
 * The kernel `Cast`, which only counts a reference if a tensor has the type already,
 * and turns every number but zero into the bool true.
 *
 * @param stock tfjs's own kernel, for other types.
 */
export function castKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const wasm = call.backend as BackendWasm;
    const x = call.inputs["x"] as tf.TensorInfo;
    const { dtype } = call.attrs as unknown as tf.CastAttrs;
    if (dtype === x.dtype) return refer(wasm, x);
    const isReal = x.dtype === "float32" || x.dtype === "int32";
    return dtype === "bool" && isReal ? toBools(wasm, x) : stock(call);
  };
}

function toBools(wasm: BackendWasm, x: tf.TensorInfo): tf.TensorInfo {
  const output = wasm.makeOutput(x.shape, "bool");
  const bools = wasm.typedArrayFromHeap(output);
  wasm.typedArrayFromHeap(x).forEach((value, i) =>
    bools[i] = Number(value !== 0)
  );
  return output;
}

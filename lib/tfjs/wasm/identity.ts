/** Tensors that share their values, as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { refer } from "../kernel_call.ts";
import { compute, elementwise } from "./elementwise/elementwise.ts";
import type { MakeKernel } from "./outputs.ts";

/** The kernel `Identity`, which only counts a reference. */
export const identity: tf.KernelFunc = ({ inputs, backend }) =>
  refer(backend as BackendWasm, inputs["x"] as tf.TensorInfo);

/**
 * The kernel `Cast`, which only counts a reference if a tensor has the type already,
 * and turns every number but zero into the bool true; `stock` gets other types.
 */
export const castKernel: MakeKernel = (stock, _name, host) => {
  const toBool = elementwise("toBool"), ofBool = elementwise("ofBool");
  return (call) => {
    const wasm = call.backend as BackendWasm;
    const x = call.inputs["x"] as tf.TensorInfo;
    const { dtype } = call.attrs as unknown as tf.CastAttrs;
    if (dtype === x.dtype) return refer(wasm, x);
    const types = `${x.dtype} to ${dtype}`;
    if (types === "float32 to bool") return compute(host, wasm, toBool, [x])!;
    if (types === "bool to float32") return compute(host, wasm, ofBool, [x])!;
    return types === "int32 to bool" ? toBools(wasm, x) : stock(call);
  };
};

function toBools(wasm: BackendWasm, x: tf.TensorInfo): tf.TensorInfo {
  const output = wasm.makeOutput(x.shape, "bool");
  const bools = wasm.typedArrayFromHeap(output);
  wasm.typedArrayFromHeap(x).forEach((value, i) =>
    bools[i] = Number(value !== 0)
  );
  return output;
}

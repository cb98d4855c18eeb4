/** Tensors that share their values, as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { replaceKernel } from "../replace_kernel.ts";

/** A tensor of the same values, of which a reference is counted. */
export function refer(
  wasm: BackendWasm,
  { dataId, shape, dtype }: tf.TensorInfo,
): tf.TensorInfo {
  wasm.incRef(dataId);
  return { dataId, shape, dtype };
}

/**
 * Registers `Identity` and `Cast` to the type that a tensor has, which only
 * count a reference, as on cpu and webgpu. tfjs-wasm's copy the values: every
 * tensor that a gradient needs would be there twice.
 */
export function registerIdentity(): void {
  replaceKernel(
    "wasm",
    "Identity",
    ({ inputs, backend }) =>
      refer(backend as BackendWasm, inputs["x"] as tf.TensorInfo),
  );
  const { kernelFunc: stock } = tf.getKernel("Cast", "wasm")!;
  replaceKernel("wasm", "Cast", (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    const { dtype } = call.attrs as unknown as tf.CastAttrs;
    return dtype === x.dtype
      ? refer(call.backend as BackendWasm, x)
      : stock(call);
  });
}

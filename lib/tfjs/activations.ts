/** Activations of products and convolutions. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { callKernel } from "./kernel_call.ts";

/** The kernels of activations, by the names that products have for them. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: "Relu",
  relu6: "Relu6",
};

/**
 * A kernel of a product or convolution, after which some activations are kernels of
 * their own.
 *
 * @param stock The previous kernel, for other activations.
 * @param activations Those that it gets wrong.
 */
export function activatedKernel(
  stock: tf.KernelFunc,
  backendName: string,
  activations: readonly string[],
): tf.KernelFunc {
  return (call) => {
    const { activation } = call.attrs as unknown as tf._FusedMatMulAttrs;
    if (!activations.includes(activation)) return stock(call);
    const backend = call.backend as tf.KernelBackend;
    const attrs = { ...call.attrs, activation: "linear" };
    const x = stock({ ...call, attrs }) as tf.TensorInfo;
    try {
      return callKernel(backendName, ACTIVATIONS[activation]!, backend, { x });
    } finally {
      backend.disposeData(x.dataId);
    }
  };
}

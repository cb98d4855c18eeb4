/** Softmax and its gradient as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addressOf } from "../address.ts";
import type { KernelHost } from "../host.ts";
import { withOutputs } from "../outputs.ts";

/** Multiplications and additions of an element, about: an exponential. */
const OPERATIONS_AN_ELEMENT = 20;

/**
 * Softmax of 32-bit floats along the last axis, on all threads.
 *
 * @param stock The previous kernel, for other types and empty tensors.
 * @param host Runs it.
 */
export function softmaxKernel(
  stock: tf.KernelFunc,
  host: KernelHost,
): tf.KernelFunc {
  return (call) => {
    const x = call.inputs["logits"] as tf.TensorInfo, { shape } = x;
    const size = tf.util.sizeFromShape(shape);
    if (x.dtype !== "float32" || size === 0 || shape.length === 0) {
      return stock(call);
    }
    const wasm = call.backend as BackendWasm;
    return withOutputs(wasm, (make) => {
      const y = make(shape);
      const [at, to] = [addressOf(wasm, x), addressOf(wasm, y)];
      run(host, shape, { x: at, y: to, dy: 0, dx: 0 });
      return y;
    });
  };
}

/** The gradient of softmax, of its result `y` and the gradient `dy` in that. */
export function softmaxGradientKernel(host: KernelHost): tf.KernelFunc {
  return ({ inputs, backend }) => {
    const { y, dy } = inputs as Record<"y" | "dy", tf.TensorInfo>;
    const wasm = backend as BackendWasm;
    return withOutputs(wasm, (make) => {
      const dx = make(y.shape);
      run(host, y.shape, {
        x: 0,
        y: addressOf(wasm, y),
        dy: addressOf(wasm, dy),
        dx: addressOf(wasm, dx),
      });
      return dx;
    });
  };
}

function run(
  host: KernelHost,
  shape: readonly number[],
  addresses: Readonly<Record<"x" | "y" | "dy" | "dx", number>>,
): void {
  const columns = shape.at(-1)!;
  const size = tf.util.sizeFromShape([...shape]);
  const rows = size / columns;
  host.run("softmaxRows", { rows, columns, ...addresses }, {
    operations: OPERATIONS_AN_ELEMENT * size,
  });
}

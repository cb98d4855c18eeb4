/** Matrix products whose batches are repeated. @module */
import * as tf from "@tensorflow/tfjs-core";
import { fill } from "./empty_tensors.ts";
import { callKernel } from "./kernel_call.ts";
import { matrixShape } from "./matrix_shape.ts";

/**
 * A matrix product whose batches may be repeated along any axes; `stock` repeats them
 * as a whole.
 *
 * @param backendName The backend, whose tiles repeat them.
 */
export function repeatingKernel(
  stock: tf.KernelFunc,
  backendName: "cpu" | "webgpu",
): tf.KernelFunc {
  return (call) => {
    const backend = call.backend as tf.KernelBackend;
    const { a, b } = call.inputs as Record<"a" | "b", tf.TensorInfo>;
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(
      a.shape.slice(0, -2),
      b.shape.slice(0, -2),
    );
    if (batch.includes(0)) {
      const { transposeA, transposeB } = call
        .attrs as unknown as tf.BatchMatMulAttrs;
      const [rows, inner] = matrixShape("a", a, transposeA);
      const [innerB, columns] = matrixShape("b", b, transposeB);
      const shape = [...batch, rows, columns];
      // `stock` makes products of no batch entries with what is to be repeated.
      if (inner === innerB) return fill(backend, shape, a.dtype, 0);
    }
    const made: tf.TensorInfo[] = [];
    const whole = (x: tf.TensorInfo): tf.TensorInfo => {
      const padded = batch.map((_, i) => x.shape.at(i - batch.length - 2) ?? 1);
      const first = padded.findIndex((size) => size !== 1);
      const isWhole = first < 0 ||
        padded.every((size, i) => i < first || size === batch[i]);
      if (isWhole || batch.includes(0)) return x;
      const reps = [...batch.map((size, i) => size / padded[i]!), 1, 1];
      const one = { ...x, shape: [...padded, ...x.shape.slice(-2)] };
      const y = callKernel(backendName, "Tile", backend, { x: one }, { reps });
      made.push(y);
      return y;
    };
    try {
      const inputs = { ...call.inputs, a: whole(a), b: whole(b) };
      return stock({ ...call, inputs });
    } finally {
      made.forEach((x) => backend.disposeData(x.dataId));
    }
  };
}

/** Values of the cpu backend's tensors. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import type { Values } from "../host_kernel.ts";

/** A tensor's values, not a copy. */
export function valuesOf(backend: unknown, { dataId }: tf.TensorInfo): Values {
  return (backend as MathBackendCPU).data.get(dataId).values as Values;
}

/** A tensor of values. */
export function made(
  backend: unknown,
  shape: number[],
  dtype: tf.DataType,
  values: Values,
): tf.TensorInfo {
  return (backend as MathBackendCPU).makeTensorInfo(shape, dtype, values);
}

/** An array of zeros for a shape, in the array type of a dtype. */
export function zeros(shape: readonly number[], dtype: tf.DataType): Values {
  const size = tf.util.sizeFromShape([...shape]);
  return tf.util.getTypedArrayFromDType(dtype as "float32", size);
}

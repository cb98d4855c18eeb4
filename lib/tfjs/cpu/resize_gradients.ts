/** Gradients of resized images on the cpu backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";

type Inputs = Readonly<Record<"images" | "dy", tf.TensorInfo>>;

/** The gradient of bilinear images, with the images' shape: tfjs's has two axes exchanged. */
export function bilinearGradient(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { images } = call.inputs as Inputs;
    const { dataId, dtype } = stock(call) as tf.TensorInfo;
    return { dataId, dtype, shape: [...images.shape] };
  };
}

/** The gradient of nearest neighbours, image by image: tfjs's is right for the first one. */
export function nearestGradient(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { images, dy } = call.inputs as Inputs;
    const backend = call.backend as MathBackendCPU;
    const [count, ...shape] = images.shape as [number, ...number[]];
    if (count < 2) return stock(call);
    const size = tf.util.sizeFromShape(shape);
    const all = new Float32Array(count * size);
    const slopes = backend.data.get(dy.dataId).values as Float32Array;
    const slopesEach = slopes.length / count;
    for (let i = 0; i < count; i++) {
      const own = backend.makeTensorInfo(
        [1, ...dy.shape.slice(1)],
        dy.dtype,
        slopes.slice(i * slopesEach, (i + 1) * slopesEach),
      );
      const inputs = { images: { ...images, shape: [1, ...shape] }, dy: own };
      const result = stock({ ...call, inputs }) as tf.TensorInfo;
      all.set(
        backend.data.get(result.dataId).values as Float32Array,
        i * size,
      );
      for (const { dataId } of [own, result]) backend.disposeData(dataId);
    }
    return backend.makeTensorInfo([count, ...shape], "float32", all);
  };
}

/** Transformed and cropped images on the cpu backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import { callKernel } from "../kernel_call.ts";
import { mapInputs } from "../host_kernel.ts";
import { made, valuesOf } from "./values.ts";

/** A kernel that is right for the first image of a batch, image by image. */
export function imageByImage(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const cpu = call.backend as MathBackendCPU;
    const { image, images = image } = call.inputs;
    const [count] = (images as tf.TensorInfo).shape as [number];
    if (count < 2) return stock(call);
    const made: tf.TensorInfo[] = [];
    try {
      const results = Array.from({ length: count }, (_, at) => {
        const inputs = mapInputs(call.inputs, (x) => {
          // One transform may be that of all images.
          const begin = x.shape.map((_, axis) => axis ? 0 : at % x.shape[0]!);
          const size = x.shape.map((size, axis) => axis ? size : 1);
          const part = callKernel("cpu", "Slice", cpu, { x }, { begin, size });
          made.push(part);
          return part;
        });
        const result = stock({ ...call, inputs }) as tf.TensorInfo;
        made.push(result);
        return result;
      });
      const list = results as unknown as tf.NamedTensorInfoMap;
      return callKernel("cpu", "Concat", cpu, list, { axis: 0 });
    } finally {
      made.forEach(({ dataId }) => cpu.disposeData(dataId));
    }
  };
}

/**
 * The kernel `CropAndResize`, in which crops of no image are 0.
 *
 * @param stock tfjs's own kernel, which passes over images beyond the last one alone.
 */
export function cropKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { image, boxInd } = call.inputs as Record<string, tf.TensorInfo>;
    const images = valuesOf(call.backend, boxInd!);
    if (images.every((at) => at >= 0)) return stock(call);
    const beyond = images.map((at) => at < 0 ? image!.shape[0]! : at);
    const others = made(call.backend, boxInd!.shape, "int32", beyond);
    try {
      return stock({ ...call, inputs: { ...call.inputs, boxInd: others } });
    } finally {
      (call.backend as MathBackendCPU).disposeData(others.dataId);
    }
  };
}

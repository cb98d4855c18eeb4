/** Cropped and resized images, as a kernel of WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { callKernel } from "../kernel_call.ts";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";

/**
 * The kernel `CropAndResize` for any number of boxes. tfjs's takes the number of
 * images for it: so boxes are padded to at least that number, and the surplus is cut off.
 */
export function cropKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const backend = call.backend as StrictWebGPUBackend;
    const { image, boxes, boxInd } = call.inputs as Record<
      "image" | "boxes" | "boxInd",
      tf.TensorInfo
    >;
    const count = boxes.shape[0]!;
    const missing = image.shape[0]! - count;
    if (missing <= 0) return stock(call);
    const held: tf.TensorInfo[] = [];
    const run = (name: string, x: tf.TensorInfo, attributes: object) =>
      callKernel("webgpu", name, backend, { x }, attributes);
    const padded = (x: tf.TensorInfo): tf.TensorInfo => {
      const paddings = x.shape.map((_, axis) => [0, axis === 0 ? missing : 0]);
      held.push(run("PadV2", x, { paddings, constantValue: 0 }));
      return held.at(-1)!;
    };
    try {
      const inputs = {
        image,
        boxes: padded(boxes),
        boxInd: padded(boxInd),
      } as unknown as tf.NamedTensorInfoMap;
      const crops = stock({ ...call, inputs }) as tf.TensorInfo;
      held.push(crops);
      const size = crops.shape.with(0, count);
      return run("Slice", crops, { begin: [0, 0, 0, 0], size });
    } finally {
      held.forEach(({ dataId }) => backend.disposeData(dataId));
    }
  };
}

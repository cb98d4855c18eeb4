/** Cropped images as a kernel of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { cpuKernel } from "./cpu_kernel.ts";

/** Corners of boxes up to here stay finite, whatever the size of an image. */
const LARGEST_CORNER = 1e18;

/**
 * The kernel `CropAndResize`. tfjs's reads beyond the images where there is none of a
 * box's number, or where a corner is not finite: such calls are the cpu backend's.
 */
export function cropKernel(stock: tf.KernelFunc, name: string): tf.KernelFunc {
  const byCpu = cpuKernel(stock, name, ["float32"]);
  return (call) => {
    const wasm = call.backend as BackendWasm;
    const { image, boxes, boxInd } = call.inputs as Record<
      "image" | "boxes" | "boxInd",
      tf.TensorInfo
    >;
    const images = image.shape[0]!;
    const areThere =
      wasm.typedArrayFromHeap(boxInd).every((at) => at >= 0 && at < images) &&
      wasm.typedArrayFromHeap(boxes)
        .every((corner) => Math.abs(corner) < LARGEST_CORNER);
    return areThere ? stock(call) : byCpu(call);
  };
}

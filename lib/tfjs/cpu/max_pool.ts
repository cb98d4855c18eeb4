/** The gradient of the maxima of volumes, on the cpu backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import type { Values } from "../host_kernel.ts";

/** The kernel `MaxPool3DGrad`: each window's gradient goes to its first maximum. */
export const maxPool3dGradient: tf.KernelFunc = (
  { inputs, backend, attrs },
) => {
  const cpu = backend as MathBackendCPU;
  const { dy, input } = inputs as Record<"dy" | "input", tf.TensorInfo>;
  const { filterSize, strides, pad, dimRoundingMode } =
    attrs as unknown as tf.MaxPool3DGradAttrs;
  const info = tf.backend_util.computePool3DInfo(
    input.shape as tf.Tensor5D["shape"],
    ...[filterSize, strides, 1, pad] as const,
    dimRoundingMode,
  );
  const { inDepth, inHeight, inWidth, inChannels, padInfo } = info;
  const x = cpu.data.get(input.dataId).values as Values;
  const given = cpu.data.get(dy.dataId).values as Values;
  const dx = new Float32Array(x.length);
  let output = 0;
  for (let entry = 0; entry < info.batchSize; entry++) {
    for (let outZ = 0; outZ < info.outDepth; outZ++) {
      const front = outZ * info.strideDepth - padInfo.front;
      const [firstZ, endZ] = clipped(front, info.filterDepth, inDepth);
      for (let outY = 0; outY < info.outHeight; outY++) {
        const top = outY * info.strideHeight - padInfo.top;
        const [firstY, endY] = clipped(top, info.filterHeight, inHeight);
        for (let outX = 0; outX < info.outWidth; outX++) {
          const left = outX * info.strideWidth - padInfo.left;
          const [firstX, endX] = clipped(left, info.filterWidth, inWidth);
          for (let channel = 0; channel < inChannels; channel++, output++) {
            let best = -1, largest = -Infinity;
            for (let z = firstZ; z < endZ; z++) {
              for (let y = firstY; y < endY; y++) {
                const row = ((entry * inDepth + z) * inHeight + y) * inWidth;
                for (let pixel = row + firstX; pixel < row + endX; pixel++) {
                  const at = pixel * inChannels + channel, value = x[at]!;
                  const isFirst = best < 0 && value === largest;
                  if (value > largest || isFirst) [best, largest] = [at, value];
                }
              }
            }
            // A window of nothing but padding or NaN has no maximum.
            if (best >= 0) dx[best]! += given[output]!;
          }
        }
      }
    }
  }
  return cpu.makeTensorInfo(input.shape, "float32", dx);
};

/** The pixels of a window that are in the volume. */
function clipped(
  first: number,
  count: number,
  size: number,
): [first: number, end: number] {
  return [Math.max(0, first), Math.min(first + count, size)];
}

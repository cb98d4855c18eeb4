/** Pooling of images as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { shown } from "@lionjs/base";
import type { Values } from "../../host_kernel.ts";
import { cpuKernel } from "../cpu_kernel.ts";
import { isExact } from "./depthwise.ts";
import { type MakeKernel, withOutputs } from "../outputs.ts";

function infoOf(
  x: tf.TensorInfo,
  attributes: tf.NamedAttrMap,
): tf.backend_util.Conv2DInfo {
  const { filterSize, strides, pad, dimRoundingMode } =
    attributes as unknown as tf.MaxPoolAttrs;
  return tf.backend_util.computePool2DInfo(
    x.shape as tf.Tensor4D["shape"],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
}

/**
 * The kernels `AvgPool` and `MaxPool`, which refuse windows that do not fit; the cpu
 * backend makes outputs of another size than the windows do.
 */
export const poolKernel: MakeKernel = (stock, name) => {
  const otherwise = cpuKernel(stock, name, ["float32"]);
  return (call) => {
    const x = call.inputs["x"] as tf.TensorInfo;
    const info = infoOf(x, call.attrs!);
    const { outHeight, outWidth, outShape } = info;
    if (outHeight < 0 || outWidth < 0) {
      const { filterSize, pad } = call.attrs as unknown as tf.MaxPoolAttrs;
      const window = shown(filterSize);
      throw new RangeError(
        `a pool's window ${window} should fit into its padded images ` +
          `[${x.shape}], got pad ${shown(pad)}`,
      );
    }
    if (tf.util.sizeFromShape(outShape) === 0) {
      return withOutputs(call.backend as BackendWasm, (make) => make(outShape));
    }
    return isExact(info) && hasPixels(info) ? stock(call) : otherwise(call);
  };
};

/** Whether no window lies in the padding alone, for which XNNPACK is not made. */
function hasPixels(
  { padInfo, filterHeight, filterWidth }: tf.backend_util.Conv2DInfo,
): boolean {
  const { top, bottom, left, right } = padInfo;
  return Math.max(top, bottom) < filterHeight &&
    Math.max(left, right) < filterWidth;
}

/** The kernel `MaxPoolGrad`: each window's gradient goes to its first maximum. */
export const maxPoolGradient: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const wasm = backend as BackendWasm;
  const { dy, input } = inputs as Record<"dy" | "input", tf.TensorInfo>;
  const info = infoOf(input, attrs!);
  return withOutputs(wasm, (make) => {
    const dx = make(input.shape);
    // The heap's views are made when all tensors are, since it may have grown.
    const [x, given, sums] = [input, dy, dx]
      .map((tensor) => wasm.typedArrayFromHeap(tensor) as Values);
    sums!.fill(0);
    // tfjs-core's gradient does not say how the number of outputs was rounded.
    const [, outHeight, outWidth] = dy.shape as tf.Tensor4D["shape"];
    addToMaxima({ ...info, outHeight, outWidth }, x!, given!, sums!);
    return dx;
  });
};

function addToMaxima(
  info: tf.backend_util.Conv2DInfo,
  x: Values,
  dy: Values,
  dx: Values,
): void {
  const { inHeight, inWidth, inChannels, padInfo } = info;
  let output = 0;
  for (let image = 0; image < info.batchSize; image++) {
    for (let outY = 0; outY < info.outHeight; outY++) {
      const top = outY * info.strideHeight - padInfo.top;
      const [firstY, endY] = clipped(top, info.filterHeight, inHeight);
      for (let outX = 0; outX < info.outWidth; outX++) {
        const left = outX * info.strideWidth - padInfo.left;
        const [firstX, endX] = clipped(left, info.filterWidth, inWidth);
        const first = (image * inHeight + firstY) * inWidth + firstX;
        for (let channel = 0; channel < inChannels; channel++, output++) {
          // A window of nothing but padding has no maximum.
          if (firstY >= endY || firstX >= endX) continue;
          let best = first * inChannels + channel;
          for (let y = firstY; y < endY; y++) {
            const row = (image * inHeight + y) * inWidth;
            for (let pixel = row + firstX; pixel < row + endX; pixel++) {
              const at = pixel * inChannels + channel;
              if (x[at]! > x[best]!) best = at;
            }
          }
          dx[best]! += dy[output]!;
        }
      }
    }
  }
}

/** The pixels of a window that are in the image. */
function clipped(
  first: number,
  count: number,
  size: number,
): [first: number, end: number] {
  return [Math.max(0, first), Math.min(first + count, size)];
}

/** Depthwise convolutions by tfjs's kernels, with the padding of each side. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { assertGeometry, type Attributes } from "./convolution.ts";
import { cpuKernel } from "../cpu_kernel.ts";
import { type MakeKernel, withOutputs } from "../outputs.ts";

/**
 * The kernels `DepthwiseConv2dNative` and `FusedDepthwiseConv2D`, given the zeros that are
 * on each side; the cpu backend makes outputs of another size than the filter does.
 */
export const depthwiseKernel: MakeKernel = (stock, name) => {
  const otherwise = cpuKernel(stock, name, ["float32"]);
  return (call) => {
    const { x, filter } = call.inputs as Record<"x" | "filter", tf.TensorInfo>;
    const attributes = call.attrs as unknown as Attributes;
    const { strides, dilations, pad, dimRoundingMode } = attributes;
    const info = tf.backend_util.computeConv2DInfo(
      x.shape as tf.Tensor4D["shape"],
      filter.shape as tf.Tensor4D["shape"],
      strides,
      dilations ?? 1,
      pad,
      dimRoundingMode,
      true,
    );
    assertGeometry(info, attributes);
    const wasm = call.backend as BackendWasm;
    if (tf.util.sizeFromShape(info.outShape) === 0) {
      return withOutputs(wasm, (make) => make(info.outShape));
    }
    if (!isExact(info)) return otherwise(call);
    // XNNPACK pads too much for "same" where a stride is longer than the filter.
    const { top, bottom, left, right } = info.padInfo;
    const zeros = [[0, 0], [top, bottom], [left, right], [0, 0]];
    const attrs = { ...call.attrs, pad: zeros, dimRoundingMode: "floor" };
    return stock({ ...call, attrs });
  };
};

/**
 * Whether there are as many outputs as windows fit into padded images. With a number of
 * pixels as padding, tfjs takes all windows for squares; and it may round up.
 */
export function isExact(info: tf.backend_util.Conv2DInfo): boolean {
  const { padInfo } = info;
  const height = info.inHeight + padInfo.top + padInfo.bottom -
    info.effectiveFilterHeight;
  const width = info.inWidth + padInfo.left + padInfo.right -
    info.effectiveFilterWidth;
  return info.outHeight === Math.floor(height / info.strideHeight) + 1 &&
    info.outWidth === Math.floor(width / info.strideWidth) + 1;
}

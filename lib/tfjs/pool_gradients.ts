/** Gradients of pools, whose windows have fewer pixels at the edges. @module */
import * as tf from "@tensorflow/tfjs-core";

type GradFunc = tf.GradConfig["gradFunc"];

/** An axis of pixels, and the windows along it. */
interface Axis {
  readonly size: number;
  readonly before: number;
  readonly window: number;
  readonly stride: number;
  readonly outputs: number;
}

/** The gradient of `MaxPool`. */
export const maxPoolGradient: GradFunc = (gradient, saved, attrs) => {
  const dy = gradient as tf.Tensor, [input, output] = saved as tf.Tensor[];
  const inputs = { dy, input: input!, output: output! };
  const pad = padOf(axesOf(input!, dy, attrs));
  return {
    x: () => tf.engine().runKernel("MaxPoolGrad", inputs, { ...attrs, pad }),
  };
};

/** The gradient of `AvgPool` or `AvgPool3D`. */
export function averagePoolGradient(kernelName: string): tf.GradConfig {
  return {
    kernelName,
    inputsToSave: ["x"],
    gradFunc: (gradient, saved, attrs) => {
      const dy = gradient as tf.Tensor, [input] = saved as [tf.Tensor];
      const axes = axesOf(input, dy, attrs);
      // Kernels of volumes know how the number of windows was rounded.
      const given = axes.length > 2 ? attrs : { ...attrs, pad: padOf(axes) };
      return {
        x: () => {
          const inputs = { dy: weighted(dy, axes), input };
          return tf.engine().runKernel(`${kernelName}Grad`, inputs, given);
        },
      };
    },
  };
}

/** The axes of images or volumes. */
function axesOf(x: tf.Tensor, dy: tf.Tensor, attrs: tf.NamedAttrMap): Axis[] {
  const { filterSize, strides, pad, dimRoundingMode } =
    attrs as unknown as tf.AvgPool3DAttrs;
  const given = [filterSize as number, strides as number, 1, pad] as const;
  const info = x.shape.length > 4
    ? tf.backend_util.computePool3DInfo(
      x.shape as tf.Tensor5D["shape"],
      ...given,
      dimRoundingMode,
    )
    : tf.backend_util.computePool2DInfo(
      x.shape as tf.Tensor4D["shape"],
      ...given,
      dimRoundingMode,
    );
  const { padInfo } = info;
  const axes = [
    [info.inHeight, padInfo.top, info.filterHeight, info.strideHeight],
    [info.inWidth, padInfo.left, info.filterWidth, info.strideWidth],
  ];
  if ("inDepth" in info) {
    const { inDepth, padInfo, filterDepth, strideDepth } = info;
    axes.unshift([inDepth, padInfo.front, filterDepth, strideDepth]);
  }
  return (axes as [number, number, number, number][]).map(
    ([size, before, window, stride], i) => {
      return { size, before, window, stride, outputs: dy.shape[1 + i]! };
    },
  );
}

/** The padding with which there are as many windows, however they were rounded. */
function padOf(axes: readonly Axis[]): number[][] {
  const pads = axes.map((
    { size, before, window, stride, outputs },
  ) => [before, (outputs - 1) * stride + window - size - before]);
  return [[0, 0], ...pads, [0, 0]];
}

/**
 * Gradients times the size of a window over its pixels: tfjs's kernels divide by the
 * former, where an average is divided by the latter.
 */
function weighted(dy: tf.Tensor, axes: readonly Axis[]): tf.Tensor {
  return axes.reduce((dy, axis, i) => {
    const weights = weightsOf(axis);
    if (weights.every((weight) => weight === 1)) return dy;
    const shape = dy.shape.map((_, at) => at === 1 + i ? axis.outputs : 1);
    return tf.mul(dy, tf.tensor(weights, shape));
  }, dy);
}

function weightsOf({ size, before, window, stride, outputs }: Axis): number[] {
  return Array.from({ length: outputs }, (_, output) => {
    const first = output * stride - before;
    const pixels = Math.min(first + window, size) - Math.max(first, 0);
    return pixels > 0 ? window / pixels : 0;
  });
}

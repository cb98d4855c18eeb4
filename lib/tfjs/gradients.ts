/** Gradients in the place of those of tfjs-core that are wrong, or slow. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "../contract/kernel.ts";

export { cumulativeSumGradient } from "../contract/cumulative_sum.ts";

type GradFunc = tf.GradConfig["gradFunc"];

/**
 * The gradient of a product over some axes: in each element, the product of those
 * before it and those behind it.
 */
export const productGradient: GradFunc = (gradient, saved, attrs) => {
  const [x] = saved as [tf.Tensor], { shape } = x;
  const { axis } = attrs as unknown as tf.ProdAttrs;
  const axes = tf.util.parseAxisParam(axis, shape);
  const kept = [...shape.keys()].filter((axis) => !axes.includes(axis));
  const order = [...kept, ...axes];
  const moved = order.map((axis) => shape[axis]!);
  return {
    x: () => {
      const lines = tf.reshape(tf.transpose(x, order), [
        ...moved.slice(0, kept.length),
        tf.util.sizeFromShape(moved.slice(kept.length)),
      ]);
      const others = tf.mul(
        tf.cumprod(lines, kept.length, true),
        tf.cumprod(lines, kept.length, true, true),
      );
      const slopes = tf.transpose(
        tf.reshape(others, moved),
        tf.backend_util.getUndoAxesPermutation(order),
      );
      const each = shape.map((size, i) => axes.includes(i) ? 1 : size);
      return tf.mul(tf.reshape(gradient as tf.Tensor, each), slopes);
    },
  };
};

/**
 * The gradient of a matrix product; gradients of a broadcast batch's copies add
 * up.
 */
export const matmulGradient: GradFunc = (gradient, saved, attrs) => {
  const dy = gradient as tf.Tensor;
  const [a, b] = saved as [tf.Tensor, tf.Tensor];
  const { transposeA, transposeB } = attrs as unknown as tf.BatchMatMulAttrs;
  const summed = (x: tf.Tensor, like: tf.Tensor) => {
    const axes = tf.broadcast_util.getReductionAxes(like.shape, x.shape);
    return axes.length > 0 ? tf.reshape(tf.sum(x, axes), like.shape) : x;
  };
  return {
    a: () =>
      summed(
        transposeA
          ? tf.matMul(b, dy, transposeB, true)
          : tf.matMul(dy, b, false, !transposeB),
        a,
      ),
    b: () =>
      summed(
        transposeB
          ? tf.matMul(dy, a, true, transposeA)
          : tf.matMul(a, dy, !transposeA, false),
        b,
      ),
  };
};

/**
 * The gradient of softmax, y (dy - Σ dy y), which not every backend has a kernel of. It
 * has none in `y`, as tfjs does not record what a saved result is the result of.
 */
export const SOFTMAX_GRADIENT = {
  kernel: "LionSoftmaxGradient",
  gradientsIn: ["dy"],
  outputs: ["dx"],
} as const satisfies Operation;

/** The gradient of softmax along the last axis: one kernel, where there is one. */
export const softmaxGradient: GradFunc = (gradient, saved) => {
  const dy = gradient as tf.Tensor, [y] = saved as [tf.Tensor];
  return {
    logits: () =>
      hasKernel(SOFTMAX_GRADIENT)
        ? runKernel(SOFTMAX_GRADIENT, { y, dy }).dx
        : tf.mul(y, tf.sub(dy, tf.sum(tf.mul(dy, y), -1, true))),
  };
};

/** How a window goes over an axis. */
interface Window {
  /** The places of the axis. */
  readonly size: number;
  readonly outputs: number;
  readonly width: number;
  readonly stride: number;
  /** Places of padding before the first. */
  readonly before: number;
}

/**
 * For each place of a window, its width beside the number of places that it covers
 * without padding.
 */
function sharesOf({ size, outputs, width, stride, before }: Window): number[] {
  return Array.from({ length: outputs }, (_, output) => {
    const first = output * stride - before;
    const covered = Math.min(first + width, size) - Math.max(first, 0);
    return width / Math.max(covered, 1);
  });
}

/**
 * The gradient of a mean of windows: of what each window covers, without padding, as the
 * mean is, where the kernel divides by the whole window.
 */
function averageGradient(
  kernel: string,
  windowsOf: (x: tf.Tensor, attributes: tf.AvgPool3DAttrs) => Window[],
): GradFunc {
  return (gradient, saved, attrs) => {
    const [x] = saved as [tf.Tensor];
    return {
      x: () => {
        let dy = gradient as tf.Tensor;
        const windows = windowsOf(x, attrs as unknown as tf.AvgPool3DAttrs);
        for (const [i, window] of windows.entries()) {
          const shares = sharesOf(window);
          if (shares.every((share) => share === 1)) continue;
          const shape = dy.shape.map((size, axis) => axis === i + 1 ? size : 1);
          dy = tf.mul(dy, tf.tensor(shares, shape));
        }
        return tf.engine().runKernel(kernel, { dy, input: x }, attrs);
      },
    };
  };
}

/** The gradient of `AvgPool`. */
export const averagePoolGradient: GradFunc = averageGradient(
  "AvgPoolGrad",
  ({ shape }, { filterSize, strides, pad, dimRoundingMode }) => {
    const info = tf.backend_util.computePool2DInfo(
      ...[
        shape as [number, number, number, number],
        filterSize as number,
      ] as const,
      ...[strides as number, 1, pad, dimRoundingMode] as const,
    );
    return [{
      ...{ size: info.inHeight, outputs: info.outHeight },
      ...{ width: info.filterHeight, stride: info.strideHeight },
      before: info.padInfo.top,
    }, {
      ...{ size: info.inWidth, outputs: info.outWidth },
      ...{ width: info.filterWidth, stride: info.strideWidth },
      before: info.padInfo.left,
    }];
  },
);

/** The gradient of `AvgPool3D`. */
export const averagePool3DGradient: GradFunc = averageGradient(
  "AvgPool3DGrad",
  ({ shape }, { filterSize, strides, pad, dimRoundingMode }) => {
    const info = tf.backend_util.computePool3DInfo(
      ...[shape as [number, number, number, number, number]] as const,
      ...[filterSize as number, strides as number, 1, pad] as const,
      dimRoundingMode,
    );
    return [{
      ...{ size: info.inDepth, outputs: info.outDepth },
      ...{ width: info.filterDepth, stride: info.strideDepth },
      before: info.padInfo.front,
    }, {
      ...{ size: info.inHeight, outputs: info.outHeight },
      ...{ width: info.filterHeight, stride: info.strideHeight },
      before: info.padInfo.top,
    }, {
      ...{ size: info.inWidth, outputs: info.outWidth },
      ...{ width: info.filterWidth, stride: info.strideWidth },
      before: info.padInfo.left,
    }];
  },
);

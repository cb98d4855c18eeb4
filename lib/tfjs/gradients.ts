/** Gradients in the place of those of tfjs-core that are wrong, or slow. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "./kernel/kernel.ts";
import { isRecording } from "./kernel/tape.ts";

export { cumulativeSumGradient } from "./kernel/cumulative_sum.ts";

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
      const derivatives = tf.transpose(
        tf.reshape(others, moved),
        tf.backend_util.getUndoAxesPermutation(order),
      );
      const each = shape.map((size, i) => axes.includes(i) ? 1 : size);
      return tf.mul(tf.reshape(gradient as tf.Tensor, each), derivatives);
    },
  };
};

/** Adds up the gradients of what was broadcast. */
function summed(x: tf.Tensor, like: tf.Tensor): tf.Tensor {
  const missing = x.shape.length - like.shape.length;
  // TensorFlow.js leaves out those that were repeated no times.
  const axes = [...x.shape.keys()].filter((axis) =>
    axis < missing || (like.shape[axis - missing] === 1 && x.shape[axis] !== 1)
  );
  return axes.length > 0 ? tf.reshape(tf.sum(x, axes), like.shape) : x;
}

/** A gradient of tfjs-core's whose inputs may have been broadcast. */
export function broadcastGradient(kernelName: string): tf.GradConfig {
  const stock = tf.getGradient(kernelName);
  return {
    ...stock,
    gradFunc: (dy, saved, attrs) => {
      const gradients = stock.gradFunc(dy, saved, attrs);
      return Object.fromEntries(
        Object.entries(gradients).map(([name, gradient]) => {
          const input = saved[stock.inputsToSave!.indexOf(name)]!;
          return [name, () => summed(gradient(), input)];
        }),
      );
    },
  };
}

/** A gradient of tfjs-core's in a list, of which there may be one alone. */
export function listGradient(kernelName: string): tf.GradConfig {
  const stock = tf.getGradient(kernelName);
  return {
    ...stock,
    gradFunc: (dy, saved, attrs) =>
      stock.gradFunc(Array.isArray(dy) ? dy : [dy], saved, attrs),
  };
}

/** The gradient of copies of a tensor of five axes or more; tfjs-core's of fewer. */
export function tileGradient(): tf.GradConfig {
  const stock = tf.getGradient("Tile");
  return {
    ...stock,
    gradFunc: (gradient, saved, attrs) => {
      const [x] = saved as [tf.Tensor], { shape } = x;
      if (shape.length < 5) return stock.gradFunc(gradient, saved, attrs);
      const { reps } = attrs as unknown as tf.TileAttrs;
      return {
        x: () =>
          tf.reshape(
            reps.reduce((dy, copies, axis) => {
              if (copies === 1) return dy;
              const size = tf.util.sizeFromShape;
              const before = size(shape.slice(0, axis));
              const behind = size(
                [...shape, ...reps.slice(axis + 1)].slice(axis),
              );
              return tf.sum(tf.reshape(dy, [before, copies, behind]), 1);
            }, gradient as tf.Tensor),
            shape,
          ),
      };
    },
  };
}

/** The gradient of `gather`, also where each entry of a batch has its own indices. */
export function gatherGradient(): tf.GradConfig {
  const stock = tf.getGradient("GatherV2");
  return {
    ...stock,
    gradFunc: (gradient, saved, attrs) => {
      const { axis, batchDims: given } = attrs as unknown as tf.GatherV2Attrs;
      if (given === 0) return stock.gradFunc(gradient, saved, attrs);
      const [x, indices] = saved as [tf.Tensor, tf.Tensor];
      // Counted from the last axis of the indices.
      const batchDims = given < 0 ? given + indices.shape.length : given;
      const [at] = tf.util.parseAxisParam(axis, x.shape) as [number];
      const dy = gradient as tf.Tensor;
      return {
        x: () => batchedGatherGradient(x.shape, indices, dy, batchDims, at),
        indices: () => indices,
      };
    },
  };
}

/** Adds up the gradients of rows that all entries of a batch have side by side. */
function batchedGatherGradient(
  shape: readonly number[],
  indices: tf.Tensor,
  dy: tf.Tensor,
  batchDims: number,
  axis: number,
): tf.Tensor {
  const size = (from: number, to?: number) =>
    tf.util.sizeFromShape(shape.slice(from, to));
  const batch = size(0, batchDims), outer = size(batchDims, axis);
  const rows = shape[axis]!, inner = size(axis + 1);
  const count = indices.size / Math.max(1, batch);
  const firsts = tf.mul(
    tf.range(0, batch, 1, "int32"),
    tf.scalar(rows, "int32"),
  );
  const ids = tf.add(
    tf.reshape(indices, [batch, count]),
    tf.reshape(firsts, [batch, 1]),
  );
  const values = tf.transpose(
    tf.reshape(dy, [batch, outer, count, inner]),
    [0, 2, 1, 3],
  );
  const sums = tf.unsortedSegmentSum(
    tf.reshape(values, [batch * count, outer * inner]),
    tf.reshape(ids, [batch * count]) as tf.Tensor1D,
    batch * rows,
  );
  const moved = tf.transpose(
    tf.reshape(sums, [batch, rows, outer, inner]),
    [0, 2, 1, 3],
  );
  return tf.reshape(moved, [...shape]);
}

/**
 * The gradient of resized images: each output of a row or of a column is a weighted sum
 * of inputs, and what resizing makes of each input alone are its weights.
 *
 * @param resize The kernel of the forward pass.
 */
export function resizeGradient(resize: string): tf.GradConfig {
  const weights = (inputs: number, outputs: number, attrs: tf.NamedAttrMap) => {
    // An identity matrix whose values do not come from the host.
    const places = tf.cumsum(tf.fill([inputs], 1));
    const isSame = tf.equal(tf.reshape(places, [inputs, 1]), places);
    const each = tf.reshape(tf.cast(isSame, "float32"), [inputs, inputs, 1, 1]);
    const size = [outputs, 1];
    const call = { ...attrs, size };
    const made: tf.Tensor = tf.engine().runKernel(
      resize,
      { images: each },
      call,
    );
    return tf.reshape(made, [inputs, outputs]);
  };
  return {
    kernelName: resize,
    inputsToSave: ["images"],
    gradFunc: (gradient, saved, attrs) => {
      const dy = gradient as tf.Tensor4D, [images] = saved as [tf.Tensor4D];
      const [batch, height, width, channels] = images.shape;
      const [, rows, columns] = dy.shape;
      return {
        images: () => {
          const ofRows = weights(height, rows, attrs);
          const areAlike = height === width && rows === columns;
          const byRow = tf.matMul(
            ofRows,
            tf.reshape(dy, [batch, rows, columns * channels]),
          );
          const byColumn = tf.matMul(
            areAlike ? ofRows : weights(width, columns, attrs),
            tf.reshape(byRow, [batch * height, columns, channels]),
          );
          return tf.reshape(byColumn, images.shape);
        },
      };
    },
  };
}

/**
 * The gradient of a matrix product; gradients of a broadcast batch's copies add
 * up.
 */
export const matmulGradient: GradFunc = (gradient, saved, attrs) => {
  const dy = gradient as tf.Tensor;
  const [a, b] = saved as [tf.Tensor, tf.Tensor];
  const { transposeA, transposeB } = attrs as unknown as tf.BatchMatMulAttrs;
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

/** The gradient of ELU's gradient dy f'(x), where f'(x) is 1, or y + 1 of y below 0. */
export const eluGradientGradient: GradFunc = (gradient, saved) => {
  const u = gradient as tf.Tensor;
  const [dy, y] = saved as [tf.Tensor, tf.Tensor];
  const isBelow = tf.cast(tf.less(y, 0), "float32");
  return {
    dy: () => tf.mul(u, tf.add(tf.mul(y, isBelow), 1)),
    y: () => tf.mul(tf.mul(u, dy), isBelow),
  };
};

/**
 * The gradient of softmax, y (dy - Σ dy y), which not every backend has a kernel of. The
 * kernel has no gradient of its own.
 */
export const SOFTMAX_GRADIENT = {
  kernel: "LionSoftmaxGradient",
  gradientsIn: [],
  outputs: ["dx"],
} as const satisfies Operation;

/** The gradient of softmax along the last axis: one kernel, where there is one. */
export const softmaxGradient: GradFunc = (gradient, saved) => {
  const dy = gradient as tf.Tensor, [y] = saved as [tf.Tensor];
  return {
    logits: () =>
      hasKernel(SOFTMAX_GRADIENT) && !isRecording()
        ? runKernel(SOFTMAX_GRADIENT, { y, dy }).dx
        : tf.mul(y, tf.sub(dy, tf.sum(tf.mul(dy, y), -1, true))),
  };
};

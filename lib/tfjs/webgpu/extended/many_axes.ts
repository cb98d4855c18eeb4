/** Kernels of WebGPU for tensors of more axes than those of tfjs have. @module */
import * as tf from "@tensorflow/tfjs-core";
import { refer, sizeOf } from "../../kernel_call.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";

/** The most axes of tfjs's kernels. */
const MOST_AXES = 4;

/** A tensor's values, seen in another shape. */
const seenAs = (x: tf.TensorInfo, shape: number[]): tf.TensorInfo => (
  { ...x, shape }
);

/**
 * The kernel `Select`, whose condition has the first axes of the others, or all.
 *
 * @param stock The previous kernel.
 */
export function selectKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const { condition, t, e } = call.inputs as Record<
      "condition" | "t" | "e",
      tf.TensorInfo
    >;
    if (t.shape.length <= MOST_AXES) return stock(call);
    const rows = sizeOf(condition);
    const shape = sizeOf(t) === rows
      ? [rows]
      : [rows, sizeOf(t) / Math.max(1, rows)];
    const inputs = {
      condition: seenAs(condition, [rows]),
      t: seenAs(t, shape),
      e: seenAs(e, shape),
    };
    return seenAs(stock({ ...call, inputs }) as tf.TensorInfo, t.shape);
  };
}

/**
 * The attributes that a kernel gets for one axis between others; none if it leaves the
 * axis alone.
 */
type AttributesOf = (
  attrs: tf.NamedAttrMap,
  axis: number,
  shape: readonly number[],
) => tf.NamedAttrMap | undefined;

const ofPadding: AttributesOf = (attrs, axis) => {
  const { paddings } = attrs as unknown as tf.PadV2Attrs;
  const own = paddings[axis]!;
  return own[0] === 0 && own[1] === 0
    ? undefined
    : { ...attrs, paddings: [[0, 0], own, [0, 0]] };
};

/** The kernels that do the same along one axis after the other. */
const ALONG_AXES: Readonly<Record<string, AttributesOf>> = {
  MirrorPad: ofPadding,
  PadV2: ofPadding,
  Reverse(attrs, axis, shape) {
    const { dims } = attrs as unknown as tf.ReverseAttrs;
    const axes = tf.util.parseAxisParam(dims, [...shape]);
    return axes.includes(axis) ? { dims: [1] } : undefined;
  },
  Tile(attrs, axis) {
    const { reps } = attrs as unknown as tf.TileAttrs;
    return reps[axis] === 1 ? undefined : { reps: [1, reps[axis]!, 1] };
  },
};

/** The kernels that {@linkcode alongAxes} extends. */
export const ALONG_AXES_NAMES: readonly string[] = Object.keys(ALONG_AXES);

/**
 * A kernel that goes along one axis after the other where there are many.
 *
 * @param stock The previous kernel.
 */
export function alongAxes(stock: tf.KernelFunc, name: string): tf.KernelFunc {
  const attributesOf = ALONG_AXES[name]!;
  return (call) => {
    const given = call.inputs["x"] as tf.TensorInfo;
    const { shape } = given;
    if (shape.length <= MOST_AXES) return stock(call);
    const webgpu = call.backend as StrictWebGPUBackend;
    let x = refer(webgpu, given);
    for (const axis of shape.keys()) {
      const attrs = attributesOf(call.attrs!, axis, shape);
      if (!attrs) continue;
      const size = tf.util.sizeFromShape;
      const [before, behind] = [
        x.shape.slice(0, axis),
        x.shape.slice(axis + 1),
      ];
      const seen = seenAs(x, [size(before), x.shape[axis]!, size(behind)]);
      try {
        const y = stock({ ...call, inputs: { x: seen }, attrs });
        const { shape: [, own] } = y as tf.TensorInfo;
        x = seenAs(y as tf.TensorInfo, [...before, own!, ...behind]);
      } finally {
        webgpu.disposeData(seen.dataId);
      }
    }
    return x;
  };
}

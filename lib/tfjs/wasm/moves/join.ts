/** Tensors side by side as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type MovingCall, movingKernel } from "./kernel.ts";
import type { Part } from "./move.ts";
import { axesOfRows } from "./parts.ts";

/** The kernels `Concat` and `Pack`. */
export const joinKernel = movingKernel((call, name) =>
  name === "Concat" ? concat(call) : pack(call)
);

/**
 * The kernel `Concat`; `stock` gets tensors of which at most one has elements, and those
 * of several types.
 */
function concat(call: MovingCall): tf.TensorInfo | undefined {
  const inputs = listOf(call);
  const shapes = inputs.map(({ shape }) => shape);
  const { axis } = call.attrs as tf.ConcatAttrs;
  const along = tf.util.parseAxisParam(axis, shapes[0]!)[0]!;
  if (haveTypes(inputs)) return undefined;
  const full = inputs.filter(({ shape }) => tf.util.sizeFromShape(shape) > 0);
  if (full.length < 2) return undefined;
  tf.backend_util.assertParamsConsistent(shapes, along);
  return join(
    call,
    full,
    along,
    tf.backend_util.computeOutShape(shapes, along),
  );
}

/** The kernel `Pack`; `stock` gets a single tensor. */
function pack(call: MovingCall): tf.TensorInfo | undefined {
  const inputs = listOf(call);
  if (inputs.length === 1 || haveTypes(inputs)) return undefined;
  const { shape } = inputs[0]!;
  for (const input of inputs) {
    tf.util.assertShapesMatch(
      shape,
      input.shape,
      "All tensors passed to stack must have matching shapes",
    );
  }
  const { axis } = call.attrs as tf.PackAttrs;
  const along = axis < 0 ? axis + shape.length + 1 : axis;
  return join(call, inputs, along, shape.toSpliced(along, 0, inputs.length));
}

/** The inputs, which tfjs gives as a list. */
function listOf({ inputs }: MovingCall): tf.TensorInfo[] {
  return inputs as unknown as tf.TensorInfo[];
}

/** Whether tensors differ in type. */
function haveTypes(inputs: readonly tf.TensorInfo[]): boolean {
  return inputs.some(({ dtype }) => dtype !== inputs[0]!.dtype);
}

/** Tensors side by side along an axis of a shape. */
function join(
  call: MovingCall,
  tensors: readonly tf.TensorInfo[],
  along: number,
  shape: number[],
): tf.TensorInfo {
  const y = call.make(shape, tensors[0]!.dtype);
  const outer = tf.util.sizeFromShape(shape.slice(0, along));
  const row = tf.util.sizeFromShape(shape.slice(along));
  let to = 0;
  call.move(tensors.map((x): Part => {
    const count = tf.util.sizeFromShape(x.shape) / outer;
    const part = { x, y, to, axes: axesOfRows(outer, count, count, row) };
    to += count;
    return part;
  }));
  return y;
}

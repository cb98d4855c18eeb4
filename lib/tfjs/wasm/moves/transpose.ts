/** Transposed and reversed axes, as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { refer } from "../../kernel_call.ts";
import { assertOrder } from "../../place_checks.ts";
import { movingKernel } from "./kernel.ts";
import { simplify, stridesOf } from "./parts.ts";

/** The kernel `Transpose`; a tensor whose elements stay in order is not copied. */
export const transposeKernel = movingKernel(
  (call) => {
    const x = call.inputs["x"]!;
    const { perm } = call.attrs as tf.TransposeAttrs;
    assertOrder(perm);
    const shape = perm.map((axis) => x.shape[axis]!);
    const from = stridesOf(x.shape), to = stridesOf(shape);
    const axes = simplify(shape.map((count, axis) => ({
      count,
      from: from[perm[axis]!]!,
      to: to[axis]!,
    })));
    const inOrder = axes.every(({ from, to }) => from === to);
    if (inOrder) return { ...refer(call.wasm, x), shape };
    const y = call.make(shape, x.dtype);
    call.move([{ x, y, axes }]);
    return y;
  },
);

/** The kernel `Reverse`. */
export const reverseKernel = movingKernel((call) => {
  const x = call.inputs["x"]!;
  const { dims } = call.attrs as tf.ReverseAttrs;
  const reversed = tf.util.parseAxisParam(dims, x.shape);
  const strides = stridesOf(x.shape);
  const y = call.make(x.shape, x.dtype);
  let from = 0;
  const axes = x.shape.map((count, axis) => {
    const to = strides[axis]!;
    if (!reversed.includes(axis)) return { count, from: to, to };
    from += (count - 1) * to;
    return { count, from: -to, to };
  });
  call.move([{ x, y, from, axes }]);
  return y;
});

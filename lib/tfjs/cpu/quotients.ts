/** Whole quotients of floats, and what they leave, on the cpu backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { stridesIn } from "../kernel_call.ts";
import { made, valuesOf, zeros } from "./values.ts";

/** The functions of two floats, by kernel name, as TensorFlow has them. */
const FUNCTIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  FloorDiv: (a, b) => Math.floor(a / b),
  Mod(a, b) {
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
  },
};

/** The kernels `FloorDiv` and `Mod` of floats, whose results are floats. */
export function quotientKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  return (call) => {
    const { a, b } = call.inputs as Record<"a" | "b", tf.TensorInfo>;
    if (a.dtype !== "float32" || b.dtype !== "float32") return stock(call);
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const operandOf = (operand: tf.TensorInfo): Operand => ({
      values: valuesOf(call.backend, operand),
      strides: stridesIn(operand.shape, shape),
    });
    const x = operandOf(a), y = operandOf(b);
    const compute = FUNCTIONS[name]!;
    const values = zeros(shape, "float32");
    const place = shape.map(() => 0);
    let atX = 0, atY = 0;
    for (let at = 0; at < values.length; at++) {
      values[at] = compute(x.values[atX]!, y.values[atY]!);
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        atX += x.strides[axis]!;
        atY += y.strides[axis]!;
        if (++place[axis]! < shape[axis]!) break;
        atX -= shape[axis]! * x.strides[axis]!;
        atY -= shape[axis]! * y.strides[axis]!;
        place[axis] = 0;
      }
    }
    return made(call.backend, shape, "float32", values);
  };
}

interface Operand {
  readonly values: ArrayLike<number>;
  /** The distances between neighbours along each axis of the result, in elements. */
  readonly strides: readonly number[];
}

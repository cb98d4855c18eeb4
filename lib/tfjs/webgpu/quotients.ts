/** Whole quotients of floats, and what they leave, on WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "../kernel_call.ts";
import { broadcast } from "./broadcast.ts";
import { runElementwise } from "./elementwise.ts";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { elementOf, makeOutput, withOutputs } from "./program.ts";

const FUNCTIONS = /* wgsl */ `
/// The largest integer up to x / y: rounding may have raised the quotient to one.
fn whole_quotient(x: f32, y: f32) -> f32 {
  let quotient = floor(x / y);
  let rest = fma(-quotient, y, x);
  return select(quotient, quotient - 1.0, rest != 0.0 && (rest < 0.0) != (y < 0.0));
}

fn remainder(x: f32, y: f32) -> f32 {
  var rest = x;
  if (abs(x) >= abs(y)) { rest = x % y; }
  return select(rest, rest + y, rest != 0.0 && (rest < 0.0) != (y < 0.0));
}
`;

/** The functions of two floats, by kernel name. */
const CALLS: Readonly<Record<string, string>> = {
  FloorDiv: "whole_quotient(x, y)",
  Mod: "remainder(x, y)",
};

/**
 * The kernels `FloorDiv` and `Mod` of floats, whose results are floats, as TensorFlow
 * has them.
 *
 * @param stock The previous kernel, for integers.
 */
export function quotientKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const { a, b } = call.inputs as Record<"a" | "b", tf.TensorInfo>;
    const areFloats = [a, b].every((x) => elementOf(webgpu, x) === "f32");
    if (!areFloats) return stock(call);
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    return withOutputs(webgpu, () => {
      const result = makeOutput(webgpu, shape, "float32");
      if (sizeOf(result) === 0) return result;
      const places = broadcast(a.shape, b.shape, shape);
      runElementwise(webgpu, {
        name,
        variants: [`rank ${shape.length}`],
        width: 1,
        reads: { a, b },
        writes: { result },
        integers: places.integers,
        functions: FUNCTIONS,
        body: /* wgsl */ `  let at_both = at;
${places.text}
  let x = a[at_a];
  let y = b[at_b];
  result[at] = ${CALLS[name]};`,
      });
      return result;
    });
  };
}

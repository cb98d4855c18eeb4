/** Whole quotients of floats, and what they leave, on WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "../kernel_call.ts";
import { broadcast } from "./broadcast.ts";
import { runElementwise } from "./elementwise.ts";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { elementOf, makeOutput, withOutputs } from "./program.ts";

// A product of the quotient and the divisor would be rounded, and what is left then be
// that error: what is subtracted here is less than twice what remains, which is exact.
const FUNCTIONS = /* wgsl */ `
fn exponent(x: f32) -> i32 { return i32((bitcast<u32>(x) >> 23u) & 255u); }

fn power_of_two(k: i32) -> f32 { return bitcast<f32>(u32(k + 127) << 23u); }

fn times_power(x: f32, k: i32) -> f32 {
  return x * power_of_two(k / 2) * power_of_two(k - k / 2);
}

/// What whole multiples of y leave of x, with the sign of x.
fn rest_of(x: f32, y: f32) -> f32 {
  let by = abs(y);
  var left = abs(x);
  if (left < by) { return x; }
  if (exponent(left) == 255 || exponent(by) == 255 || by == 0.0) { return x % y; }
  while (left >= by) {
    let k = exponent(left) - exponent(by);
    var multiple = times_power(by, k);
    if (multiple > left) { multiple = times_power(by, k - 1); }
    left -= multiple;
  }
  return select(left, -left, x < 0.0);
}

/// The same, with the sign of y.
fn remainder(x: f32, y: f32) -> f32 {
  let rest = rest_of(x, y);
  return select(rest, rest + y, rest != 0.0 && (rest < 0.0) != (y < 0.0));
}

/// The largest integer up to x / y, where rounding would raise that to one, too.
fn whole_quotient(x: f32, y: f32) -> f32 {
  let quotient = x / y;
  let is_small = abs(quotient) < 4194304.0 && exponent(abs(y)) < 255;
  if (!is_small) { return floor(quotient); }
  return round((x - remainder(x, y)) / y);
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

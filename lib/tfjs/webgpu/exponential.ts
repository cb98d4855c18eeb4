/** Powers of e to the last bits, as a kernel of WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { runElementwise } from "./elementwise.ts";
import { holdsFloats } from "./fused_kernel.ts";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { sizeOf } from "../kernel_call.ts";
import { makeFloats, widthOf, withOutputs } from "./program.ts";

/**
 * The function `exponential` of WGSL: e^x with a relative error of at most 2e-7.
 * WGSL's own `exp` is made from `exp2`, so that the rounding of x log2(e) puts the
 * power wrong by about |x| units in the last place.
 *
 * With n the integer next to x log2(e), e^x is 2^n e^r and r = x - n ln 2, where
 * ln 2 is taken in two parts: the first has so few bits that its product with n
 * is exact. Beyond ±88, which is where powers begin not to be normal numbers, `exp`
 * answers.
 *
 * Source: Cody and Waite; the polynomial is that of Moshier's Cephes, expf.
 *
 * @param element The type of x.
 */
export function exponential(element: "f32" | "vec4f"): string {
  const [int, uint] = element === "f32" ? ["i32", "u32"] : ["vec4i", "vec4u"];
  return /* wgsl */ `
fn exponential(x: ${element}) -> ${element} {
  let n = round(x * 1.44269504);
  let r = (x - n * 0.693359375) + n * 2.12194440e-4;
  var series = ${element}(1.9875691500e-4);
  series = series * r + 1.3981999507e-3;
  series = series * r + 8.3334519073e-3;
  series = series * r + 4.1665795894e-2;
  series = series * r + 1.6666665459e-1;
  series = series * r + 5.0000001201e-1;
  let near_one = (series * r * r + r) + 1.0;
  let power_of_two = bitcast<${element}>((${int}(n) + 127) << ${uint}(23));
  return select(near_one * power_of_two, exp(x), abs(x) > ${element}(88.0));
}
`;
}

/**
 * The kernel `Exp`, for floats that are on the device.
 *
 * @param stock tfjs's own kernel, for integers, and for small tensors on the host.
 */
export function expKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const x = call.inputs["x"] as tf.TensorInfo;
    if (!holdsFloats(webgpu, x) || webgpu.shouldExecuteOnCPU([x])) {
      return stock(call);
    }
    return withOutputs(webgpu, () => {
      const y = makeFloats(webgpu, x.shape);
      const width = widthOf(sizeOf(x));
      runElementwise(webgpu, {
        name: "exp",
        reads: { x },
        writes: { y },
        functions: exponential(width === 4 ? "vec4f" : "f32"),
        width,
        body: "  y[at] = exponential(x[at]);",
      });
      return y;
    });
  };
}

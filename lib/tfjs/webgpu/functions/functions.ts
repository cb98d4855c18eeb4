/** The kernels of functions of floats whose WGSL is ours. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "../../kernel_call.ts";
import { axesOf } from "../../broadcast_axes.ts";
import { placesIn } from "../broadcast/places.ts";
import { PLACES_OF } from "../broadcast/places.wgsl.ts";
import { runElementwise } from "../elementwise.ts";
import { holdsFloats } from "../fused_kernel.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { makeOutput, widthOf, withOutputs } from "../program.ts";
import { textOf } from "./formulas.ts";

const SPECIAL = { nan: NaN, infinity: Infinity };

/** The kernels of one float. */
export const UNARY_FUNCTIONS: readonly string[] = `
Acos Acosh Asin Asinh Atan Atanh Cos Cosh Elu Erf Expm1 Log Log1p Relu6 Selu Sin
Sinh Softplus Tan Tanh
`.trim().split(/\s+/);

/** The kernels of two floats. */
export const BINARY_FUNCTIONS: readonly string[] = [
  "Atan2",
  "FloorDiv",
  "Mod",
  "Pow",
];

/** The functions that tfjs computes on the host for small tensors, as the cpu backend does. */
const ON_HOST: readonly string[] = ["Expm1", "Log"];

/**
 * The kernel of a function of one float; of NaN, all are NaN.
 *
 * @param stock tfjs's own kernel, for integers, and for small tensors on the host.
 */
export function unaryKernel(stock: tf.KernelFunc, name: string): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const x = call.inputs["x"] as tf.TensorInfo;
    const isOnHost = ON_HOST.includes(name) && webgpu.shouldExecuteOnCPU([x]);
    if (!holdsFloats(webgpu, x) || isOnHost) return stock(call);
    return withOutputs(webgpu, () => {
      const y = makeOutput(webgpu, x.shape, "float32");
      const width = widthOf(sizeOf(x));
      runElementwise(webgpu, {
        name: `function ${name}`,
        reads: { x },
        writes: { y },
        floats: SPECIAL,
        width,
        functions: /* wgsl */ `${textOf("is_nan", name)}
fn value_of(x: f32) -> f32 { return select(${name}(x), x, is_nan(x)); }`,
        body: width === 1 ? "  y[at] = value_of(x[at]);" : /* wgsl */ `
  let values = x[at];
  y[at] = vec4f(
    value_of(values.x), value_of(values.y),
    value_of(values.z), value_of(values.w),
  );`,
      });
      return y;
    });
  };
}

/**
 * The kernel of a function of two floats.
 *
 * @param stock tfjs's own kernel, for integers.
 */
export function binaryKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const { a, b } = call.inputs as Record<"a" | "b", tf.TensorInfo>;
    if (!holdsFloats(webgpu, a) || !holdsFloats(webgpu, b)) return stock(call);
    const axes = axesOf([a, b]);
    return withOutputs(webgpu, () => {
      const y = makeOutput(webgpu, axes.shape, "float32");
      runElementwise(webgpu, {
        name: `function ${name}`,
        ...placesIn(axes),
        reads: { a, b },
        writes: { y },
        floats: SPECIAL,
        width: 1,
        functions: textOf(name) + PLACES_OF,
        body: /* wgsl */ `  let places = places_of(at);
  y[at] = ${name}(a[places.x], b[places.y]);`,
      });
      return y;
    });
  };
}

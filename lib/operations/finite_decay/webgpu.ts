/**
 * Log decays that are finite, for WebGPU; the gradient is 0 where x was clipped.
 *
 * Log decays may be -Infinity or NaN. A compiler for GPUs may take for granted that neither
 * occurs, as Metal's does by default, so that no comparison of floats is sure: their bits
 * are compared.
 *
 * @module
 */
import { elementwiseKernel, registerFusedKernel } from "@lionjs/tfjs/webgpu";
import { FINITE_DECAY, LOWEST_LOG_DECAY } from "./finite_decay.ts";

/**
 * WGSL function `<name>(x) -> bool`: whether x lies below a bound, as -Infinity does
 * and NaN does not; of a vector, each of its numbers.
 *
 * @param bound The bound, which is negative.
 * @param element The type of x.
 */
export function isBelow(
  name: string,
  bound: number,
  element: "f32" | "vec4f" = "f32",
): string {
  const [uint, bool] = element === "f32"
    ? ["u32", "bool"]
    : ["vec4u", "vec4<bool>"];
  // The bits of negative numbers ascend as the numbers descend, and end with -Infinity.
  const bits = new Uint32Array(Float32Array.of(bound).buffer)[0]!;
  return /* wgsl */ `
fn ${name}(x: ${element}) -> ${bool} {
  let bits = bitcast<${uint}>(x);
  return (bits > ${uint}(${bits}u)) & (bits <= ${uint}(0xff800000u));
}
`;
}

/**
 * WGSL functions: whether x lies below the lowest log decay, and that instead of x where
 * it does.
 */
export const CLIP = /* wgsl */ `${isBelow("is_clipped", LOWEST_LOG_DECAY)}
fn clip(x: f32) -> f32 { return select(x, f32(${LOWEST_LOG_DECAY}), is_clipped(x)); }
`;

export function register(): void {
  registerFusedKernel(FINITE_DECAY, {
    forward: elementwiseKernel(["x"], ["y"], {
      name: "finite_decay",
      width: 1,
      functions: CLIP,
      body: "  y[at] = clip(x[at]);",
    }),
    gradient: elementwiseKernel(["x", "dy"], ["dx"], {
      name: "finite_decay_gradient",
      width: 1,
      functions: CLIP,
      body: "  dx[at] = select(dy[at], 0.0, is_clipped(x[at]));",
    }),
  });
}

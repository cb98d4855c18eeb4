/** What the states of the delta rule pay, of its logarithm. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { runElementwise } from "../../../tfjs/webgpu/elementwise.ts";
import { exponential } from "../../../tfjs/webgpu/exponential.ts";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import { makeFloats, widthOf } from "../../../tfjs/webgpu/program.ts";

/**
 * The decays of a direction, each exponential once, and to the last bits, since
 * whole paths are products of them. To the first token of a whole sequence nothing
 * comes that could decay: whatever lies there is not read.
 *
 * @param logDecays `[batch, heads, length, columns]`
 * @param unpaid The position of a token whose decay is not paid, if there is one.
 * @returns The same shape.
 */
export function decaysOf(
  backend: StrictWebGPUBackend,
  logDecays: tf.TensorInfo,
  unpaid: number | undefined,
): tf.TensorInfo {
  const [length, columns] = logDecays.shape.slice(2) as [number, number];
  const decays = makeFloats(backend, logDecays.shape);
  const width = widthOf(columns);
  runElementwise(backend, {
    name: "delta_decays",
    width,
    reads: { logDecays },
    writes: { decays },
    integers: {
      length,
      packsOfToken: columns / width,
      unpaid: unpaid ?? length,
    },
    functions: exponential(width === 4 ? "vec4f" : "f32"),
    body:
      /* wgsl */ `  let place = at / uniforms.packsOfToken % uniforms.length;
  decays[at] = select(exponential(logDecays[at]), Pack(1.0), place == uniforms.unpaid);`,
  });
  return decays;
}

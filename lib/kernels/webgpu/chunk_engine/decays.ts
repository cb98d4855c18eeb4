/** The decays of chunked linear attention, from their logarithms. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { runElementwise } from "../../../tfjs/webgpu/elementwise.ts";
import { exponential } from "../../../tfjs/webgpu/exponential.ts";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import { makeFloats, widthOf } from "../../../tfjs/webgpu/program.ts";

/**
 * Computes the decays of a direction: each exponential once, and accurate to the
 * last bits, since whole paths are products of them. In a whole sequence, no state
 * reaches a sweep's first token, so its decay is 1 and its log decay is ignored.
 *
 * @param logDecays `[batch, heads, length, columns]`
 * @param unpaid The position of the token whose decay is 1 instead, if there is one.
 * @returns The decays, in the shape of `logDecays`.
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

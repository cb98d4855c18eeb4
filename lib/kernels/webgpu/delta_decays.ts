/** What the states of the delta rule pay, of its logarithm. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { runElementwise } from "../../tfjs/webgpu/elementwise.ts";
import type { StrictWebGPUBackend } from "../../tfjs/webgpu/gpu_backend.ts";
import { makeFloats, widthOf } from "../../tfjs/webgpu/program.ts";

/**
 * The decays of a direction, each exponential once. To the first token of a
 * sweep nothing comes that could decay: whatever lies there is not read.
 *
 * @param logDecays `[batch, heads, length, columns]`
 * @param direction 0 from the left, 1 from the right.
 * @returns The same shape.
 */
export function decaysOf(
  backend: StrictWebGPUBackend,
  logDecays: tf.TensorInfo,
  direction: number,
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
      first: direction === 0 ? 0 : length - 1,
    },
    body:
      /* wgsl */ `  let place = at / uniforms.packsOfToken % uniforms.length;
  decays[at] = select(exp(logDecays[at]), Pack(1.0), place == uniforms.first);`,
  });
  return decays;
}

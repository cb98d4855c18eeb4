/** The decays of chunked linear attention, from their logarithms. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { LOWEST_LOG_DECAY } from "../../../attention/decays/finite_decay.ts";
import {
  exponential,
  makeFloats,
  runElementwise,
  type StrictWebGPUBackend,
  widthOf,
} from "@lionjs/tfjs/webgpu";
import { isBelow } from "../frame/log_decays.ts";

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
  const element = width === 4 ? "vec4f" : "f32";
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
    // Log decays of a channel may be -Infinity.
    functions: exponential(element) +
      isBelow("is_clipped", LOWEST_LOG_DECAY, element),
    floats: { lowest: LOWEST_LOG_DECAY },
    body:
      /* wgsl */ `  let place = at / uniforms.packsOfToken % uniforms.length;
  let given = logDecays[at];
  let finite = select(given, Pack(uniforms.lowest), is_clipped(given));
  decays[at] = select(exponential(finite), Pack(1.0), place == uniforms.unpaid);`,
  });
  return decays;
}

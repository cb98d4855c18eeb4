/** Log decays of the source convention, for WebGPU. @module */
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { elementwiseKernel, registerFusedKernel } from "@lionjs/tfjs/webgpu";
import { CLIP } from "../finite_decay/webgpu.ts";
import { SOURCE_DECAY } from "./source_decay.ts";

/** WGSL: the log decays of both directions on arriving at a token. */
export const ARRIVALS = /* wgsl */ `
  let row = at / uniforms.length;
  let token = at % uniforms.length;
  if (token > 0u) { forward[at] = clip(decay_of(row, token - 1u)); } else { forward[at] = 0.0; }
  if (token + 1u < uniforms.length) { backward[at] = clip(decay_of(row, token + 1u)); } else { backward[at] = 0.0; }`;

/**
 * WGSL function: the gradient in the log decay of the token at a place, from the
 * gradients on arriving at its neighbours.
 */
export const ARRIVALS_GRADIENT = /* wgsl */ `${CLIP}
fn decay_gradient(place: u32, token: u32, decay: f32) -> f32 {
  var sum = 0.0;
  if (is_clipped(decay)) { return sum; }
  if (token + 1u < uniforms.length) { sum += df[place + 1u]; }
  if (token > 0u) { sum += db[place - 1u]; }
  return sum;
}
`;

/**
 * The uniforms of programs of log decays `[…, length]`. Neighbours may lie in other
 * packs, so packs have one number.
 */
const ofLogDecays = ({ shape }: TensorInfo) => ({
  width: 1 as const,
  integers: { length: shape.at(-1)! },
});

/**
 * Registers the kernels of each direction's log decays, shifted by a token: on arriving at
 * token t, the forward state decays by that of t - 1, the backward state by that of t + 1.
 * The gradient is the sum of both directions' in a token's log decay, 0 where it was clipped.
 */
export function register(): void {
  registerFusedKernel(SOURCE_DECAY, {
    forward: elementwiseKernel(["logDecay"], ["forward", "backward"], {
      name: "source_decay",
      functions: /* wgsl */ `${CLIP}
fn decay_of(row: u32, token: u32) -> f32 { return logDecay[row * uniforms.length + token]; }
`,
      body: ARRIVALS,
    }, ofLogDecays),
    gradient: elementwiseKernel(["logDecay", "df", "db"], ["gradient"], {
      name: "source_decay_gradient",
      functions: ARRIVALS_GRADIENT,
      body:
        "  gradient[at] = decay_gradient(at, at % uniforms.length, logDecay[at]);",
    }, ofLogDecays),
  });
}

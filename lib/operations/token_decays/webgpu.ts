/** Log decays of tokens' logits, for WebGPU. @module */
import type { TensorInfo } from "@tensorflow/tfjs-core";
import {
  elementwiseKernel,
  registerFusedKernel,
  SIGMOID,
} from "@lionjs/tfjs/webgpu";
import { CLIP } from "../finite_decay/webgpu.ts";
import { LOG_SIGMOID_OF_PACK } from "../log_sigmoid/webgpu.ts";
import { ARRIVALS, ARRIVALS_GRADIENT } from "../source_decay/webgpu.ts";
import { TOKEN_DECAYS, TOKEN_LOG_DECAY } from "./token_decays.ts";

export function register(): void {
  // log(sigmoid(-x)) of tokens' logits, [batch, heads, length]; dx = -dy sigmoid(x).
  registerFusedKernel(TOKEN_LOG_DECAY, {
    forward: elementwiseKernel(["x"], ["y"], {
      name: "token_log_decay",
      functions: DECAY_OF_LOGIT,
      body: "  y[at] = decay_of(at / uniforms.length, at % uniforms.length);",
    }, toLogDecays),
    gradient: elementwiseKernel(["x", "dy"], ["dx"], {
      name: "token_log_decay_gradient",
      functions: /* wgsl */ `${SIGMOID}
fn gradient_of(place: u32, token: u32, logit: f32) -> f32 { return dy[place]; }
`,
      body: LOGIT_GRADIENT,
    }, ofLogits),
  });
  // The log decays of both directions on arriving at each token, made of its neighbours' logits.
  registerFusedKernel(TOKEN_DECAYS, {
    forward: elementwiseKernel(["x"], ["forward", "backward"], {
      name: "token_decays",
      functions: DECAY_OF_LOGIT + CLIP,
      body: ARRIVALS,
    }, toLogDecays),
    gradient: elementwiseKernel(["x", "df", "db"], ["dx"], {
      name: "token_decays_gradient",
      functions:
        /* wgsl */ `${LOG_SIGMOID_OF_PACK}${SIGMOID}${ARRIVALS_GRADIENT}
fn gradient_of(place: u32, token: u32, logit: f32) -> f32 {
  return decay_gradient(place, token, log_sigmoid(-logit));
}
`,
      body: LOGIT_GRADIENT,
    }, ofLogits),
  });
}

interface TokenAttributes {
  /** The token that does not decay, or -1. */
  readonly kept: number;
}

/** The uniforms of programs of logits `[batch, length, heads]`. */
const ofLogits = (
  { shape: [, length, heads] }: TensorInfo,
  { kept }: TokenAttributes,
) => ({
  width: 1 as const,
  // No token has the number of tokens as its position.
  integers: { length: length!, heads: heads!, kept: kept < 0 ? length! : kept },
});

/**
 * The uniforms of programs that make log decays `[batch, heads, length]` of logits,
 * with the result's shape.
 */
const toLogDecays = (x: TensorInfo, attributes: TokenAttributes) => {
  const [batch, length, heads] = x.shape as [number, number, number];
  return { ...ofLogits(x, attributes), shape: [batch, heads, length] };
};

/** WGSL function: the log decay log(sigmoid(-x)) of a token's logit, in a row of log decays. */
const DECAY_OF_LOGIT = /* wgsl */ `${LOG_SIGMOID_OF_PACK}
fn decay_of(row: u32, token: u32) -> f32 {
  let first = row / uniforms.heads * uniforms.length * uniforms.heads;
  let logit = x[first + token * uniforms.heads + row % uniforms.heads];
  return select(log_sigmoid(-logit), 0.0, token == uniforms.kept);
}
`;

/** The gradient in a logit. */
const LOGIT_GRADIENT = /* wgsl */ `
  let head = at % uniforms.heads;
  let token = at / uniforms.heads % uniforms.length;
  let sequence = at / uniforms.heads / uniforms.length;
  let place = (sequence * uniforms.heads + head) * uniforms.length + token;
  dx[at] = select(-gradient_of(place, token, x[at]) * sigmoid(x[at]), 0.0, token == uniforms.kept);`;

/** Kernels from logits to log decays, and from those to the log decays of both directions. @module */
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { LOG_SIGMOID } from "../../../attention/decays/decay.ts";
import { SOURCE_DECAY } from "../../../attention/decays/decay_pair.ts";
import {
  FINITE_DECAY,
  LOWEST_LOG_DECAY,
} from "../../../attention/decays/finite_decay.ts";
import {
  TOKEN_DECAYS,
  TOKEN_LOG_DECAY,
} from "../../../operations/token_decays/token_decays.ts";
import {
  elementwiseKernel,
  LOG_OF_ONE_PLUS,
  registerFusedKernel,
  SIGMOID,
} from "@lionjs/tfjs/webgpu";
import { isBelow } from "../frame/log_decays.ts";

/** Registers the kernels of decays. */
export function registerDecays(): void {
  registerFusedKernel(LOG_SIGMOID, {
    forward: elementwiseKernel(["x"], ["y"], {
      name: "log_sigmoid",
      functions: LOG_SIGMOID_OF_PACK,
      body: "  y[at] = log_sigmoid(x[at]);",
    }),
    // dx = dy sigmoid(-x)
    gradient: elementwiseKernel(["x", "dy"], ["dx"], {
      name: "log_sigmoid_gradient",
      functions: SIGMOID,
      body: "  dx[at] = dy[at] * sigmoid(-x[at]);",
    }),
  });
  // Log decays that are finite; the gradient is 0 where x was clipped.
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
  // Each direction's log decays, shifted by a token: on arriving at token t, the forward
  // state decays by that of t - 1, the backward state by that of t + 1. The gradient is the
  // sum of both directions' in a token's log decay, 0 where it was clipped.
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

/** WGSL function: log(sigmoid(x)) of a pack. */
const LOG_SIGMOID_OF_PACK = /* wgsl */ `${LOG_OF_ONE_PLUS}
fn log_sigmoid(x: Pack) -> Pack { return min(x, Pack()) - log_of_one_plus(exp(-abs(x))); }
`;

/**
 * WGSL functions: whether x lies below the lowest log decay, and that instead of x where
 * it does.
 */
const CLIP = /* wgsl */ `${isBelow("is_clipped", LOWEST_LOG_DECAY)}
fn clip(x: f32) -> f32 { return select(x, f32(${LOWEST_LOG_DECAY}), is_clipped(x)); }
`;

/**
 * The uniforms of programs of log decays `[…, length]`. Neighbours may lie in other
 * packs, so packs have one number.
 */
const ofLogDecays = ({ shape }: TensorInfo) => ({
  width: 1 as const,
  integers: { length: shape.at(-1)! },
});

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

/** WGSL functions: the log decays of both directions on arriving at a token. */
const ARRIVALS = /* wgsl */ `
  let row = at / uniforms.length;
  let token = at % uniforms.length;
  if (token > 0u) { forward[at] = clip(decay_of(row, token - 1u)); } else { forward[at] = 0.0; }
  if (token + 1u < uniforms.length) { backward[at] = clip(decay_of(row, token + 1u)); } else { backward[at] = 0.0; }`;

/**
 * WGSL function: the gradient in the log decay of the token at a place, from the
 * gradients on arriving at its neighbours.
 */
const ARRIVALS_GRADIENT = /* wgsl */ `${CLIP}
fn decay_gradient(place: u32, token: u32, decay: f32) -> f32 {
  var sum = 0.0;
  if (is_clipped(decay)) { return sum; }
  if (token + 1u < uniforms.length) { sum += df[place + 1u]; }
  if (token > 0u) { sum += db[place - 1u]; }
  return sum;
}
`;

/** The gradient in a logit. */
const LOGIT_GRADIENT = /* wgsl */ `
  let head = at % uniforms.heads;
  let token = at / uniforms.heads % uniforms.length;
  let sequence = at / uniforms.heads / uniforms.length;
  let place = (sequence * uniforms.heads + head) * uniforms.length + token;
  dx[at] = select(-gradient_of(place, token, x[at]) * sigmoid(x[at]), 0.0, token == uniforms.kept);`;

/** Kernels from logits to log decays, and from those to the log decays of both directions. @module */
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { LOWEST_LOG_DECAY } from "../../../attention/decays/finite_decay.ts";
import { runElementwise } from "../../../tfjs/webgpu/elementwise.ts";
import type { FusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import { makeFloats } from "../../../tfjs/webgpu/program.ts";
import { isBelow } from "../frame/log_decays.ts";
import { elementwiseKernel } from "./elementwise_kernel.ts";
import { SIGMOID } from "./sigmoid.ts";

/**
 * WGSL function: log(1 + x) of a pack with 0 <= x <= 1, as 2 atanh(x / (2 + x)) by its power series, which
 * ends below the last bit. WGSL's `log` may be off by 5e-7 here, all that there
 * is of a decay close to 1.
 */
export const LOG_OF_ONE_PLUS = /* wgsl */ `
fn log_of_one_plus(x: Pack) -> Pack {
  let ratio = x / (2.0 + x);
  let square = ratio * ratio;
  var series = Pack(1.0 / 15.0);
  for (var odd = 13.0; odd > 0.0; odd -= 2.0) {
    series = series * square + 1.0 / odd;
  }
  return 2.0 * ratio * series;
}
`;

/** The kernel of log(sigmoid(x)). */
export const logSigmoid: FusedKernel<"x"> = elementwiseKernel(["x"], "y", {
  name: "log_sigmoid",
  functions: LOG_OF_ONE_PLUS,
  body: /* wgsl */ `  let logit = x[at];
  y[at] = min(logit, Pack()) - log_of_one_plus(exp(-abs(logit)));`,
});

/** The gradient kernel of log(sigmoid(x)): dx = dy sigmoid(-x). */
export const logSigmoidGradient: FusedKernel<"x" | "dy"> = elementwiseKernel(
  ["x", "dy"],
  "dx",
  {
    name: "log_sigmoid_gradient",
    functions: SIGMOID,
    body: /* wgsl */ `  dx[at] = dy[at] * sigmoid(-x[at]);`,
  },
);

interface TokenAttributes {
  /** The token that does not decay, or -1. */
  readonly kept: number;
}

/** What the programs of tokens' log decays have in common, of logits `[batch, length, heads]`. */
const ofLogits = (
  { shape: [, length, heads] }: TensorInfo,
  { kept }: TokenAttributes,
) => ({
  width: 1 as const,
  // No token has the number of tokens as its position.
  integers: { length: length!, heads: heads!, kept: kept < 0 ? length! : kept },
});

/** WGSL function: the log decay log(sigmoid(-x)) of a logit x. */
const LOG_DECAY = /* wgsl */ `${LOG_OF_ONE_PLUS}
fn log_decay(x: f32) -> f32 {
  return min(-x, 0.0) - log_of_one_plus(exp(-abs(x)));
}
`;

/** The kernel of log(sigmoid(-x)) of tokens' logits, `[batch, heads, length]`. */
export const tokenLogDecay: FusedKernel<"x", TokenAttributes> = (
  { backend, inputs: { x }, attributes },
) => {
  const [batch, length, heads] = x.shape as [number, number, number];
  const y = makeFloats(backend, [batch, heads, length]);
  runElementwise(backend, {
    name: "token_log_decay",
    ...ofLogits(x, attributes),
    reads: { x },
    writes: { y },
    functions: LOG_DECAY,
    body: /* wgsl */ `  let token = at % uniforms.length;
  let row = at / uniforms.length;
  let first = row / uniforms.heads * uniforms.length * uniforms.heads;
  let logit = x[first + token * uniforms.heads + row % uniforms.heads];
  y[at] = select(log_decay(logit), 0.0, token == uniforms.kept);`,
  });
  return [y];
};

/** The gradient kernel of {@linkcode tokenLogDecay}: dx = -dy sigmoid(x). */
export const tokenLogDecayGradient: FusedKernel<"x" | "dy", TokenAttributes> = (
  { backend, inputs: { x, dy }, attributes },
) => {
  const dx = makeFloats(backend, x.shape);
  runElementwise(backend, {
    name: "token_log_decay_gradient",
    ...ofLogits(x, attributes),
    reads: { x, dy },
    writes: { dx },
    functions: SIGMOID,
    body: /* wgsl */ `  let head = at % uniforms.heads;
  let row = at / uniforms.heads;
  let token = row % uniforms.length;
  let sequence = row / uniforms.length;
  let slope = dy[(sequence * uniforms.heads + head) * uniforms.length + token];
  dx[at] = select(-slope * sigmoid(x[at]), 0.0, token == uniforms.kept);`,
  });
  return [dx];
};

/** WGSL function: whether x lies below the lowest log decay. */
const IS_CLIPPED = isBelow("is_clipped", LOWEST_LOG_DECAY);

/** The same, and `clip(x)`, which is the lowest log decay instead of x where it does. */
const CLIP = /* wgsl */ `${IS_CLIPPED}
fn clip(x: f32) -> f32 { return select(x, uniforms.lowest, is_clipped(x)); }
`;

/** The kernel of log decays that are finite. */
export const finiteDecay: FusedKernel<"x"> = elementwiseKernel(["x"], "y", {
  name: "finite_decay",
  width: 1,
  floats: { lowest: LOWEST_LOG_DECAY },
  functions: CLIP,
  body: "  y[at] = clip(x[at]);",
});

/** The gradient kernel of {@linkcode finiteDecay}: 0 where x was clipped. */
export const finiteDecayGradient: FusedKernel<"x" | "dy"> = elementwiseKernel(
  ["x", "dy"],
  "dx",
  {
    name: "finite_decay_gradient",
    width: 1,
    functions: IS_CLIPPED,
    body: "  dx[at] = select(dy[at], 0.0, is_clipped(x[at]));",
  },
);

/** What the programs have in common. A token's neighbour may lie in another pack, so packs have one number. */
const ofNeighbours = ({ shape }: TensorInfo) => ({
  width: 1 as const,
  integers: { length: shape.at(-1)! },
  floats: { lowest: LOWEST_LOG_DECAY },
});

/** WGSL that declares the position of a token in its sequence. */
const POSITION = /* wgsl */ `  let position = at % uniforms.length;
  let is_first = position == 0u;
  let is_last = position == uniforms.length - 1u;`;

/**
 * The kernel of each direction's log decays, shifted by a token: on arriving at token
 * t, the forward state decays by that of t - 1, the backward state by that of t + 1.
 */
export const sourceDecay: FusedKernel<"logDecay"> = (
  { backend, inputs: { logDecay } },
) => {
  const make = () => makeFloats(backend, logDecay.shape);
  const [forward, backward] = [make(), make()];
  runElementwise(backend, {
    name: "source_decay",
    ...ofNeighbours(logDecay),
    reads: { logDecay },
    writes: { forward, backward },
    functions: CLIP,
    body: /* wgsl */ `${POSITION}
  if (is_first) { forward[at] = 0.0; } else { forward[at] = clip(logDecay[at - 1u]); }
  if (is_last) { backward[at] = 0.0; } else { backward[at] = clip(logDecay[at + 1u]); }`,
  });
  return [forward, backward];
};

/**
 * The gradient kernel of {@linkcode sourceDecay}: the sum of both directions'
 * gradients in a token's log decay, 0 where it was clipped.
 */
export const sourceDecayGradient: FusedKernel<"logDecay" | "df" | "db"> = (
  { backend, inputs: { logDecay, df, db } },
) => {
  const gradient = makeFloats(backend, logDecay.shape);
  runElementwise(backend, {
    name: "source_decay_gradient",
    ...ofNeighbours(logDecay),
    reads: { logDecay, df, db },
    writes: { gradient },
    functions: IS_CLIPPED,
    body: /* wgsl */ `${POSITION}
  var sum = 0.0;
  if (!is_clipped(logDecay[at])) {
    if (!is_last) { sum += df[at + 1u]; }
    if (!is_first) { sum += db[at - 1u]; }
  }
  gradient[at] = sum;`,
  });
  return [gradient];
};

/** The kernel of both directions' log decays on arriving at each token, of its neighbours' logits. */
export const tokenDecays: FusedKernel<"x", TokenAttributes> = (
  { backend, inputs: { x }, attributes },
) => {
  const [batch, length, heads] = x.shape as [number, number, number];
  const make = () => makeFloats(backend, [batch, heads, length]);
  const [forward, backward] = [make(), make()];
  runElementwise(backend, {
    name: "token_decays",
    ...ofLogits(x, attributes),
    floats: { lowest: LOWEST_LOG_DECAY },
    reads: { x },
    writes: { forward, backward },
    functions: /* wgsl */ `${LOG_DECAY}${CLIP}
fn arriving(first: u32, token: u32) -> f32 {
  let decay = clip(log_decay(x[first + token * uniforms.heads]));
  return select(decay, 0.0, token == uniforms.kept);
}
`,
    body: /* wgsl */ `${POSITION}
  let row = at / uniforms.length;
  let first = row / uniforms.heads * uniforms.length * uniforms.heads + row % uniforms.heads;
  if (is_first) { forward[at] = 0.0; } else { forward[at] = arriving(first, position - 1u); }
  if (is_last) { backward[at] = 0.0; } else { backward[at] = arriving(first, position + 1u); }`,
  });
  return [forward, backward];
};

/**
 * The gradient kernel of {@linkcode tokenDecays}: what {@linkcode sourceDecayGradient}
 * and {@linkcode tokenLogDecayGradient} do one after the other.
 */
export const tokenDecaysGradient: FusedKernel<
  "x" | "df" | "db",
  TokenAttributes
> = ({ backend, inputs: { x, df, db }, attributes }) => {
  const dx = makeFloats(backend, x.shape);
  runElementwise(backend, {
    name: "token_decays_gradient",
    ...ofLogits(x, attributes),
    reads: { x, df, db },
    writes: { dx },
    functions: LOG_DECAY + IS_CLIPPED + SIGMOID,
    body: /* wgsl */ `  let head = at % uniforms.heads;
  let row = at / uniforms.heads;
  let token = row % uniforms.length;
  let place = (row / uniforms.length * uniforms.heads + head) * uniforms.length + token;
  var slope = 0.0;
  if (!is_clipped(log_decay(x[at]))) {
    if (token + 1u < uniforms.length) { slope += df[place + 1u]; }
    if (token > 0u) { slope += db[place - 1u]; }
  }
  dx[at] = select(-slope * sigmoid(x[at]), 0.0, token == uniforms.kept);`,
  });
  return [dx];
};

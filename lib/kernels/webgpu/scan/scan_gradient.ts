/**
 * The programs of the selective scan's backward pass. With g the gradient in the
 * state h after a token,
 *
 *     g = c dy + e' g' of the token after it     dc = h dy, db = g Δ x
 *     w = e^{Δ a} h_{t-1} g                      dΔ = a · w + x (g · b)
 *     da = Σ Δ w                                 dx = Δ (g · b) + d dy
 *
 * db and dc are sums over channels; each workgroup writes its part of them.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { ElementwiseProgram } from "../../../tfjs/webgpu/elementwise.ts";
import { sizeOf } from "../../../tfjs/kernel_call.ts";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  chunkProgram,
  FUNCTIONS,
  PLACE,
  quadOf,
  type ScanSizes,
  THREADS,
  WRITE_STEPS,
} from "./scan.ts";
import {
  alongChannels,
  type ScanGates,
  type ScanInputs,
  skipped,
} from "./scan_forward.ts";

/**
 * The program of the gradients in y before its gate, `slope`, and in the gate z.
 *
 * @param reads The scan's output before skip connection and gate, their inputs, and dy.
 */
export function gateGradientsProgram(
  { scanned, x, d, z, dy }:
    & Pick<ScanGates, "d">
    & Readonly<Record<"scanned" | "x" | "z" | "dy", tf.TensorInfo>>,
  writes: Readonly<Record<"slope" | "dz", tf.TensorInfo>>,
): ElementwiseProgram {
  return {
    ...alongChannels(x),
    name: "scan_gate_gradients",
    variants: d ? ["d"] : [],
    reads: { scanned, x, z, dy, d },
    writes,
    body: /* wgsl */ `
  let whole = ${skipped(d)};
  let gate = sigmoid(z[at]);
  let silu = z[at] * gate;
  slope[at] = dy[at] * silu;
  dz[at] = dy[at] * whole * (gate + silu * (1.0 - gate));`,
  };
}

/**
 * The program that packs x, Δ, dy and d dy of each channel side by side, so that
 * they take one binding.
 */
export function scanRowsProgram(
  { x, dt, dy, d }:
    & Pick<ScanGates, "d">
    & Readonly<Record<"x" | "dt" | "dy", tf.TensorInfo>>,
  rows: tf.TensorInfo,
): ElementwiseProgram {
  return {
    name: "scan_rows",
    variants: d ? ["d"] : [],
    width: 1,
    elements: { rows: "vec4f" },
    reads: { x, dt, dy, d },
    writes: { rows },
    integers: { packs: sizeOf(x), row: x.shape[2]! },
    body: /* wgsl */ `
  rows[at] = vec4f(x[at], dt[at], dy[at], ${
      d ? "d[at % uniforms.row] * dy[at]" : "0.0"
    });`,
  };
}

/**
 * The program that packs each token's b and c in quads side by side, with whether
 * the state is reset before it.
 */
export function tokensProgram(
  { b, c, begins }: Pick<ScanInputs, "b" | "c" | "begins">,
  tokens: tf.TensorInfo,
  { quads, stateDim }: ScanSizes,
): ElementwiseProgram {
  return {
    name: "scan_tokens",
    variants: begins ? ["begins"] : [],
    width: 1,
    elements: { tokens: "vec4f" },
    reads: { b, c, begins },
    writes: { tokens },
    integers: { packs: sizeOf(tokens) / 4, quads, stateDim },
    functions: quadOf("b_of", "b") + quadOf("c_of", "c"),
    body: /* wgsl */ `
  let token = at / (2u * uniforms.quads + 1u);
  let part = at % (2u * uniforms.quads + 1u);
  if (part < uniforms.quads) {
    tokens[at] = b_of(token, part);
  } else if (part < 2u * uniforms.quads) {
    tokens[at] = c_of(token, part - uniforms.quads);
  } else {
    tokens[at] = vec4f(${begins ? "begins[token]" : "0.0"});
  }`,
  };
}

/** WGSL functions that read the records written by {@linkcode tokensProgram}. */
const TOKENS = /* wgsl */ `
fn part_of(token: u32, part: u32) -> vec4f {
  return tokens[token * (2u * uniforms.quads + 1u) + part];
}

fn begins_at(token: u32) -> bool {
  return part_of(token, 2u * uniforms.quads).x != 0.0;
}
fn step_of(token: u32, channel: u32) -> f32 { return rows[token * uniforms.channels + channel].y; }
`;

type Packed = Readonly<Record<"rows" | "tokens" | "a", tf.TensorInfo>>;

/**
 * The program of each chunk's own part of the gradient in the state before it, as
 * if no chunk followed, and of the sum of its time steps.
 */
export function gradientSummaryProgram(
  { rows, tokens, a }: Packed,
  writes: Readonly<Record<"carried" | "steps", tf.TensorInfo>>,
  sizes: ScanSizes,
): Program {
  return {
    ...chunkProgram(sizes),
    name: "scan_gradient_summary",
    elements: { rows: "vec4f", tokens: "vec4f", carried: "vec4f" },
    reads: { rows, tokens, a },
    writes,
    functions: FUNCTIONS + TOKENS,
    body: /* wgsl */ `${PLACE}
  if (channel >= uniforms.channels) { return; }
  for (var quad = 0u; quad < uniforms.quads; quad++) {
    let rate = rate_of(channel, quad);
    var gradient = vec4f();
    for (var i = count; i > 0u; i--) {
      let token = token_at(entry, first + i - 1u);
      let row = rows[token * uniforms.channels + channel];
      let kept = select(exp(row.y * rate), vec4f(), begins_at(token));
      gradient = kept * (gradient + row.z * part_of(token, uniforms.quads + quad));
    }
    carried[record_of(entry, chunk, quad, channel)] = gradient;
  }${WRITE_STEPS}`,
  };
}

/** The number of tokens whose parts of db and dc a workgroup adds up at a time. */
const AT_ONCE = 4;
/** The number of threads that share one sum of db or dc. */
const TEAM = THREADS / (2 * AT_ONCE);

/**
 * The program of all gradients but the gate's. In `carried`, the gradients in the
 * states after each chunk are replaced by the chunk's part of da.
 *
 * @param writes `dx` and `ddt`; `parts`, quads of db and dc for each block of channels.
 */
export function gradientsProgram(
  { rows, tokens, a, states }:
    & Packed
    & Readonly<Record<"states", tf.TensorInfo>>,
  writes: Readonly<Record<"dx" | "ddt" | "parts" | "carried", tf.TensorInfo>>,
  sizes: ScanSizes,
): Program {
  const common = chunkProgram(sizes);
  return {
    ...common,
    name: "scan_gradients",
    elements: {
      ...{ rows: "vec4f", tokens: "vec4f", states: "vec4f" },
      ...{ parts: "vec4f", carried: "vec4f" },
    },
    reads: { rows, tokens, a, states },
    writes,
    constants: { ...common.constants, AT_ONCE, TEAM },
    integers: { ...common.integers, tokensOfAll: sizes.batch * sizes.length },
    functions: /* wgsl */ `${FUNCTIONS}${TOKENS}
var<workgroup> shares: array<vec4f, 2u * AT_ONCE * THREADS>;
var<workgroup> sums: array<vec4f, THREADS>;
`,
    body: /* wgsl */ `${PLACE}
  let is_there = channel < uniforms.channels;
  var trail = array<vec4f, CHUNK>();
  var decays = array<vec4f, CHUNK>();
  var read = array<f32, CHUNK>();
  var paid = array<f32, CHUNK>();
  for (var quad = 0u; quad < uniforms.quads; quad++) {
    // Of b and c each token's part, in the place of its state and decay.
    if (is_there) {
      let rate = rate_of(channel, quad);
      let record = record_of(entry, chunk, quad, channel);
      var state = states[record];
      for (var i = 0u; i < count; i++) {
        let token = token_at(entry, first + i);
        let row = rows[token * uniforms.channels + channel];
        trail[i] = state;
        decays[i] = select(exp(row.y * rate), vec4f(), begins_at(token));
        state = decays[i] * state + row.x * row.y * part_of(token, quad);
      }
      var gradient = carried[record];
      var slope = vec4f();
      for (var left = count; left > 0u; left--) {
        let i = left - 1u;
        let token = token_at(entry, first + i);
        let row = rows[token * uniforms.channels + channel];
        let b = part_of(token, quad);
        gradient += row.z * part_of(token, uniforms.quads + quad);
        let kept = decays[i] * gradient;
        let weighed = kept * trail[i];
        read[i] += dot(gradient, b);
        paid[i] += dot(weighed, rate);
        slope += row.y * weighed;
        let of_c = row.z * (decays[i] * trail[i] + row.x * row.y * b);
        trail[i] = row.x * row.y * gradient;
        decays[i] = of_c;
        gradient = kept;
      }
      carried[record] = slope;
    }
    for (var from_token = 0u; from_token < count; from_token += AT_ONCE) {
      for (var i = 0u; i < AT_ONCE; i++) {
        let at = from_token + i;
        let is_token = is_there && at < count;
        shares[2u * i * THREADS + local] = select(vec4f(), trail[min(at, CHUNK - 1u)], is_token);
        shares[(2u * i + 1u) * THREADS + local] = select(vec4f(), decays[min(at, CHUNK - 1u)], is_token);
      }
      workgroupBarrier();
      let team = local / TEAM;
      var sum = vec4f();
      for (var i = local % TEAM; i < THREADS; i += TEAM) {
        sum += shares[team * THREADS + i];
      }
      sums[local] = sum;
      workgroupBarrier();
      let at = from_token + local / 2u;
      if (local < 2u * AT_ONCE && at < count) {
        var whole = vec4f();
        for (var i = 0u; i < TEAM; i++) { whole += sums[local * TEAM + i]; }
        let token = token_at(entry, first + at);
        let part = local % 2u * uniforms.quads + quad;
        parts[(block * uniforms.tokensOfAll + token) * 2u * uniforms.quads + part] = whole;
      }
    }
  }
  if (is_there) {
    for (var i = 0u; i < count; i++) {
      let at = token_at(entry, first + i) * uniforms.channels + channel;
      let row = rows[at];
      dx[at] = read[i] * row.y + row.w;
      ddt[at] = paid[i] + read[i] * row.x;
    }
  }`,
  };
}

/** The program that unpacks db and dc from quads. */
export function unpackTokensProgram(
  sums: tf.TensorInfo,
  writes: Readonly<Record<"db" | "dc", tf.TensorInfo>>,
  { quads, stateDim }: ScanSizes,
): ElementwiseProgram {
  return {
    name: "scan_unpack_tokens",
    width: 1,
    reads: { sums },
    writes,
    integers: { quads, stateDim },
    body: /* wgsl */ `
  let first = at / uniforms.stateDim * 8u * uniforms.quads;
  let n = at % uniforms.stateDim;
  db[at] = sums[first + n];
  dc[at] = sums[first + 4u * uniforms.quads + n];`,
  };
}

/** The program that unpacks da from quads. */
export function unpackRatesProgram(
  sums: tf.TensorInfo,
  da: tf.TensorInfo,
  { channels, stateDim }: ScanSizes,
): ElementwiseProgram {
  return {
    name: "scan_unpack_rates",
    width: 1,
    reads: { sums },
    writes: { da },
    integers: { channels, stateDim },
    body: /* wgsl */ `
  let channel = at / uniforms.stateDim;
  let n = at % uniforms.stateDim;
  da[at] = sums[(n / 4u * uniforms.channels + channel) * 4u + n % 4u];`,
  };
}

/** The program of the products x dy, whose sum is dd. */
export function skipsProgram(
  { x, dy }: Readonly<Record<"x" | "dy", tf.TensorInfo>>,
  products: tf.TensorInfo,
): ElementwiseProgram {
  return {
    name: "scan_skips",
    reads: { x, dy },
    writes: { products },
    body: /* wgsl */ `
  products[at] = x[at] * dy[at];`,
  };
}

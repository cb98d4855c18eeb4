/**
 * The launches of the selective scan's backward pass. With g the gradient in the
 * state h after a token,
 *
 *     g = c dy + e' g' of the token after it     dc = h dy, db = g Δ x
 *     w = e^{Δ a} h_{t-1} g                      dΔ = a · w + x (g · b)
 *     da = Σ Δ w                                 dx = Δ (g · b) + d dy
 *
 * db and dc are sums over channels; each workgroup writes its part of them. So that each
 * takes one binding, `rows` has x, Δ, dy and d dy of each channel side by side, and
 * `tokens` has each token's b and c in vectors of four, and then whether the state is reset
 * before the token.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "@lionjs/tfjs/webgpu";
import {
  chunkProgram,
  FUNCTIONS,
  PLACE,
  type ScanSizes,
  THREADS,
  WRITE_STEPS,
} from "./scan.ts";

/** WGSL functions that read `rows` and `tokens`. */
const TOKENS = /* wgsl */ `
fn part_of(token: u32, part: u32) -> vec4f {
  return tokens[token * (2u * uniforms.vecs + 1u) + part];
}

fn begins_at(token: u32) -> bool {
  return part_of(token, 2u * uniforms.vecs).x != 0.0;
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
  return chunkProgram(sizes, {
    name: "scan_gradient_summary",
    reads: { rows, tokens, a },
    writes,
    functions: FUNCTIONS + TOKENS,
    body: /* wgsl */ `${PLACE}
  if (channel >= uniforms.channels) { return; }
  for (var vec = 0u; vec < uniforms.vecs; vec++) {
    let rate = read_a(channel, vec);
    var gradient = vec4f();
    for (var i = count; i > 0u; i--) {
      let token = token_at(entry, first + i - 1u);
      let row = rows[token * uniforms.channels + channel];
      let kept = select(exp(row.y * rate), vec4f(), begins_at(token));
      gradient = kept * (gradient + row.z * part_of(token, uniforms.vecs + vec));
    }
    carried[record_of(entry, chunk, vec, channel)] = gradient;
  }${WRITE_STEPS}`,
  });
}

/** The number of tokens whose parts of db and dc a workgroup adds up at a time. */
const AT_ONCE = 4;
/** The number of threads that share one sum of db or dc. */
const TEAM = THREADS / (2 * AT_ONCE);

/**
 * The program of all gradients but the gate's. In `carried`, the gradients in the
 * states after each chunk are replaced by the chunk's part of da.
 *
 * @param writes `dx` and `ddt`; `parts`, with db and dc in vectors of four for each block of
 * channels.
 */
export function gradientsProgram(
  { rows, tokens, a, states }:
    & Packed
    & Readonly<Record<"states", tf.TensorInfo>>,
  writes: Readonly<Record<"dx" | "ddt" | "parts" | "carried", tf.TensorInfo>>,
  sizes: ScanSizes,
): Program {
  return chunkProgram(sizes, {
    name: "scan_gradients",
    reads: { rows, tokens, a, states },
    writes,
    constants: { AT_ONCE, TEAM },
    integers: { tokensOfAll: sizes.batch * sizes.length },
    functions: /* wgsl */ `${FUNCTIONS}${TOKENS}
var<workgroup> shares: array<vec4f, 2u * AT_ONCE * THREADS>;
var<workgroup> sums: array<vec4f, THREADS>;
`,
    body: /* wgsl */ `${PLACE}
  let is_there = channel < uniforms.channels;
  var trail = array<vec4f, CHUNK>();
  var decays = array<vec4f, CHUNK>();
  var read = array<f32, CHUNK>();
  var of_decay = array<f32, CHUNK>();
  for (var vec = 0u; vec < uniforms.vecs; vec++) {
    // The token's part of db and dc takes the place of its state and decay.
    if (is_there) {
      let rate = read_a(channel, vec);
      let record = record_of(entry, chunk, vec, channel);
      var state = states[record];
      for (var i = 0u; i < count; i++) {
        let token = token_at(entry, first + i);
        let row = rows[token * uniforms.channels + channel];
        trail[i] = state;
        decays[i] = select(exp(row.y * rate), vec4f(), begins_at(token));
        state = decays[i] * state + row.x * row.y * part_of(token, vec);
      }
      var gradient = carried[record];
      var rate_gradient = vec4f();
      for (var left = count; left > 0u; left--) {
        let i = left - 1u;
        let token = token_at(entry, first + i);
        let row = rows[token * uniforms.channels + channel];
        let b = part_of(token, vec);
        gradient += row.z * part_of(token, uniforms.vecs + vec);
        let kept = decays[i] * gradient;
        let weighed = kept * trail[i];
        read[i] += dot(gradient, b);
        of_decay[i] += dot(weighed, rate);
        rate_gradient += row.y * weighed;
        let of_c = row.z * (decays[i] * trail[i] + row.x * row.y * b);
        trail[i] = row.x * row.y * gradient;
        decays[i] = of_c;
        gradient = kept;
      }
      carried[record] = rate_gradient;
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
        let part = local % 2u * uniforms.vecs + vec;
        parts[(block * uniforms.tokensOfAll + token) * 2u * uniforms.vecs + part] = whole;
      }
    }
  }
  if (is_there) {
    for (var i = 0u; i < count; i++) {
      let at = token_at(entry, first + i) * uniforms.channels + channel;
      let row = rows[at];
      dx[at] = read[i] * row.y + row.w;
      ddt[at] = of_decay[i] + read[i] * row.x;
    }
  }`,
  });
}

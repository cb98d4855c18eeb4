/**
 * The mask of a chunk, from the log decays of its tokens.
 *
 * Every exponent is the sum of the log decays on one path, added up along it.
 * None is a difference of sums: beside a log decay of -10000 that would lose
 * all digits of the others. All terms have one sign, so nothing cancels.
 *
 * @module
 */
import type { Constants } from "@lionjs/tfjs/webgpu";
import { LOG_DECAYS_BEHIND } from "../frame/cotangents.ts";

/**
 * A mask of log decays: f, applied on arriving from the left, and b, on arriving from the
 * right. One of its triangles is zero if it is causal.
 */
export interface Mask {
  /** Whether a token reads only itself and the tokens before it, so that there is no b. */
  readonly causal: boolean;
  /**
   * Whether readers and sources are exchanged, as the gradients of k and v need: what was
   * applied on arriving from the right at i - 1 is then applied on arriving from the left
   * at i.
   */
  readonly transposed: boolean;
  /**
   * Whether the log decays are read where they lie behind the cotangents
   * (`cotangents.ts`), and not in buffers of their own.
   */
  readonly behindCotangents: boolean;
}

/**
 * The mask of a problem's decays. Nothing decays where it is `null`: then there is one
 * state, of all tokens.
 *
 * @param decays Whether decays come with it, of zero too.
 * @param causal Whether a token reads only itself and the tokens before it.
 */
export function maskFor(decays: boolean, causal: boolean): Mask | null {
  return decays ? { causal, transposed: false, behindCotangents: false } : null;
}

/** Names a mask in a key. */
export function maskKey(mask: Mask | null): string {
  if (mask === null) return "maskless";
  const names = (["causal", "transposed", "behindCotangents"] as const)
    .filter((name) => mask[name]);
  return ["mask", ...names].join(".");
}

/** The inputs that a mask's log decays are. */
export function logDecaysOf({ causal }: Pick<Mask, "causal">): ("f" | "b")[] {
  return causal ? ["f"] : ["f", "b"];
}

/** The inputs that a program binds for a mask's log decays. */
export function decayInputs(mask: Mask | null): ("f" | "b")[] {
  return mask && !mask.behindCotangents ? logDecaysOf(mask) : [];
}

/** The number of a mask's sides; without decays there is one. */
export function directionsOf(mask: Mask | null): number {
  return mask && !mask.causal ? 2 : 1;
}

/** The constants of a mask's text: the sides on which there is something to read. */
export function maskConstants(mask: Mask | null): Constants {
  return {
    DECAYS: mask !== null,
    BEFORE: !(mask?.causal && mask.transposed),
    AFTER: mask !== null && (mask.transposed || !mask.causal),
    DIRECTIONS: directionsOf(mask),
    TRANSPOSED_MASK: mask?.transposed ?? false,
  };
}

/** WGSL functions `log_f(token) -> f32` and `log_b`, the log decays of a mask. */
export function logDecays(mask: Mask | null): string {
  const read = (name: "f" | "b") => {
    if (!mask || !logDecaysOf(mask).includes(name)) return "0.0";
    if (!mask.behindCotangents) return `${name}[token]`;
    return `log_decay_behind(${name === "f" ? "" : "uniforms.tokens + "}token)`;
  };
  return /* wgsl */ `${mask?.behindCotangents ? LOG_DECAYS_BEHIND : ""}
fn log_f(token: u32) -> f32 { return ${read("f")}; }
fn log_b(token: u32) -> f32 { return ${read("b")}; }
`;
}

/**
 * WGSL function `arrivals(base, t) -> vec2f`: the log decays on the step to token t
 * from the left and from the right.
 */
export function arrivals(mask: Mask | null): string {
  return logDecays(mask) + ARRIVALS;
}

const ARRIVALS = /* wgsl */ `
// The log decays of token t of the sequence that begins at \`base\`, on arriving from the
// left and from the right. No token arrives at the first from the left, nor at the last
// from the right.
fn arrivals(base: u32, t: u32) -> vec2f {
  let last = uniforms.length - 1u;
  var sides = vec2f();
  if (TRANSPOSED_MASK) {
    sides = vec2f(log_b(base + min(max(t, 1u) - 1u, last)), log_f(base + min(t + 1u, last)));
  } else {
    let token = base + min(t, last);
    sides = vec2f(log_f(token), log_b(token));
  }
  return select(vec2f(), sides, vec2<bool>(t > 0u, t < last));
}
`;

/** Bytes of workgroup memory for a mask: the log decays of both sides, and its weights. */
export function maskBytes(paddedTokens: number): number {
  return paddedTokens * (2 * 5 + 2 * 2 * 4 + 4 * 4);
}

/** The log decays of a chunk of at most TOKENS tokens, and the decay along a path. */
export const DECAYS = /* wgsl */ `
// The log decays on the step to a token from the left (x) and from the right (y), and sums over
// four tokens.
var<workgroup> decays: array<vec2f, TOKENS>;
var<workgroup> decays_of_four: array<vec2f, TOKENS / 4u>;

// The sum over the tokens start <= t < end of the chunk.
fn path(start: u32, end: u32) -> vec2f {
  var sum = vec2f();
  var t = start;
  for (; t < end && t % 4u != 0u; t++) { sum += decays[t]; }
  for (; t + 4u <= end; t += 4u) { sum += decays_of_four[t / 4u]; }
  for (; t < end; t++) { sum += decays[t]; }
  return sum;
}

// Log factors of what token i reads of the states that reach the chunk, of what token j
// adds to those that leave it, and of the states that pass it.
fn from_start(i: u32, count: u32) -> vec2f { return vec2f(path(0u, i + 1u).x, path(i, count).y); }
fn to_end(j: u32, count: u32) -> vec2f { return vec2f(path(j + 1u, count).x, path(0u, j).y); }
`;

/** Loads the log decays of the chunk that begins with token `first` of its sequence. */
export const LOAD_DECAYS = /* wgsl */ `
fn load_decays(base: u32, first: u32, count: u32, thread: u32) {
  for (var i = thread; i < TOKENS; i += THREADS) {
    decays[i] = select(vec2f(), arrivals(base, first + i), i < count);
  }
  workgroupBarrier();
  for (var i = thread; i < TOKENS / 4u; i += THREADS) {
    decays_of_four[i] = (decays[4u * i] + decays[4u * i + 1u]) + (decays[4u * i + 2u] + decays[4u * i + 3u]);
  }
  workgroupBarrier();
}
`;

/**
 * The mask's entries for four readers and four sources.
 *
 * Off the diagonal, an entry is the product of the decays from the source to the end
 * of its block, through the blocks between, and from there to the reader: no
 * factor is above 1, so none underflows unless the product does. Each side is an entry
 * of an array, so that threads on both sides of the diagonal take the same way.
 */
export const WEIGHTS = /* wgsl */ `
var<workgroup> to_reader: array<array<vec4f, TOKENS / 4u>, 2>;
var<workgroup> from_source: array<array<vec4f, TOKENS / 4u>, 2>;
var<workgroup> diagonal: array<mat4x4f, TOKENS / 4u>;

// Vector r has the row of reader 4 row_block + r.
fn weights(row_block: u32, column_block: u32) -> mat4x4f {
  if (row_block == column_block) { return diagonal[row_block]; }
  let side = select(0u, 1u, column_block > row_block);
  var between = 0.0;
  for (var block = min(row_block, column_block) + 1u; block < max(row_block, column_block); block++) {
    between += decays_of_four[block][side];
  }
  let reader = exp(between) * to_reader[side][row_block];
  let source = from_source[side][column_block];
  return mat4x4f(reader.x * source, reader.y * source, reader.z * source, reader.w * source);
}

// On a side that the mask leaves out, all is zero.
fn left_to_right(log_decay: f32) -> f32 { return select(0.0, exp(log_decay), BEFORE); }
fn right_to_left(log_decay: f32) -> f32 { return select(0.0, exp(log_decay), AFTER); }

fn load_weights(thread: u32) {
  for (var i = thread; i < TOKENS / 4u; i += THREADS) {
    let d0 = decays[4u * i];
    let d1 = decays[4u * i + 1u];
    let d2 = decays[4u * i + 2u];
    let d3 = decays[4u * i + 3u];
    if (BEFORE) {
      to_reader[0][i] = exp(vec4f(d0.x, d0.x + d1.x, d0.x + d1.x + d2.x, d0.x + d1.x + d2.x + d3.x));
      from_source[0][i] = exp(vec4f(d1.x + d2.x + d3.x, d2.x + d3.x, d3.x, 0.0));
    }
    if (AFTER) {
      to_reader[1][i] = exp(vec4f(d0.y + d1.y + d2.y + d3.y, d1.y + d2.y + d3.y, d2.y + d3.y, d3.y));
      from_source[1][i] = exp(vec4f(0.0, d0.y, d0.y + d1.y, d0.y + d1.y + d2.y));
    }
    diagonal[i] = mat4x4f(
      vec4f(1.0, right_to_left(d0.y), right_to_left(d0.y + d1.y), right_to_left(d0.y + d1.y + d2.y)),
      vec4f(left_to_right(d1.x), 1.0, right_to_left(d1.y), right_to_left(d1.y + d2.y)),
      vec4f(left_to_right(d1.x + d2.x), left_to_right(d2.x), 1.0, right_to_left(d2.y)),
      vec4f(left_to_right(d1.x + d2.x + d3.x), left_to_right(d2.x + d3.x), left_to_right(d3.x), 1.0),
    );
  }
  workgroupBarrier();
}
`;

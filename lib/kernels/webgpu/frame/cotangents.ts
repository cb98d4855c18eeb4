/**
 * The gradient of the loss in the sums that attention divides,
 *
 *     g_i = s [dy_i / D_i, -(dy_i · y_i) / D_i],   D_i = row sum + ε
 *
 * where the row sum is one more column of y; without normalisation, s [dy_i, 0].
 *
 * Behind the vectors of all tokens lie the log decays of all tokens, first those of f
 * and then those of b: shaders that read g read the decays there, so that three inputs
 * take one binding, and none of them binds more than the eight that WebGPU guarantees.
 *
 * @module
 */
import {
  JOINED_HEADS,
  type Launch,
  type ProblemProgram,
} from "./attention_call.ts";
import { type Dims, VECS, vecsOf, type Vectors } from "./vectors.ts";

/** The vectors g, gradients in the sums of y and in the row sum. */
export const COTANGENTS: Vectors = { name: "g", columns: "sum", half: false };

const THREADS = 64;

/** The log decays of a direction, by the name of their input. */
type LogDecays = "f" | "b";

/**
 * The numbers in the buffer of the vectors g, which have a multiple of four columns.
 *
 * @param tokens Tokens of all sequences.
 * @param directions How many of f and b there are.
 */
export function cotangentNumbers(
  tokens: number,
  dims: Dims,
  directions: number,
): number {
  const decays = Math.ceil(directions * tokens / 4);
  return 4 * (tokens * vecsOf(COTANGENTS.columns, dims) + decays);
}

/** WGSL function that reads a number behind the vectors g: a token's f, or after those of all tokens its b. */
export const LOG_DECAYS_BEHIND = /* wgsl */ `
fn log_decay_behind(at: u32) -> f32 { return g[uniforms.tokens * sum_vecs() + at / 4u][at % 4u]; }
`;

/**
 * The program that writes the vectors g, and the log decays behind them, one token per
 * thread.
 */
export function cotangentsProgram(
  decays: readonly LogDecays[],
  launch: Launch,
): ProblemProgram {
  const decay = (name: LogDecays) =>
    decays.includes(name) ? `${name}[token]` : "0.0";
  return {
    name: "cotangents",
    constants: { F: decays.includes("f"), B: decays.includes("b") },
    reads: ["dy", "y", "rowSums", ...decays],
    writes: ["g"],
    threads: THREADS,
    workgroups: [Math.ceil(launch.length / THREADS), launch.sequences],
    functions: /* wgsl */ `${VECS}${JOINED_HEADS}
fn log_f(token: u32) -> f32 { return ${decay("f")}; }
fn log_b(token: u32) -> f32 { return ${decay("b")}; }
`,
    body: COTANGENTS_OF_TOKEN,
  };
}

const COTANGENTS_OF_TOKEN = /* wgsl */ `
  let t = group.x * THREADS + local;
  if (t >= uniforms.length) { return; }
  let token = (uniforms.firstSequence + group.y) * uniforms.length + t;
  let normalize = uniforms.normalize == 1u;
  let place = joined_heads_at(token) * uniforms.valueDim;
  let factor = uniforms.scale / select(1.0, rowSums[token] + uniforms.epsilon, normalize);
  let padded = sum_vecs() * 4u;
  var product = 0.0;
  for (var i = 0u; i < uniforms.valueDim; i++) {
    let gradient = factor * dy[place + i];
    product += gradient * y[place + i];
    g[token * padded + i] = gradient;
  }
  g[token * padded + uniforms.valueDim] = select(0.0, -product, normalize);
  for (var i = uniforms.valueDim + 1u; i < padded; i++) { g[token * padded + i] = 0.0; }
  let behind = uniforms.tokens * padded + token;
  if (F) { g[behind] = log_f(token); }
  if (B) { g[behind + uniforms.tokens] = log_b(token); }`;

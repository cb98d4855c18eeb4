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
  input,
  keyOf,
  output,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { declare, JOINED, type Launch } from "./problem.ts";
import { type Dims, QUADS, quadsOf, type Vectors } from "./vectors.ts";

/** The vectors g, gradients in the sums of y and in the row sum. */
export const COTANGENTS: Vectors = { name: "g", columns: "sum", half: false };

const THREADS = 64;

/** The log decays of a direction, by the name of their input. */
export type LogDecays = "f" | "b";

/**
 * The numbers in the buffer of the vectors g, in whole quads.
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
  return 4 * (tokens * quadsOf(COTANGENTS.columns, dims) + decays);
}

/** WGSL of the place of a token's log decay among the numbers behind the vectors g. */
const placeOf = (name: LogDecays, token: string) =>
  name === "f" ? token : `problem.tokens + ${token}`;

/** WGSL function `log_<name>(token) -> f32`, which reads a log decay behind the vectors g. */
export function readingLogDecay(name: LogDecays): string {
  return /* wgsl */ `fn log_${name}(token: u32) -> f32 {
  let at = ${placeOf(name, "token")};
  return ${COTANGENTS.name}[problem.tokens * sum_quads() + at / 4u][at % 4u];
}`;
}

/**
 * The shader that writes the vectors g, and the log decays behind them, one token per
 * thread.
 */
export function cotangentsShader(
  decays: readonly LogDecays[],
  { length, sequences }: Launch,
): Shader {
  const bindings = [
    input("dy", "f32"),
    input("y", "f32"),
    input("rowSums", "f32"),
    ...decays.map((name) => input(name, "f32")),
    output("g", "f32"),
  ];
  return {
    key: keyOf("cotangents", ...decays),
    bindings,
    dispatch: [Math.ceil(length / THREADS), sequences, 1],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}${JOINED}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= problem.length) { return; }
  let token = (problem.firstSequence + id.y) * problem.length + id.x;
  let normalize = problem.normalize == 1u;
  let place = joined(token) * problem.valueDim;
  let factor = problem.scale / select(1.0, rowSums[token] + problem.epsilon, normalize);
  let padded = sum_quads() * 4u;
  var product = 0.0;
  for (var i = 0u; i < problem.valueDim; i++) {
    let gradient = factor * dy[place + i];
    product += gradient * y[place + i];
    g[token * padded + i] = gradient;
  }
  g[token * padded + problem.valueDim] = select(0.0, -product, normalize);
  for (var i = problem.valueDim + 1u; i < padded; i++) { g[token * padded + i] = 0.0; }
${
        decays.map((name) =>
          `  g[problem.tokens * padded + ${
            placeOf(name, "token")
          }] = ${name}[token];\n`
        ).join("")
      }}
`,
  };
}

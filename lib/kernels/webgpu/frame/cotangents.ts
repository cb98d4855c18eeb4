/**
 * The gradient of the loss in the sums that attention divides,
 *
 *     g_i = s [dy_i / D_i, -(dy_i · y_i) / D_i],   D_i = row sum + ε
 *
 * where the row sum is one more column of y; without normalisation, s [dy_i, 0].
 *
 * @module
 */
import {
  input,
  keyOf,
  output,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { declare, type Launch } from "./problem.ts";
import { QUADS, type Vectors } from "./vectors.ts";

/** The vectors g, gradients in the sums of y and in the row sum. */
export const COTANGENTS: Vectors = { name: "g", columns: "sum", half: false };

const THREADS = 64;

/** The shader that writes the vectors g, one token per thread. */
export function cotangentsShader(
  { length, sequences }: Launch,
): Shader {
  const bindings = [
    input("dy", "f32"),
    input("y", "f32"),
    input("rowSums", "f32"),
    output("g", "f32"),
  ];
  return {
    key: keyOf("cotangents"),
    bindings,
    dispatch: [Math.ceil(length / THREADS), sequences, 1],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= problem.length) { return; }
  let token = (problem.firstSequence + id.y) * problem.length + id.x;
  let normalize = problem.normalize == 1u;
  let factor = problem.scale / select(1.0, rowSums[token] + problem.epsilon, normalize);
  let padded = sum_quads() * 4u;
  var product = 0.0;
  for (var i = 0u; i < problem.valueDim; i++) {
    let gradient = factor * dy[token * problem.valueDim + i];
    product += gradient * y[token * problem.valueDim + i];
    g[token * padded + i] = gradient;
  }
  g[token * padded + problem.valueDim] = select(0.0, -product, normalize);
  for (var i = problem.valueDim + 1u; i < padded; i++) { g[token * padded + i] = 0.0; }
}
`,
  };
}

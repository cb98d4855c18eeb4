/**
 * Copies vectors to whole quads, in 32 bits or rounded to 16: numbers above
 * 65504 then become infinite.
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
import { bindingOf, QUADS, quadsOf, type Vectors } from "./vectors.ts";

const THREADS = 64;

/** The shader that copies `x` to `packed`, one quad per thread. */
export function packShader(
  vectors: Vectors & { columns: "key" | "value" },
  launch: Launch,
): Shader {
  const { columns, half } = vectors;
  const { element } = bindingOf(vectors);
  const bindings = [input("x", "f32"), output("packed", element)];
  const count = columns === "key" ? "problem.headDim" : "problem.valueDim";
  return {
    key: keyOf("pack", columns, half && "half"),
    bindings,
    dispatch: [
      Math.ceil(launch.length / THREADS),
      launch.sequences,
      quadsOf(columns, launch),
    ],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= problem.length) { return; }
  let token = (problem.firstSequence + id.y) * problem.length + id.x;
  var quad = vec4f();
  for (var i = 0u; i < 4u && id.z * 4u + i < ${count}; i++) {
    quad[i] = x[token * ${count} + id.z * 4u + i];
  }
  packed[token * ${columns}_quads() + id.z] = ${element}(quad);
}
`,
  };
}

/**
 * Copies vectors to whole quads, in 32 bits or rounded to 16: numbers above
 * 65504 then become infinite.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import { type Launch, problemProgram } from "./problem.ts";
import { elementsOf, QUADS, quadsOf, type Vectors } from "./vectors.ts";

const THREADS = 64;

/** The program that copies `x` to `packed`, one quad per thread. */
export function packProgram(
  vectors: Pick<Vectors, "half"> & { columns: "key" | "value" },
  launch: Launch,
  { x, packed }: Record<"x" | "packed", tf.TensorInfo>,
): Program {
  const { columns } = vectors;
  const elements = elementsOf([{ ...vectors, name: "packed" }]);
  return {
    ...problemProgram(launch),
    name: "pack",
    constants: { OF_KEYS: columns === "key" },
    elements,
    reads: { x },
    writes: { packed },
    threads: THREADS,
    workgroups: [Math.ceil(launch.length / THREADS), launch.sequences],
    layers: quadsOf(columns, launch),
    functions: QUADS,
    body: /* wgsl */ `
  let t = group.x * THREADS + local;
  if (t >= uniforms.length) { return; }
  let token = (uniforms.firstSequence + group.y) * uniforms.length + t;
  let columns = select(uniforms.valueDim, uniforms.headDim, OF_KEYS);
  var quad = vec4f();
  for (var i = 0u; i < 4u && layer * 4u + i < columns; i++) {
    quad[i] = x[token * columns + layer * 4u + i];
  }
  packed[token * select(value_quads(), key_quads(), OF_KEYS) + layer] = ${
      elements["packed"]
    }(quad);`,
  };
}

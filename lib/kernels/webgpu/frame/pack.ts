/**
 * Copies vectors to whole quads, in 32 bits or rounded to 16: numbers above
 * 65504 then become infinite.
 *
 * @module
 */
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import { type Launch, problemProgram } from "./problem.ts";
import {
  type Dims,
  elementsOf,
  QUADS,
  quadsOf,
  type Vectors,
} from "./vectors.ts";

/** Vectors that an input has. */
type InputVectors = Pick<Vectors, "half"> & { columns: "key" | "value" };

const THREADS = 64;

/** Whether vectors must first be copied to whole quads. */
export function isPacked(
  { columns, half }: InputVectors,
  { headDim, valueDim }: Dims,
): boolean {
  return half || (columns === "key" ? headDim : valueDim) % 4 !== 0;
}

/** The program that copies `x` to `packed`, one quad per thread. */
export function packProgram(
  { columns, half }: InputVectors,
  launch: Launch,
  tensors: Tensors,
): Program {
  return problemProgram(launch, tensors, {
    name: "pack",
    constants: { OF_KEYS: columns === "key" },
    elements: elementsOf([{ name: "packed", half }]),
    reads: ["x"],
    writes: ["packed"],
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
      half ? "vec4h" : "vec4f"
    }(quad);`,
  });
}

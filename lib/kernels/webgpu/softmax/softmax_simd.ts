/**
 * What the shaders of softmax attention have in common on a software adapter,
 * where a workgroup has some rows, and each of its threads four of them for
 * itself.
 *
 * @module
 */
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { problemInRows } from "../score_tiles/score_tiles.ts";
import {
  BLOCK,
  eachLaneRow,
  GROUP_ROWS,
  LANE_ROWS,
  LANES,
  type Simd,
  simdDirective,
  simdKey,
} from "../full/simd_blocks.ts";

/** Rows of a workgroup, and columns of a block. */
export const SIZES = { rows: GROUP_ROWS, columns: BLOCK };

/** What the three programs are given alike. */
export function simdProgram(
  { q, v }: Tensors,
  attributes: SoftmaxAttributes,
  simd: Simd,
): Omit<Program, "name" | "reads" | "writes" | "body"> {
  return {
    ...problemInRows(q!, v!, attributes, GROUP_ROWS),
    variants: [simdKey(simd)],
    directives: simdDirective(simd),
    threads: LANES,
  };
}

/** A number of each row. */
export const ofRows = (piece: (row: string) => string): string =>
  `vec4f(${repeat(LANE_ROWS, (r) => piece(`row${r}`), ", ")})`;

/** Where a workgroup and a thread are: `base`, `row`, `places`, `row0` … */
export const PLACES = /* wgsl */ `
  let always = uniforms.length > 0u;
  let lane = local;
  let base = workgroup / uniforms.blocks * uniforms.length;
  let first_row = workgroup % uniforms.blocks * ${GROUP_ROWS}u;
  let row = first_row + lane * ${LANE_ROWS}u;
  let last = uniforms.length - 1u;
  let places = row + vec4u(0u, 1u, 2u, 3u);
${eachLaneRow((r) => `  let row${r} = base + min(row + ${r}u, last);`)}`;

/** Declares the ends of the columns that the rows read. */
export const LIMITS =
  `  let limits = select(vec4u(uniforms.length), min(vec4u(uniforms.length), places + 1u), uniforms.causal != 0u);`;

/** Writes sums of the rows to a tensor, as `value` makes them. */
export function writeRows(
  to: string,
  end: string,
  value: (r: number) => string,
): string {
  return /* wgsl */ `
  for (var n = 0u; n < ${end}; n++) {
${
    eachLaneRow((r) =>
      `    if (row + ${r}u <= last) { write_${to}(row${r}, n, ${value(r)}); }`
    )
  }
  }`;
}

/** Reads a column's quad, of padding nothing. */
export const ofToken = (name: string) => (token: string, factor: string) =>
  `select(vec4f(), read_${name}(${token}, n), ${factor} != 0.0)`;

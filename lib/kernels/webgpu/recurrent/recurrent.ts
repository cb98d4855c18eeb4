/**
 * Sweeps of the recurrent form: what its shaders have in common.
 *
 * A sweep goes through a sequence token by token, with one state of headDim
 * rows and a column for each of (v, 1). A workgroup has some quads of columns,
 * and all rows; a thread holds a tile of eight rows and one quad in registers,
 * which nobody else needs. Lanes are the tiles of the same columns: what a token
 * reads is their sum, and takes a barrier. Neighbours have neighbouring columns.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import { reading } from "../score_tiles/score_tiles.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { TILE_ROWS } from "../frame/register_tile.ts";

/** The way that a sweep goes: from the first token on, or from the last. */
export type Direction = "forward" | "backward";

/**
 * Threads of a workgroup at most: of as many, what a token's sums take fits in
 * the workgroup memory that every device has.
 */
export const MOST_THREADS = 160;
/** Threads come in whole warps, so that few texts serve all sizes. */
const WARP = 32;

/** Columns of q and k of which a workgroup can hold two quads of columns. */
export const LARGEST_HEAD_DIM = TILE_ROWS * MOST_THREADS / 2;

/** How the states of a sweep are shared out over workgroups and threads. */
export interface SweepTiling {
  /** Threads of the same columns, called lanes. */
  readonly lanes: number;
  /** Quads of columns of a workgroup. */
  readonly across: number;
  /** Threads of a workgroup, of which some may have nothing to do. */
  readonly threads: number;
}

/** Threads of the same columns of a state: one for each tile of its rows. */
export function threadsPerColumn(headDim: number): number {
  return Math.ceil(headDim / TILE_ROWS);
}

/** The tiling whose workgroups have so many quads of columns. */
export function sweepTilingOf(headDim: number, across: number): SweepTiling {
  const lanes = threadsPerColumn(headDim);
  const threads = WARP * Math.ceil(lanes * across / WARP);
  return { lanes, across, threads };
}

/** The number that row r of a tile has of a vector, of which the tile has two quads. */
export const ofRow = (name: string, r: number): string =>
  `${name}${r >> 2}[${r % 4}]`;

/** What the programs of all sweeps are given alike. */
export function sweepProgram(
  q: tf.TensorInfo,
  v: tf.TensorInfo,
  { lanes, across, threads }: SweepTiling,
): Pick<Program, "width" | "integers" | "threads"> {
  const [length, headDim] = q.shape.slice(2) as [number, number];
  const valueDim = v.shape[3]!;
  return {
    width: headDim % 4 === 0 && valueDim % 4 === 0 ? 4 : 1,
    integers: { length, headDim, valueDim, lanes, across },
    threads,
  };
}

/**
 * `rows_of_<name>(token, quad)` of q and k, and `values_of(token, quad)` of
 * (v, 1): zeros where there are no more columns.
 */
export function sweepFunctions(width: 1 | 4): string {
  const rows = (name: string) =>
    /* wgsl */ `${reading(name, "headDim", width)}
fn rows_of_${name}(token: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_${name}(token, quad), quad < (uniforms.headDim + 3u) / 4u);
}`;
  return /* wgsl */ `${rows("q")}
${rows("k")}
${reading("v", "valueDim", width)}
fn values_of(token: u32, quad: u32) -> vec4f {
  let values = select(vec4f(), read_v(token, quad), quad < (uniforms.valueDim + 3u) / 4u);
  return select(values, vec4f(1.0), 4u * quad + vec4u(0u, 1u, 2u, 3u) == vec4u(uniforms.valueDim));
}`;
}

/** Where a thread is: its `lane`, and its `place` among the quads of columns. */
export const SWEEP_PLACES = /* wgsl */ `
  let lane = local / uniforms.across;
  let place = local % uniforms.across;
  let is_working = lane < uniforms.lanes;
  let last = uniforms.length - 1u;`;

/** The token at a position of a sweep. */
export function tokenAt(direction: Direction, position: string): string {
  return direction === "forward"
    ? `base + ${position}`
    : `base + last - ${position}`;
}

/** A token's k and q, in the tile's rows: `k0`, `k1` and so on. */
export function readRows(...names: ("q" | "k")[]): string {
  return names.map((name) =>
    repeat(
      2,
      (i) =>
        `        let ${name}${i} = rows_of_${name}(token, 2u * lane + ${i}u);`,
    )
  ).join("\n");
}

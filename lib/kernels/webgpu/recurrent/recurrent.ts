/**
 * The parts that the sweeps of the recurrent form have in common.
 *
 * A sweep goes through a sequence token by token, with one state of headDim
 * rows and one column for each of (v, 1). A workgroup has some quads of columns, and
 * all rows; a thread holds a tile of eight rows by one quad in registers, which no
 * other thread reads. Lanes are the threads of the same columns: a token's output is
 * their sum, and takes a barrier. Neighbouring threads have neighbouring columns.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { type Program, widthOf } from "../../../tfjs/webgpu/program.ts";
import { reading } from "../score_tiles/score_tiles.ts";
import { repeat } from "../../../tfjs/webgpu/shader.ts";
import { TILE_ROWS } from "../frame/register_tile.ts";

/** The direction of a sweep: from the first token on, or from the last. */
export type Direction = "forward" | "backward";

/**
 * Most threads of a workgroup: the partial sums of this many fit in the workgroup
 * memory that every device has.
 */
export const MOST_THREADS = 160;
/** Threads of a warp; workgroups have whole warps, so that few shader texts serve all sizes. */
const WARP = 32;

/** The largest headDim for which a workgroup can hold two quads of columns. */
export const LARGEST_HEAD_DIM = TILE_ROWS * MOST_THREADS / 2;

/** The division of a sweep's states among workgroups and threads. */
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

/** The tiling whose workgroups have `across` quads of columns. */
export function sweepTilingOf(headDim: number, across: number): SweepTiling {
  const lanes = threadsPerColumn(headDim);
  const threads = WARP * Math.ceil(lanes * across / WARP);
  return { lanes, across, threads };
}

/** The fields common to the programs of all sweeps. */
export function sweepProgram(
  q: tf.TensorInfo,
  v: tf.TensorInfo,
  { lanes, across, threads }: SweepTiling,
): Pick<Program, "width" | "integers" | "threads"> {
  const [length, headDim] = q.shape.slice(2) as [number, number];
  const valueDim = v.shape[3]!;
  return {
    width: widthOf(headDim, valueDim),
    integers: { length, headDim, valueDim, lanes, across },
    threads,
  };
}

/**
 * WGSL functions that read quads of q and k, `rows_of_<name>(token, quad)`, and of
 * (v, 1), `values_of(token, quad)`; zeros beyond the last column.
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

/** WGSL that declares a thread's `lane`, and its `place` among the quads of columns. */
export const SWEEP_PLACES = /* wgsl */ `
  let lane = local / uniforms.across;
  let place = local % uniforms.across;
  let is_working = lane < uniforms.lanes;
  let last = uniforms.length - 1u;`;

/** WGSL of the token at a position of a sweep. */
export function tokenAt(direction: Direction, position: string): string {
  return direction === "forward"
    ? `base + ${position}`
    : `base + last - ${position}`;
}

/** WGSL that declares a token's k or q in the tile's rows: `k0` and `k1`, `q0` and `q1`. */
export function readRows(...names: ("q" | "k")[]): string {
  return names.map((name) =>
    repeat(
      2,
      (i) =>
        `        let ${name}${i} = rows_of_${name}(token, 2u * lane + ${i}u);`,
    )
  ).join("\n");
}

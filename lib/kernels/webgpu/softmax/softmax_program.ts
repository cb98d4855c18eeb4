/**
 * What the programs in tiles of softmax attention have in common: how their work is
 * shared out, the operands of their vectors, and the blocks of columns that hold a
 * segment of their rows.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { SoftmaxAttributes } from "../../../attention/planning/softmax_kernel.ts";
import {
  type Program,
  type Tensors,
  widthOf,
} from "../../../tfjs/webgpu/program.ts";
import { instance } from "../../../tfjs/webgpu/wgsl.ts";
import {
  ADD_COLUMNS,
  type Dim,
  products,
  reading,
  stage,
  TILES,
  type Tiling,
  tilingConstants,
  writing,
} from "../score_tiles/score_tiles.ts";

/** Vectors with the columns of keys; others have those of values. */
const OF_KEYS: readonly string[] = ["q", "k", "dq", "dk"];

const dimOf = (vectors: string): Dim =>
  OF_KEYS.includes(vectors) ? "headDim" : "valueDim";

interface Roles {
  /** By the suffix of their function `products`, the vectors of rows and of columns. */
  readonly products: Readonly<Record<string, readonly [string, string]>>;
  /** By the suffix of `add_columns`, the vectors that are added. */
  readonly sums: Readonly<Record<string, string>>;
  /** Vectors that are written. */
  readonly writes: readonly string[];
  /** WGSL functions `is_token(token, to_entry)` and `segment_of(token, to_entry)`. */
  readonly tokens: string;
}

/** A workgroup for the rows of a tiling of each sequence, and the functions of its roles. */
export function softmaxProgram(
  { q, v }: Partial<Tensors>,
  { causal, scale }: SoftmaxAttributes,
  tiling: Tiling,
  roles: Roles,
): Omit<Program, "name" | "reads" | "writes" | "body"> {
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const valueDim = v!.shape[3]!;
  const blocks = Math.ceil(length / tiling.rows);
  const width = widthOf(headDim, valueDim);
  const read = (role: string, name: string) =>
    reading(name, dimOf(name), width, role);
  return {
    width,
    constants: tilingConstants(tiling),
    integers: {
      ...{ length, heads, headDim, valueDim, blocks },
      causal: Number(causal),
    },
    floats: { scale },
    workgroups: batch * heads * blocks,
    threads: tiling.threads,
    layers: tiling.columnSplits,
    functions: () =>
      [
        ...[TILES, stage(tiling), roles.tokens, SEGMENTS],
        ...Object.entries(roles.products).map(([suffix, [rows, columns]]) =>
          instance(
            `${read("r", rows)}${
              read("o", columns)
            }fn inner_quads() -> u32 { return (uniforms.${
              dimOf(rows)
            } + 3u) / 4u; }\n${products(tiling)}`,
            suffix,
          )
        ),
        ...Object.entries(roles.sums).map(([suffix, vectors]) =>
          instance(read("x", vectors) + ADD_COLUMNS, suffix)
        ),
        ...roles.writes.map((name) => writing(name, dimOf(name), width)),
      ].join(""),
  };
}

/** Segments are numbered in order. */
const SEGMENTS = /* wgsl */ `
// A number below all scores; it is finite, since WGSL has no infinity.
const LOWEST = -3.4e38;
// The first block with a column of the segments that the workgroup's rows are of.
fn first_block(base: u32, first_row: u32, to_entry: u32) -> u32 {
  var start = 0u;
  while (start + COLUMNS <= first_row && segment_of(base + start + COLUMNS - 1u, to_entry) < segment_of(base + first_row, to_entry)) {
    start += COLUMNS;
  }
  return start;
}
// The last of these segments.
fn last_segment(base: u32, first_row: u32, to_entry: u32) -> f32 {
  return segment_of(base + min(first_row + ROWS - 1u, uniforms.length - 1u), to_entry);
}
// The end of the columns that a row reads.
fn end_of(row: u32) -> u32 {
  return select(uniforms.length, min(uniforms.length, row + 1u), uniforms.causal != 0u);
}
`;

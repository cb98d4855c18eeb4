/**
 * The full form: what each token reads of all others, tile by tile of keys.
 *
 * A workgroup has the rows of a tile. With decays it goes from its own tile
 * outwards, to one side and then to the other: what weighs the scores there is a
 * factor for the row, one for the column and one for all tiles between. Only in
 * its own tile, the last, the mask is made entry by entry. Without decays all
 * columns are alike.
 *
 * @module
 */
import { type Mask, maskConstants } from "../chunkwise/mask.ts";
import type { Launch, ProblemProgram } from "../frame/attention_call.ts";
import {
  elementsOf,
  readingStored,
  VECS,
  type Vectors,
} from "../frame/vectors.ts";
import {
  ADD_COLUMNS,
  ALL_TOKENS,
  products,
  stage,
  TILES,
  type Tiling,
  tilingConstants,
} from "../score_tiles/score_tiles.ts";
import { writing } from "@lionjs/tfjs/webgpu";

/** The settings on which the program's text depends. */
export interface FullSpec {
  /** The vectors q, k and v. */
  readonly vectors: readonly [Vectors, Vectors, Vectors];
  /** The mask by which decays enter, or `null` if there are none. */
  readonly decays: Mask | null;
  /** How the work of a tile is shared out; a tile has at most its rows. */
  readonly tiling: Tiling;
}

/** The program of the forward pass, which writes `y` and `rowSums`. */
export function fullProgram(
  { vectors, decays, tiling }: FullSpec,
  launch: Launch,
): ProblemProgram {
  const [q, k, v] = vectors;
  const read = decays ? ["tileFactors", "tileDecays", "tileMask"] : [];
  return {
    name: "full",
    constants: { ...maskConstants(decays), ...tilingConstants(tiling) },
    elements: elementsOf(vectors, ["tileFactors", "tileMask"]),
    reads: [...vectors.map(({ name }) => name), ...read],
    writes: ["y", "rowSums"],
    threads: tiling.threads,
    workgroups: [launch.chunks, launch.sequences],
    functions: () => [
      ...[VECS, TILES, readingStored("r", q), readingStored("o", k)],
      ...[readingStored("x", v), stage(tiling), products(tiling)],
      ...[ALL_TOKENS, ADD_COLUMNS],
      writing("y", "valueDim", 1),
      decays ? READ_DECAYS : NO_DECAYS,
      OWN_WEIGHTS,
    ],
    body: FULL,
  };
}

const READ_DECAYS = /* wgsl */ `
fn read_tileFactors(at: u32) -> vec4f { return tileFactors[at]; }
fn read_tileDecays(at: u32) -> f32 { return tileDecays[at]; }
fn read_tileMask(at: u32) -> vec4f { return tileMask[at]; }
`;

const NO_DECAYS = /* wgsl */ `
fn read_tileFactors(at: u32) -> vec4f { return vec4f(); }
fn read_tileDecays(at: u32) -> f32 { return 0.0; }
fn read_tileMask(at: u32) -> vec4f { return vec4f(); }
`;

const OWN_WEIGHTS = /* wgsl */ `
fn inner_quads() -> u32 { return key_vecs(); }
// The sides of a tile are 0, before it, and 1; its own columns are the last.
const OWN = 2u;
// The mask of the own tile, in four of its rows and in the columns 4 \`at\` … 4 \`at\` + 3.
fn own_weights(rows: vec4u, at: u32) -> mat4x4f {
  return mat4x4f(read_tileMask(rows.x * (ROWS / 4u) + at), read_tileMask(rows.y * (ROWS / 4u) + at),
    read_tileMask(rows.z * (ROWS / 4u) + at), read_tileMask(rows.w * (ROWS / 4u) + at));
}
`;

const FULL = /* wgsl */ `
  let chunk = group.x;
  let sequence = group.y;
  let first_row = chunk * uniforms.chunkSize;
  let row_count = min(uniforms.chunkSize, uniforms.length - first_row);
  let place = place_of((uniforms.firstSequence + sequence) * uniforms.length, first_row, 0u, 0u, local);
  let rows = rows_of(place);
  var sum = array<array<vec4f, TILE>, SUM_QUADS>();
  var totals = array<f32, TILE>();
  // The number of tokens of earlier batches, which the decays' buffers leave out.
  let skipped = uniforms.firstSequence * uniforms.length;
  var of_rows = array<vec4f, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    of_rows[r] = read_tileFactors(rows[r] - skipped);
  }
  // The tiles on each side, the nearest first, and then the own; without decays there is
  // but one, of all columns.
  for (var side = select(OWN, 0u, DECAYS); side <= OWN; side++) {
    let before = select(0u, chunk, BEFORE);
    let after = select(0u, uniforms.chunks - 1u - chunk, AFTER);
    let steps = select(select(after, before, side == 0u), 1u, side == OWN);
    // The log decay over the tiles between the two.
    var between = 0.0;
    var readers = array<f32, TILE>();
    for (var r = 0u; r < TILE; r++) { // unroll
      readers[r] = select(of_rows[r].z, of_rows[r].x, side == 0u);
    }
    for (var step = 1u; step <= steps; step++) {
      let other = select(select(chunk + step, chunk - step, side == 0u), chunk, side == OWN);
      let start = select(0u, other * uniforms.chunkSize, DECAYS);
      let end = select(uniforms.length, min(start + uniforms.chunkSize, uniforms.length), DECAYS);
      for (var first = start; first < end; first += COLUMNS) {
        let column = first + 4u * place.lane;
        var score = products(place, rows, first, local);
        let kept = column + vec4u(0u, 1u, 2u, 3u) < vec4u(end);
        if (DECAYS) {
          var weights = array<mat4x4f, 2>();
          if (side == OWN) {
            let at = (column - start) / 4u;
            weights[0] = own_weights(vec4u(rows[0], rows[1], rows[2], rows[3]) - skipped, at);
            weights[1] = own_weights(vec4u(rows[4], rows[5], rows[6], rows[7]) - skipped, at);
          } else {
            let tokens = tokens_at(place, column) - skipped;
            let factors0 = read_tileFactors(tokens.x);
            let factors1 = read_tileFactors(tokens.y);
            let factors2 = read_tileFactors(tokens.z);
            let factors3 = read_tileFactors(tokens.w);
            let columns = exp(between) * select(vec4f(factors0.w, factors1.w, factors2.w, factors3.w),
              vec4f(factors0.y, factors1.y, factors2.y, factors3.y), side == 0u);
            for (var half = 0u; half < 2u; half++) { // unroll
              weights[half] = mat4x4f(readers[4u * half] * columns, readers[4u * half + 1u] * columns,
                readers[4u * half + 2u] * columns, readers[4u * half + 3u] * columns);
            }
          }
          for (var r = 0u; r < TILE; r++) { // unroll
            score[r] = select(vec4f(), score[r] * weights[r / 4u][r % 4u], kept);
          }
        } else {
          for (var r = 0u; r < TILE; r++) { // unroll
            score[r] = select(vec4f(), score[r], kept);
          }
        }
        share(place, score);
        add_columns(place, first, end, &sum, &totals);
        workgroupBarrier();
      }
      between += read_tileDecays(2u * (sequence * uniforms.chunks + other) + select(1u, 0u, side == 0u));
    }
  }

  let normalize = uniforms.normalize == 1u;
  for (var r = 0u; r < TILE; r++) { // unroll
    let row_sum = uniforms.scale * totals[r];
    let divisor = select(1.0, row_sum + uniforms.epsilon, normalize);
    if (place.tile_row + r < row_count) {
      if (place.lane == 0u) { rowSums[rows[r]] = row_sum; }
      for (var i = 0u; i < SUM_QUADS; i++) { // unroll
        write_y(rows[r], place.quad + i * PER_ROW, uniforms.scale * sum[i][r] / divisor);
      }
    }
  }`;

/**
 * What each token reads from the state H that enters its chunk and from what the chunk's
 * own rows write, in both directions:
 *
 *     Y = s (Q H + P Z + P' V)
 *
 * Where b is k, what a token reads of its own value is subtracted in the second
 * direction, to count once; P' has no diagonal there.
 *
 * @module
 */
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "@lionjs/tfjs/webgpu";
import {
  type ChunkProgram,
  type Layout,
  ofChunks,
  valuesOf,
  widthOf,
} from "./layout.ts";

/** Most rows of a chunk: the number of row sums that a workgroup has room for. */
export const MOST_ROWS = 256;

/** How outputs are computed from the sums that tokens read. */
export interface Finish {
  readonly scale: number;
  /** Whether each token's sum is divided by its row sum. @default false */
  readonly normalize?: boolean;
  /** The number added to the row sum. @default 0 */
  readonly epsilon?: number;
}

/** The program of the outputs Y, summed over both directions. */
export function outputsProgram(
  layout: Layout,
  batch: SequenceBatch,
  { scale, normalize = false, epsilon = 0 }: Finish,
): ChunkProgram {
  const { reads, hasStates, hasRowSums } = layout;
  const width = widthOf(layout);
  return ofChunks(layout, batch, {
    name: "transition_outputs",
    width: widthOf(layout),
    constants: { HAS_STATES: hasStates },
    variants: [hasRowSums && "sums"],
    reads: [
      ...["v", "pairs", "operands"],
      reads !== "none" && "found",
      hasStates && "states",
    ],
    writes: ["y", hasRowSums && "rowSums"],
    floats: { scale, epsilon },
    integers: { normalize: Number(normalize) },
    functions: () => [
      valuesOf(layout),
      writing("y", "valueDim", width),
      hasStates ? STATE : NO_STATE,
      hasRowSums
        ? reading("y", "valueDim", width) +
          `var<workgroup> totals: array<f32, ${MOST_ROWS}>;\n`
        : "",
      READ_ROWS,
    ],
    body: OUTPUTS + (hasRowSums ? WITH_ROW_SUMS : WITHOUT_ROW_SUMS),
  });
}

const STATE = /* wgsl */ `
fn state_of(chunk: Chunk, n: u32, vec: u32) -> mat4x4f {
  let at = at_state(chunk, 4u * n, vec);
  let stride = uniforms.valueVecs;
  return mat4x4f(states[at], states[at + stride], states[at + 2u * stride], states[at + 3u * stride]);
}
`;
const NO_STATE =
  "fn state_of(chunk: Chunk, n: u32, vec: u32) -> mat4x4f { return mat4x4f(); }\n";

const READ_ROWS = /* wgsl */ `
const TILE = 8u;

// The row of the query of a place.
fn row_at(chunk: Chunk, place: u32) -> u32 {
  let last = uniforms.rows / STEPS - 1u;
  let slot = min(place, last);
  return select(slot, last - slot, chunk.back) * STEPS + STEPS - 1u;
}

// The sums that the tokens from a place on read, in four columns.
fn read_rows(first_sweep: u32, number: u32, place: u32, vec: u32) -> array<vec4f, TILE> {
  var sum = array<vec4f, TILE>();
  for (var direction = 0u; direction < uniforms.directions; direction++) {
    let chunk = chunk_of(first_sweep + direction, number);
    var rows = array<u32, TILE>();
    for (var r = 0u; r < TILE; r++) { // unroll
      rows[r] = row_at(chunk, place + r);
    }
    for (var n = 0u; HAS_STATES && n < uniforms.headVecs; n++) {
      let state = state_of(chunk, n, vec);
      for (var r = 0u; r < TILE; r++) { // unroll
        sum[r] += state * operands[at_operand(chunk, 0u, rows[r], n)];
      }
    }
    for (var block = 0u; block <= max(rows[0], rows[TILE - 1u]) / 4u; block++) {
      for (var w = 0u; w < WRITERS; w++) { // unroll
        let values = mat4x4f(
          value_of(w, chunk, 4u * block, vec), value_of(w, chunk, 4u * block + 1u, vec),
          value_of(w, chunk, 4u * block + 2u, vec), value_of(w, chunk, 4u * block + 3u, vec));
        for (var r = 0u; r < TILE; r++) { // unroll
          sum[r] += values * select(vec4f(), pairs[at_pair(chunk, 0u, w, rows[r], block)], block <= rows[r] / 4u);
        }
      }
    }
    if (!GIVES && is_once(chunk)) {
      for (var r = 0u; r < TILE; r++) { // unroll
        let own = pairs[at_pair(chunk, 0u, 0u, rows[r], rows[r] / 4u)][rows[r] % 4u];
        sum[r] -= own * row_of_v(chunk, rows[r], vec);
      }
    }
  }
  return sum;
}
`;

const OUTPUTS = /* wgsl */ `
  let tokens = chunk_of(first_sweep, number);
  for (var item = local; item < (tokens.count + TILE - 1u) / TILE * uniforms.valueVecs; item += THREADS) {
    let place = item / uniforms.valueVecs * TILE;
    let vec = item % uniforms.valueVecs;
    let sum = read_rows(first_sweep, number, place, vec);
    for (var r = 0u; r < TILE; r++) { // unroll
      if (place + r < tokens.count) { write_y(tokens.start + place + r, vec, uniforms.scale * sum[r]); }
    }
`;

const WITHOUT_ROW_SUMS = "  }\n";

/** The row sums are in the last four columns; each thread reads back only what it has written. */
const WITH_ROW_SUMS = /* wgsl */ `
    for (var r = 0u; r < TILE; r++) { // unroll
      if (vec == uniforms.valueVecs - 1u && place + r < tokens.count) {
        totals[place + r] = uniforms.scale * sum[r][uniforms.valueDim % 4u];
        rowSums[tokens.start + place + r] = totals[place + r];
      }
    }
  }
  workgroupBarrier();
  for (var item = local; uniforms.normalize == 1u && item < (tokens.count + TILE - 1u) / TILE * uniforms.valueVecs; item += THREADS) {
    let vec = item % uniforms.valueVecs;
    let first = item / uniforms.valueVecs * TILE;
    for (var place = first; place < min(first + TILE, tokens.count); place++) {
      let token = tokens.start + place;
      write_y(token, vec, read_y(token, vec) / (totals[place] + uniforms.epsilon));
    }
  }
`;

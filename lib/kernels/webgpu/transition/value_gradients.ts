/**
 * The gradient in V, summed over both directions. Where k writes V itself
 *
 *     dV = T'ᵀ λ + P'ᵀ dY + K dS
 *
 * and else dV = λ, less what a token reads of its own value in the second direction.
 *
 * @module
 */
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";
import {
  type ChunkProgram,
  type Layout,
  ofChunks,
  slopesIn,
  slopesOf,
  widthOf,
} from "./layout.ts";

/** The program of dv. */
export function valueGradientsProgram(
  layout: Layout,
  batch: SequenceBatch,
  scale: number,
): ChunkProgram {
  const { reads, hasStates } = layout;
  const width = widthOf(layout);
  const gives = reads === "none" || reads === "untied";
  const meetsStates = gives && hasStates;
  return ofChunks(layout, batch, {
    name: "transition_value_gradients",
    width: widthOf(layout),
    constants: { HAS_STATES: meetsStates },
    reads: [
      ...["pairs", slopesIn(layout)],
      reads !== "none" && "found",
      ...meetsStates ? ["operands", "dstates"] : [],
    ],
    writes: ["dv"],
    floats: { scale },
    functions: () => [
      slopesOf(layout),
      reading("dv", "valueDim", width),
      writing("dv", "valueDim", width),
      gives ? GIVEN + (meetsStates ? OF_STATES : NO_STATES) : FOUND,
    ],
    body: VALUES,
  });
}

const FOUND = /* wgsl */ `
fn slopes_of(chunk: Chunk, row: u32, vec: u32) -> array<vec4f, 8> {
  var sum = array<vec4f, 8>();
  for (var r = 0u; r < 8u; r++) { // unroll
    let i = min(row + r, uniforms.rows - 1u);
    sum[r] = slope_of(1u, chunk, i, vec);
    if (is_once(chunk)) {
      sum[r] -= pairs[at_pair(chunk, 0u, 0u, i, i / 4u)][i % 4u] * slope_of(0u, chunk, i, vec);
    }
  }
  return sum;
}
`;

const OF_STATES = /* wgsl */ `
fn of_state(chunk: Chunk, n: u32, vec: u32, i: u32) -> vec4f {
  let at = at_state(chunk, 4u * n, vec);
  let stride = uniforms.valueVecs;
  return mat4x4f(dstates[at], dstates[at + stride], dstates[at + 2u * stride], dstates[at + 3u * stride])
    * operands[at_operand(chunk, ROW_KINDS - 1u, i, n)];
}
`;
const NO_STATES =
  "fn of_state(chunk: Chunk, n: u32, vec: u32, i: u32) -> vec4f { return vec4f(); }\n";

const GIVEN = /* wgsl */ `
fn slopes_of(chunk: Chunk, row: u32, vec: u32) -> array<vec4f, 8> {
  var sum = array<vec4f, 8>();
  for (var n = 0u; HAS_STATES && n < uniforms.headVecs; n++) {
    for (var r = 0u; r < 8u; r++) { // unroll
      sum[r] += of_state(chunk, n, vec, min(row + r, uniforms.rows - 1u));
    }
  }
  for (var i = row; i < uniforms.rows; i++) {
    for (var reader = 0u; reader < READERS; reader++) { // unroll
      let slope = slope_of(reader, chunk, i, vec);
      for (var half = 0u; half < 2u; half++) { // unroll
        let block = row / 4u + half;
        let scores = select(vec4f(), pairs[at_pair(chunk, reader, WRITERS - 1u, i, block)], block <= i / 4u);
        for (var r = 0u; r < 4u; r++) { // unroll
          sum[4u * half + r] += scores[r] * slope;
        }
      }
    }
  }
  return sum;
}
`;

const VALUES = /* wgsl */ `
  for (var direction = 0u; direction < uniforms.directions; direction++) {
    let chunk = chunk_of(first_sweep + direction, number);
    for (var item = local; item < (uniforms.rows + 7u) / 8u * uniforms.valueVecs; item += THREADS) {
      let row = item / uniforms.valueVecs * 8u;
      let vec = item % uniforms.valueVecs;
      let sum = slopes_of(chunk, row, vec);
      for (var r = 0u; r < 8u; r++) { // unroll
        if (row + r < uniforms.rows && has_step(chunk, row + r)) {
          let step = step_of(chunk, row + r);
          write_dv(step, vec, select(sum[r], read_dv(step, vec) + sum[r], direction > 0u));
        }
      }
    }
    storageBarrier();
  }
`;

/**
 * Scores within each chunk, which depend on no state: the products of readers with
 * decayed writers. Those of queries are P, with a row's own write; those of a are T, the
 * triangular system, without it. The decay between two rows is the product of the decays
 * on the path from one to the other, which for a ends a token earlier.
 *
 * @module
 */
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import {
  type ChunkProgram,
  DECAY_OF,
  decaysOf,
  EACH_PAIR,
  INPUTS,
  type Layout,
  ofSweeps,
  vectorsOf,
} from "./layout.ts";

/** The program of the scores, in all sweeps. */
export function scoresProgram(
  layout: Layout,
  batch: SequenceBatch,
): ChunkProgram {
  return ofSweeps(layout, batch, {
    name: "transition_scores",
    constants: decaysOf(layout),
    reads: [...INPUTS[layout.reads], layout.decay !== "none" && "operands"],
    writes: ["pairs"],
    functions: () =>
      [
        vectorsOf(layout),
        layout.decay === "none" ? UNDECAYED : DECAY_OF + BLOCK_DECAY,
        MULTIPLY_PAIRS,
      ],
    body: EACH_PAIR,
  });
}

const BLOCK_DECAY = /* wgsl */ `
fn block_decay(chunk: Chunk, block: u32, quad: u32) -> vec4f { return operands[at_block_decay(chunk, block, quad)]; }
`;

const UNDECAYED = /* wgsl */ `
fn decay_of(chunk: Chunk, row: u32, quad: u32) -> vec4f { return vec4f(1.0); }
fn block_decay(chunk: Chunk, block: u32, quad: u32) -> vec4f { return vec4f(1.0); }
`;

const MULTIPLY_PAIRS = /* wgsl */ `
fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = 4u * row_block;
  let column = 4u * column_block;
  let is_apart = row_block > column_block;
  var scores = array<array<array<vec4f, 4>, WRITERS>, READERS>();
  for (var quad = 0u; quad < uniforms.headQuads; quad++) {
    var keys = array<mat4x4f, WRITERS>();
    for (var w = 0u; w < WRITERS; w++) { // unroll
      for (var c = 0u; c < 4u; c++) { // unroll
        keys[w][c] = writer_of(w, chunk, column + c, quad);
      }
    }
    // Writers decay to the end of their block, and on to the start of the readers'.
    if (DECAYS && is_apart) {
      var path = vec4f(1.0);
      for (var block = column_block + 1u; block < row_block; block++) { path *= block_decay(chunk, block, quad); }
      for (var i = 0u; i < 4u; i++) { // unroll
        for (var w = 0u; w < WRITERS; w++) { // unroll
          keys[w][3u - i] *= path;
        }
        if (i < 3u) { path *= decay_of(chunk, column + 3u - i, quad); }
      }
    }
    var from_block = vec4f(1.0);
    for (var r = 0u; r < 4u; r++) { // unroll
      for (var i = 0u; i < READERS; i++) { // unroll
        if (DECAYS && i == UNPAID) {
          let decay = decay_of(chunk, row + r, quad);
          if (is_apart) {
            from_block *= decay;
          } else {
            for (var c = 0u; c < 4u; c++) { // unroll
              for (var w = 0u; w < WRITERS; w++) { // unroll
                if (c < r) { keys[w][c] *= decay; }
              }
            }
          }
        }
        let reader = from_block * reader_of(READERS - 1u - i, chunk, row + r, quad);
        for (var w = 0u; w < WRITERS; w++) { // unroll
          scores[READERS - 1u - i][w][r] += reader * keys[w];
        }
      }
    }
  }
  let columns = column + vec4u(0u, 1u, 2u, 3u);
  for (var reader = 0u; reader < READERS; reader++) { // unroll
    for (var w = 0u; w < WRITERS; w++) { // unroll
      let end = select(0u, 1u, reader == 0u && !(gives(w) && is_once(chunk)));
      for (var r = 0u; r < 4u; r++) { // unroll
        pairs[at_pair(chunk, reader, w, row + r, column_block)] =
          select(vec4f(), scores[reader][w][r], columns < vec4u(row + r + end));
      }
    }
  }
}
`;

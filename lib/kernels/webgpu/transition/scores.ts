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
    constants: { ...decaysOf(layout), CHANNELS: layout.decay === "channel" },
    reads: [...INPUTS[layout.reads], layout.decay !== "none" && "operands"],
    writes: ["pairs"],
    functions: () => [
      vectorsOf(layout),
      layout.decay === "none" ? UNDECAYED : DECAY_OF + BLOCK_DECAY,
      MULTIPLY_PAIRS,
    ],
    body: EACH_PAIR,
  });
}

const BLOCK_DECAY = /* wgsl */ `
fn block_decay(chunk: Chunk, block: u32, vec: u32) -> vec4f { return operands[at_block_decay(chunk, block, vec)]; }
`;

const UNDECAYED = /* wgsl */ `
fn decay_of(chunk: Chunk, row: u32, vec: u32) -> vec4f { return vec4f(1.0); }
fn block_decay(chunk: Chunk, block: u32, vec: u32) -> vec4f { return vec4f(1.0); }
`;

const MULTIPLY_PAIRS = /* wgsl */ `
// The decays from four writers to the start of a block of readers after them.
fn to_block(chunk: Chunk, row_block: u32, column_block: u32, vec: u32) -> mat4x4f {
  var paths = mat4x4f();
  var path = vec4f(1.0);
  if (row_block > column_block) {
    for (var block = column_block + 1u; block < row_block; block++) { path *= block_decay(chunk, block, vec); }
    for (var i = 0u; i < 4u; i++) { // unroll
      paths[3u - i] = path;
      if (i < 3u) { path *= decay_of(chunk, 4u * column_block + 3u - i, vec); }
    }
    return paths;
  }
  return mat4x4f(path, path, path, path);
}

fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = 4u * row_block;
  let column = 4u * column_block;
  let is_apart = row_block > column_block;
  var scores = array<array<array<vec4f, 4>, WRITERS>, READERS>();
  for (var vec = 0u; vec < uniforms.headVecs; vec++) {
    var keys = array<array<vec4f, 4>, WRITERS>();
    for (var w = 0u; w < WRITERS; w++) { // unroll
      for (var c = 0u; c < 4u; c++) { // unroll
        keys[w][c] = writer_of(w, chunk, column + c, vec);
      }
    }
    if (CHANNELS) {
      let paths = to_block(chunk, row_block, column_block, vec);
      for (var c = 0u; c < 4u; c++) { // unroll
        for (var w = 0u; w < WRITERS; w++) { // unroll
          keys[w][c] *= paths[c];
        }
      }
    }
    var from_block = vec4f(1.0);
    for (var r = 0u; r < 4u; r++) { // unroll
      for (var i = 0u; i < READERS; i++) { // unroll
        // Readers of other blocks pay from their block's start, and within a block writers do.
        if (CHANNELS && i == BEFORE_DECAY) {
          let decay = decay_of(chunk, row + r, vec);
          from_block *= select(vec4f(1.0), decay, is_apart);
          let of_writers = select(decay, vec4f(1.0), is_apart);
          for (var c = 0u; c < 4u; c++) { // unroll
            for (var w = 0u; w < WRITERS; w++) { // unroll
              if (c < r) { keys[w][c] *= of_writers; }
            }
          }
        }
        let reader = from_block * reader_of(READERS - 1u - i, chunk, row + r, vec);
        for (var w = 0u; w < WRITERS; w++) { // unroll
          scores[READERS - 1u - i][w][r] += reader * mat4x4f(keys[w][0], keys[w][1], keys[w][2], keys[w][3]);
        }
      }
    }
  }
  let weights = weights_of(chunk, column);
  // A token's decay is the same in all channels.
  if (DECAYS && !CHANNELS) {
    let paths = transpose(to_block(chunk, row_block, column_block, 0u));
    var path = paths[0];
    for (var r = 0u; r < 4u; r++) { // unroll
      for (var i = 0u; i < READERS; i++) { // unroll
        if (i == BEFORE_DECAY) {
          path *= select(vec4f(1.0), decay_of(chunk, row + r, 0u), vec4<bool>(is_apart) | (vec4u(0u, 1u, 2u, 3u) < vec4u(r)));
        }
        for (var w = 0u; w < WRITERS; w++) { // unroll
          scores[READERS - 1u - i][w][r] *= path;
        }
      }
    }
  }
  let columns = column + vec4u(0u, 1u, 2u, 3u);
  for (var reader = 0u; reader < READERS; reader++) { // unroll
    for (var w = 0u; w < WRITERS; w++) { // unroll
      let end = select(0u, 1u, reader == 0u && !(gives(w) && is_once(chunk)));
      for (var r = 0u; r < 4u; r++) { // unroll
        let weighed = weights * scores[reader][w][r];
        pairs[at_pair(chunk, reader, w, row + r, column_block)] =
          select(vec4f(), weighed, columns < vec4u(row + r + end));
      }
    }
  }
}
`;

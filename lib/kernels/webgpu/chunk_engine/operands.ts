/**
 * Queries and keys, decayed to the borders of their chunk. With e and out the
 * decays from the chunk's start to a token and from the token to its end, queries
 * read the state that enters the chunk as e ∘ Q, and keys write to the one that
 * leaves it as out ∘ K; the state itself is multiplied by all decays of the chunk.
 * The decay across each block of four rows is written too, for the scores.
 *
 * @module
 */
import {
  BLOCK_ROWS,
  type ChunkLayout,
  type ChunkProgram,
  decayOf,
  decaysIn,
  ofDirection,
  placesOf,
  rowsOf,
  THREADS,
  widthOf,
} from "./chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/**
 * The program of one direction's operands: a thread has four columns of a chunk's
 * queries or keys.
 */
export function operandsProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  direction: number,
): ChunkProgram {
  const width = widthOf(layout);
  return ofDirection(layout, batch, direction, {
    name: "chunk_operands",
    variants: [layout.rule, layout.decay],
    reads: ["q", "k", ...decaysIn(layout)],
    writes: ["operands"],
    functions: /* wgsl */ `${placesOf(layout)}
${rowsOf("q", "headDim", width)}
${rowsOf("k", "headDim", width)}
${decayOf(layout.decay, width)}
`,
    body: /* wgsl */ `
  for (var item = local; item < 2u * uniforms.headQuads; item += ${THREADS}u) {
    let quad = item % uniforms.headQuads;
    var path = vec4f(1.0);
    if (item < uniforms.headQuads) {
      var block = vec4f(1.0);
      for (var row = 0u; row < uniforms.rows; row++) {
        let decay = decay_of(chunk, row, quad);
        path *= decay;
        block *= decay;
        operands[at_operand(chunk, DECAYED_Q, row, quad)] = path * row_of_q(chunk, row, quad);
        if (row % ${BLOCK_ROWS}u == ${BLOCK_ROWS - 1}u) {
          operands[at_block_decay(chunk, row / ${BLOCK_ROWS}u, quad)] = block;
          block = vec4f(1.0);
        }
      }
      operands[at_chunk_decay(chunk, quad)] = path;
    } else {
      for (var end = uniforms.rows; end > 0u; end--) {
        let row = end - 1u;
        operands[at_operand(chunk, DECAYED_K, row, quad)] = path * row_of_k(chunk, row, quad);
        path *= decay_of(chunk, row, quad);
      }
    }
  }`,
  });
}

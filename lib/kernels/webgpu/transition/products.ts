/**
 * The products from which the gradients in readers, writers and decays are made, of the
 * gradients in what is read, dY of queries and λ of a, with
 *
 *     what is written  dY Zᵀ, λ Zᵀ, dY Vᵀ, λ Vᵀ
 *     states           dY Hᵀ, λ Hᵀ, Z dSᵀ, V dSᵀ, and H ∘ dS summed over columns
 *
 * with the states H that enter chunks and the gradients dS in those that leave them.
 * They take the places of scores, of operands, and of the chunk's decay, which the last is
 * multiplied with.
 *
 * @module
 */
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import {
  type ChunkProgram,
  EACH_PAIR,
  type Layout,
  ofSweeps,
  readGradientsOf,
  valuesOf,
} from "./layout.ts";

/** The program of a chunk's gradient products, in all sweeps. */
export function productsProgram(
  layout: Layout,
  batch: SequenceBatch,
  scale: number,
): ChunkProgram {
  const { reads, hasStates } = layout;
  return ofSweeps(layout, batch, {
    name: "transition_products",
    constants: { HAS_STATES: hasStates },
    reads: [
      ...["v", "dy", ...reads === "none" ? [] : ["found"]],
      ...hasStates ? ["states", "dstates"] : [],
    ],
    writes: ["pairs", "operands"],
    floats: { scale },
    functions: () => [valuesOf(layout), readGradientsOf(layout), PAIRS],
    body: EACH_PAIR + (hasStates ? OF_STATES : WITHOUT_STATES),
  });
}

const PAIRS = /* wgsl */ `
fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = 4u * row_block;
  let column = 4u * column_block;
  var sums = array<array<array<vec4f, 4>, WRITERS>, READERS>();
  for (var e = 0u; e < uniforms.valueVecs; e++) {
    var values = array<mat4x4f, WRITERS>();
    for (var w = 0u; w < WRITERS; w++) { // unroll
      for (var c = 0u; c < 4u; c++) { // unroll
        values[w][c] = value_of(w, chunk, column + c, e);
      }
    }
    for (var reader = 0u; reader < READERS; reader++) { // unroll
      for (var r = 0u; r < 4u; r++) { // unroll
        let gradient = read_gradient_of(reader, chunk, row + r, e);
        for (var w = 0u; w < WRITERS; w++) { // unroll
          sums[reader][w][r] += gradient * values[w];
        }
        // What a token reads of its own value is subtracted in the second direction.
        if (!GIVES && reader == 0u && is_once(chunk) && row_block == column_block) {
          sums[0][0][r][r] -= dot(gradient, row_of_v(chunk, row + r, e));
        }
      }
    }
  }
  for (var reader = 0u; reader < READERS; reader++) { // unroll
    for (var w = 0u; w < WRITERS; w++) { // unroll
      for (var r = 0u; r < 4u; r++) { // unroll
        if (reader == 0u && gives(w) && is_once(chunk) && row_block == column_block) { sums[0][w][r][r] = 0.0; }
        pairs[at_pair(chunk, reader, w, row + r, column_block)] = sums[reader][w][r];
      }
    }
  }
}
`;

const OF_STATES = /* wgsl */ `
  let last_row = uniforms.rows - 1u;
  for (var item = local; item < (uniforms.rows + 7u) / 8u * uniforms.headVecs; item += THREADS) {
    let row = item / uniforms.headVecs * 8u;
    let vec = item % uniforms.headVecs;
    let at = at_state(chunk, 4u * vec, 0u);
    for (var kind = 0u; kind < ROW_KINDS; kind++) { // unroll
      var sum = array<vec4f, 8>();
      for (var e = 0u; e < uniforms.valueVecs; e++) {
        var state = mat4x4f();
        for (var n = 0u; n < 4u; n++) { // unroll
          let place = at + n * uniforms.valueVecs + e;
          if (kind < READERS) { state[n] = states[place]; } else { state[n] = dstates[place]; }
        }
        for (var r = 0u; r < 8u; r++) { // unroll
          let i = min(row + r, last_row);
          if (kind < READERS) {
            sum[r] += read_gradient_of(kind, chunk, i, e) * state;
          } else {
            sum[r] += value_of(kind - READERS, chunk, i, e) * state;
          }
        }
      }
      for (var r = 0u; r < 8u; r++) { // unroll
        if (row + r <= last_row) { operands[at_operand(chunk, kind, row + r, vec)] = sum[r]; }
      }
    }
    if (row == 0u) {
      var passed = vec4f();
      for (var e = 0u; e < uniforms.valueVecs; e++) {
        for (var n = 0u; n < 4u; n++) { // unroll
          passed[n] += dot(states[at + n * uniforms.valueVecs + e], dstates[at + n * uniforms.valueVecs + e]);
        }
      }
      operands[at_chunk_decay(chunk, vec)] *= passed;
    }
  }
`;

const WITHOUT_STATES = /* wgsl */ `
  for (var item = local; item < ROW_KINDS * uniforms.rows * uniforms.headVecs; item += THREADS) {
    operands[at_operand(chunk, 0u, 0u, item)] = vec4f();
  }
  for (var vec = local; vec < uniforms.headVecs; vec += THREADS) { operands[at_chunk_decay(chunk, vec)] = vec4f(); }
`;

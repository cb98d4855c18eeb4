/**
 * The triangular system of each chunk, by forward substitution:
 *
 *     (I - T) W = R    (I - T) U = V, or T' V if k writes V itself
 *
 * so that the rows a find Z = U + W H in a state H. R are the rows a, decayed from the
 * chunk's start, whose place W takes. In the gradient, back substitution gives λ, of the
 * gradient μ in Z:
 *
 *     (I - T)ᵀ λ = μ
 *
 * Each thread solves for four columns, independently of the others.
 *
 * Source: Yang et al. 2024 (arXiv:2406.06484), equations 8 to 11.
 *
 * @module
 */
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import {
  type ChunkProgram,
  type Layout,
  ofSweeps,
  ROW_OF_V,
} from "./layout.ts";

/** The program of W and U, in all sweeps. */
export function solveProgram(
  layout: Layout,
  batch: SequenceBatch,
): ChunkProgram {
  return ofSweeps(layout, batch, {
    name: "transition_solve",
    reads: ["v", "pairs"],
    writes: ["operands", "found"],
    functions: () => [ROW_OF_V, COLUMNS],
    body: SOLVE,
  });
}

/** The program of λ in the place of μ, in all sweeps. */
export function solveGradientProgram(
  layout: Layout,
  batch: SequenceBatch,
): ChunkProgram {
  return ofSweeps(layout, batch, {
    name: "transition_solve_gradient",
    reads: ["pairs"],
    writes: ["found"],
    functions: () => [],
    body: SOLVE_TRANSPOSED,
  });
}

const COLUMNS = /* wgsl */ `
// Columns of keys come first, then those of values.
fn solution_of(chunk: Chunk, row: u32, column: u32) -> vec4f {
  if (column < uniforms.headVecs) { return operands[at_operand(chunk, 1u, row, column)]; }
  return found[at_found(chunk, row, column - uniforms.headVecs)];
}
fn right_side_of(chunk: Chunk, row: u32, column: u32) -> vec4f {
  if (column < uniforms.headVecs) { return operands[at_operand(chunk, 1u, row, column)]; }
  if (GIVES) { return vec4f(); }
  return row_of_v(chunk, row, column - uniforms.headVecs);
}
fn store(chunk: Chunk, row: u32, column: u32, x: vec4f) {
  if (column < uniforms.headVecs) {
    operands[at_operand(chunk, 1u, row, column)] = x;
  } else {
    found[at_found(chunk, row, column - uniforms.headVecs)] = x;
  }
}
`;

const SOLVE = /* wgsl */ `
  for (var column = local; column < uniforms.headVecs + uniforms.valueVecs; column += THREADS) {
    for (var block = 0u; block < uniforms.rows / 4u; block++) {
      let row = 4u * block;
      var sum = array<vec4f, 4>();
      for (var r = 0u; r < 4u; r++) { // unroll
        sum[r] = right_side_of(chunk, row + r, column);
      }
      for (var before = 0u; before < block; before++) {
        var solved = mat4x4f();
        for (var c = 0u; c < 4u; c++) { // unroll
          solved[c] = solution_of(chunk, 4u * before + c, column);
        }
        for (var r = 0u; r < 4u; r++) { // unroll
          sum[r] += solved * pairs[at_pair(chunk, 1u, 0u, row + r, before)];
        }
      }
      for (var before = 0u; GIVES && column >= uniforms.headVecs && before <= block; before++) {
        var given = mat4x4f();
        for (var c = 0u; c < 4u; c++) { // unroll
          given[c] = row_of_v(chunk, 4u * before + c, column - uniforms.headVecs);
        }
        for (var r = 0u; r < 4u; r++) { // unroll
          sum[r] += given * pairs[at_pair(chunk, 1u, WRITERS - 1u, row + r, before)];
        }
      }
      for (var r = 0u; r < 4u; r++) { // unroll
        let scores = pairs[at_pair(chunk, 1u, 0u, row + r, block)];
        for (var c = 0u; c < 4u; c++) { // unroll
          if (c < r) { sum[r] += scores[c] * sum[c]; }
        }
        store(chunk, row + r, column, sum[r]);
      }
    }
  }
`;

const SOLVE_TRANSPOSED = /* wgsl */ `
  for (var column = local; column < uniforms.valueVecs; column += THREADS) {
    for (var end = uniforms.rows / 4u; end > 0u; end--) {
      let block = end - 1u;
      let row = 4u * block;
      var sum = array<vec4f, 4>();
      for (var r = 0u; r < 4u; r++) { // unroll
        sum[r] = found[at_read_gradient(chunk, row + r, column)];
      }
      for (var i = row + 4u; i < uniforms.rows; i++) {
        let scores = pairs[at_pair(chunk, 1u, 0u, i, block)];
        let solved = found[at_read_gradient(chunk, i, column)];
        for (var r = 0u; r < 4u; r++) { // unroll
          sum[r] += scores[r] * solved;
        }
      }
      for (var i = 0u; i < 4u; i++) { // unroll
        let scores = pairs[at_pair(chunk, 1u, 0u, row + 3u - i, block)];
        for (var r = 0u; r < 4u; r++) { // unroll
          if (r < 3u - i) { sum[r] += scores[r] * sum[3u - i]; }
        }
        found[at_read_gradient(chunk, row + 3u - i, column)] = sum[3u - i];
      }
    }
  }
`;

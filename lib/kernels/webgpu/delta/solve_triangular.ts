/**
 * The triangular system of each chunk of the delta rule, with the right-hand side
 * R = β ∘ (V - e ∘ K H):
 *
 *     X = (I + β S)⁻¹    U = X R    dR = Xᵀ dU
 *
 * The inverse X is found by forward substitution.
 *
 * @module
 */
import {
  type ChunkLayout,
  type ChunkProgram,
  eachBlockRow,
  eachItem,
  LARGEST_CHUNK,
  ofSweeps,
  placesOf,
  RHS_PLACE,
  THREADS,
} from "../chunk_engine/chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/**
 * The program of the inverse X, in all sweeps, in the buffer of β S. Each thread
 * solves for one column, independently of the others.
 */
export function solveTriangularProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
): ChunkProgram {
  return ofSweeps(layout, batch, {
    name: "delta_solve_triangular",
    elements: { pairs: "f32" },
    reads: [],
    writes: ["pairs"],
    functions: /* wgsl */ `
var<private> solved: array<f32, ${LARGEST_CHUNK}>;
${placesOf(layout)}`,
    body: /* wgsl */ `
  for (var column = local; column < uniforms.rows; column += ${THREADS}u) {
    for (var i = 0u; i < uniforms.rows; i++) {
      var x = select(0.0, 1.0, i == column);
      let row = 4u * at_pair(chunk, KK_T, i, 0u);
      for (var j = 0u; j < i; j++) { x -= pairs[row + j] * solved[j]; }
      solved[i] = x;
      pairs[4u * at_pair(chunk, INVERSE, i, 0u) + column] = x;
    }
  }`,
  });
}

/**
 * The program of the gradient dR = Xᵀ dU in the right-hand side, in all sweeps, which
 * lies behind the writes U.
 */
export function rhsGradientProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
): ChunkProgram {
  return ofSweeps(layout, batch, {
    name: "delta_rhs_gradient",
    reads: ["pairs", "dvNew"],
    writes: ["vNew"],
    functions: placesOf(layout) + RHS_PLACE,
    body: /* wgsl */ `
${eachItem("uniforms.valueQuads", SOLVE)}`,
  });
}

const SOLVE = /* wgsl */ `
${eachBlockRow((r) => `      var sum${r} = vec4f();`)}
      for (var i = row; i < uniforms.rows; i++) {
        let solved = pairs[at_pair(chunk, INVERSE, i, row / 4u)];
        let slope = dvNew[at_v_new(chunk, i, quad)];
${eachBlockRow((r) => `        sum${r} += solved[${r}] * slope;`)}
      }
${
  eachBlockRow((r) => `      vNew[at_rhs(chunk, row + ${r}u, quad)] = sum${r};`)
}`;

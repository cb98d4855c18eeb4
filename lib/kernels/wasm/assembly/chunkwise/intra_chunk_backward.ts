// The gradients that come from pairs of tokens inside of a chunk, given the
// gradients G in its sums (backward_chunk.ts). With the mask M, A = M ∘ Q Kᵀ and
// P = M ∘ G (V, 1)ᵀ:
//
//     dQ = P K        dK = Pᵀ Q        dV = Aᵀ G
//
// and A ∘ P, without the diagonal, is the gradient in the exponents of M.
//
// Sequences of a group have the same Q and K. So Q Kᵀ is made for the first of
// them and kept, the P of all are added up, and dQ and dK are made for the last.
import * as sizes from "./sizes";
import * as chunk from "./backward_chunk";
import * as decayGradient from "./decay_gradient";
import { diagonalGradients } from "./diagonal_scores";
import { layoutMaskGradient, maskScoresAndProducts } from "./mask_gradient";
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import { scaleAndAdd } from "../../../../tfjs/wasm/assembly/math/loops";
import {
  transpose, transposeToPairs
} from "../../../../tfjs/wasm/assembly/math/matrix";
import {
  pairBytes, vectorBytes
} from "../../../../tfjs/wasm/assembly/math/simd";

/** The products P = M ∘ G (V, 1)ᵀ, `[chunkSize, chunkSize]`. */
let products: usize = 0;
/** (V, 1)ᵀ, `[valueDim + 1, chunkSize]`. */
let transposedV: usize = 0;
/**
 * The sum of P over a group, of each chunk of a split; 0 where groups are single
 * sequences.
 */
let groupProducts: usize = 0;
/** Scratch for rows of q or k, `[chunkSize, headDim]`, for one step at a time. */
export let scratch: usize = 0;
/**
 * Gradients in the log decays of each channel, `[chunkSize, headDim]`, forward
 * and back.
 */
export let rowsDf: usize = 0, rowsDb: usize = 0;

/**
 * Lays out scratch from `base`, with a number of states for each chunk of a split;
 * returns the end of the scratch.
 */
export function layoutIntraChunkBackward(
  base: usize, statesPerChunk: i32
): usize {
  chunk.layoutBackwardChunk(base, statesPerChunk);
  const tokens = sizes.wholeTokens(), row = pairBytes(sizes.chunkSize);
  products = sizes.allocate(tokens * row);
  transposedV = sizes.allocate(<usize> (sizes.valueDim + 1) * row);
  scratch = sizes.allocate(tokens * sizes.headStride);
  if (sizes.diagonal) {
    rowsDf = sizes.allocate(tokens * sizes.headStride);
    rowsDb = sizes.allocate(tokens * sizes.headStride);
  } else {
    decayGradient.layoutDecayGradient();
    layoutMaskGradient(sizes.chunkSize);
  }
  groupProducts = sizes.allocateShared();
  return sizes.allocate(0);
}

/**
 * Writes dq, dk and dv of a chunk's own pairs, and what these add to the gradients
 * in log decays. In a group, dq and dk of all are written for the last sequence,
 * and 0 for the others.
 */
export function intraChunkGradients(
  index: i32, dq: usize, dk: usize, dv: usize
): void {
  if (sizes.diagonal) return diagonalIntraChunkGradients(dq, dk, dv);
  const row = pairBytes(chunk.count), columns = <i32> (row >> 2);
  const head = <i32> (sizes.headStride >> 2);
  transposeToPairs(
    chunk.count, sizes.valueDim + 1,
    sizes.rowsV, sizes.columnsStride, transposedV
  );
  multiply(
    chunk.count, columns, sizes.valueDim + 1,
    chunk.outputGradients, sizes.columnsStride, transposedV, row,
    products, row, 0, 0, 0
  );
  computeScores(sizes.sharedScoresOf(index), row);
  maskScoresAndProducts(
    chunk.count, chunk.f, chunk.b, sizes.scores, products, row,
    decayGradient.lowerRows, decayGradient.lowerColumns,
    decayGradient.upperRows, decayGradient.upperColumns
  );
  valueGradients(row, dv);
  const sum = sumOfGroup(sizes.sharedOf(groupProducts, index), row);
  if (!chunk.isLast) {
    memory.fill(dq, 0, chunk.count * sizes.headStride);
    memory.fill(dk, 0, chunk.count * sizes.headStride);
    return;
  }
  multiply(
    chunk.count, head, chunk.count,
    sum, row, chunk.k, sizes.headStride,
    dq, sizes.headStride, 0, 0, 0
  );
  multiplyTransposed(
    chunk.count, head, chunk.count,
    sum, row, chunk.q, sizes.headStride,
    dk, sizes.headStride, 0, 0, 0
  );
}

/** scores = Q Kᵀ; a group's first sequence keeps it in `shared`, if that is not 0. */
function computeScores(shared: usize, row: usize): void {
  if (shared === 0 || chunk.isFirst) {
    transposeToPairs(
      chunk.count, sizes.headDim,
      chunk.k, sizes.headStride, sizes.transposed
    );
    multiply(
      chunk.count, <i32> (row >> 2), sizes.headDim,
      chunk.q, sizes.headStride, sizes.transposed, row,
      shared !== 0 ? shared : sizes.scores, row, 0, 0, 0
    );
  }
  if (shared !== 0) memory.copy(sizes.scores, shared, chunk.count * row);
}

/** Adds P to its group's sum, if there is one; returns the sum's address, or P's. */
function sumOfGroup(sum: usize, row: usize): usize {
  if (sum === 0) return products;
  const bytes = <usize> chunk.count * row;
  if (chunk.isFirst) memory.copy(sum, products, bytes);
  else scaleAndAdd(bytes, 1, sum, products);
  return sum;
}

/** dV = Aᵀ G */
function valueGradients(row: usize, dv: usize): void {
  multiplyTransposed(
    chunk.count, <i32> (sizes.valueStride >> 2), chunk.count,
    sizes.scores, row, chunk.outputGradients, sizes.columnsStride,
    dv, sizes.valueStride, 0, 0, 0
  );
}

/**
 * {@link intraChunkGradients} where each channel of the keys has a decay of its
 * own.
 */
function diagonalIntraChunkGradients(dq: usize, dk: usize, dv: usize): void {
  const row = vectorBytes(chunk.count);
  transpose(
    chunk.count, sizes.valueDim + 1,
    sizes.rowsV, sizes.columnsStride, transposedV, row
  );
  multiply(
    chunk.count, <i32> (row >> 2), sizes.valueDim + 1,
    chunk.outputGradients, sizes.columnsStride, transposedV, row,
    products, row, 0, 0, 0
  );
  const missing = <usize> (-chunk.count & 3);
  const end = <usize> chunk.count + missing;
  memory.fill(products + chunk.count * row, 0, missing * row);
  memory.fill(dq, 0, end * sizes.headStride);
  memory.fill(dk, 0, end * sizes.headStride);
  if (sizes.causal) memory.fill(sizes.scores, 0, end * row);
  diagonalGradients(
    chunk.count, chunk.q, chunk.k, sizes.scores, row, products, dq, dk, rowsDf,
    rowsDb, scratch
  );
  valueGradients(row, dv);
}

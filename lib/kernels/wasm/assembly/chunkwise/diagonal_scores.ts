// The scores inside of a chunk where each channel of the keys has a decay:
//
//     A_ij = Σ_n q_in k_jn exp(f_{j+1,n} + … + f_{i,n})  for i > j
//
// and with b in the place of f above the diagonal. That is a product of two matrices
// only where the paths of all pairs pass one place. So A is made of products for two
// neighbouring blocks of tokens, whose paths pass the middle between them, at every
// size of blocks from four tokens on; and of pairs inside of four (diagonal_block.ts).
//
// Source: the secondary chunks of GLA (arXiv:2312.06635, section 4.3), at every
// scale, as in decayed_scores.ts.
import * as sizes from "./sizes";
import * as diagonalBlock from "./diagonal_block";
import {
  backwardAlongPath, decayAlongPath, openKeyPath, openQueryPath
} from "./diagonal";
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import { transpose } from "../../../../tfjs/wasm/assembly/math/matrix";
import { vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";

let count: i32 = 0, row: usize = 0;
/** The address of the scores, or 0. */
let scores: usize = 0;
let q: usize = 0, k: usize = 0;
/** Addresses of the gradients: in scores (0 in the forward pass), q, k and log decays. */
let products: usize = 0;
let dq: usize = 0, dk: usize = 0;
let decayGradients: usize = 0, decayGradientsBack: usize = 0;
/** Gradients in the decayed rows of two neighbouring blocks. */
let read: usize = 0;

/**
 * Fills the scores of a chunk, in rows of so many bytes; in causal attention, those
 * above the diagonal, but for some of four neighbours, stay as they are.
 */
export function diagonalScores(
  tokens: i32, queries: usize, keys: usize, target: usize, rowBytes: usize
): void {
  products = 0;
  scores = target;
  row = rowBytes;
  fill(tokens, queries, keys);
}

/**
 * Fills the scores as {@link diagonalScores}, unless `target` is 0, and adds to the
 * gradients in q, k and the log decays what comes from `gradients`, those in the
 * scores, whose rows fill whole blocks of four; `scratch` is as large as q.
 */
export function diagonalGradients(
  tokens: i32, queries: usize, keys: usize, target: usize, rowBytes: usize,
  gradients: usize, inQueries: usize, inKeys: usize, inDecays: usize,
  inDecaysBack: usize, scratch: usize
): void {
  scores = target;
  row = rowBytes;
  products = gradients;
  dq = inQueries;
  dk = inKeys;
  decayGradients = inDecays;
  decayGradientsBack = inDecaysBack;
  read = scratch;
  fill(tokens, queries, keys);
}

function fill(tokens: i32, queries: usize, keys: usize): void {
  count = tokens;
  q = queries;
  k = keys;
  for (let token = 0; token < count; token += diagonalBlock.BLOCK) block(token);
  for (let size = diagonalBlock.BLOCK; size < count; size *= 2) {
    for (let middle = size; middle < count; middle += 2 * size) {
      const after = min(size, count - middle);
      across(middle, size, after, false);
      if (!sizes.causal) across(middle, size, after, true);
    }
  }
}

/** Computes the scores and gradients of pairs within a block of four tokens. */
function block(token: i32): void {
  diagonalBlock.openBlock(token, row, q, k);
  if (scores !== 0) {
    diagonalBlock.selfScores(scores);
    diagonalBlock.blockScores(scores, false);
    if (!sizes.causal) diagonalBlock.blockScores(scores, true);
  }
  if (products === 0) return;
  diagonalBlock.selfGradients(products, dq, dk);
  diagonalBlock.blockGradients(products, dq, dk, decayGradients, false);
  if (!sizes.causal) {
    diagonalBlock.blockGradients(products, dq, dk, decayGradientsBack, true);
  }
}

/**
 * The scores and gradients of queries after a middle and keys before it, or
 * `back` the reverse.
 */
function across(middle: i32, before: i32, after: i32, back: bool): void {
  const queries = back ? before : after, keys = back ? after : before;
  const i = back ? middle - before : middle,
    j = back ? middle : middle - before;
  const corner = i * row + (<usize> j << 2);
  const scaledQ = sizes.scaled + i * sizes.headStride,
    scaledK = sizes.scaled + j * sizes.headStride;
  openQueryPath(middle, queries, back);
  decayAlongPath(q, sizes.scaled);
  openKeyPath(middle, keys, back);
  decayAlongPath(k, sizes.scaled);
  if (scores !== 0) {
    const width = vectorBytes(keys);
    transpose(
      keys, sizes.headDim, scaledK, sizes.headStride, sizes.transposed, width
    );
    multiply(
      queries, <i32> (width >> 2), sizes.headDim,
      scaledQ, sizes.headStride, sizes.transposed, width,
      scores + corner, row, 0, 0, 0
    );
  }
  if (products === 0) return;
  const head = <i32> (sizes.headStride >> 2);
  multiply(
    queries, head, keys,
    products + corner, row, scaledK, sizes.headStride,
    read + i * sizes.headStride, sizes.headStride, 0, 0, 0
  );
  multiplyTransposed(
    keys, head, queries,
    products + corner, row, scaledQ, sizes.headStride,
    read + j * sizes.headStride, sizes.headStride, 0, 0, 0
  );
  const ofDecays = back ? decayGradientsBack : decayGradients;
  backwardAlongPath(read, k, dk, ofDecays);
  openQueryPath(middle, queries, back);
  backwardAlongPath(read, q, dq, ofDecays);
}

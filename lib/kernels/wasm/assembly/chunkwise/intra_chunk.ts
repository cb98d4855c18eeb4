// The chunk or tile of tokens that the forward pass has open, and attention among
// the tokens inside of it.
import * as sizes from "./sizes";
import { fillMask, maskWeights } from "./decay";
import { diagonalScores } from "./diagonal_scores";
import { multiply } from "../../../../tfjs/wasm/assembly/math/gemm";
import { attention as job } from "../jobs";
import {
  at, paddedRows, put, transpose, unpadRows
} from "../../../../tfjs/wasm/assembly/math/matrix";
import { headRows, openDecays } from "./chunk_operands";
import { sum4, vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";

export let count: i32 = 0, token: i32 = 0;
/**
 * The chunk's first token among those of q and k, which have a sequence for each
 * group.
 */
let keyToken: i32 = 0;
/** Q Kᵀ that the chunk's group shares, or 0; and whether it has been computed. */
let shared: usize = 0, hasShared: bool = false;
export let q: usize = 0, k: usize = 0, v: usize = 0;
let f: usize = 0, b: usize = 0;

/** Opens a chunk of a sequence, without reading any rows. */
export function openTokens(sequence: i32, chunk: i32): void {
  count = sizes.countOf(chunk);
  token = sequence * sizes.length + chunk * sizes.chunkSize;
  keyToken = sequence / sizes.groupSize * sizes.length + chunk * sizes.chunkSize;
  shared = sizes.sharedScoresOf(chunk);
  hasShared = shared !== 0 && sequence % sizes.groupSize > 0;
}

/** Opens a chunk with its keys, values and log decays. */
export function openChunk(sequence: i32, chunk: i32): void {
  openKeys(sequence, chunk);
  f = sizes.logDecay(job.f, token);
  b = sizes.logDecay(job.b, token);
  openDecays(count, f, b);
}

/** Opens a chunk with its keys, values and the log decays of one direction. */
export function openDirection(sequence: i32, chunk: i32, back: bool): void {
  openKeys(sequence, chunk);
  f = back ? 0 : sizes.logDecay(job.f, token);
  b = back ? sizes.logDecay(job.b, token) : 0;
  openDecays(count, f, b);
}

function openKeys(sequence: i32, chunk: i32): void {
  openTokens(sequence, chunk);
  k = headRows(count, job.k + keyToken * sizes.headBytes, sizes.rowsK);
  v = paddedRows(
    count, job.v + token * sizes.valueBytes, sizes.valueBytes, sizes.rowsV,
    sizes.valueStride
  );
}

/** Reads the open chunk's queries. */
export function openQueries(): void {
  q = headRows(count, job.q + keyToken * sizes.headBytes, sizes.rowsQ);
}

/**
 * The address at which the chunk's output is made: in y, or in scratch if rows need
 * padding.
 */
export function outputRows(): usize {
  return sizes.valueBytes === sizes.valueStride
    ? job.y + token * sizes.valueBytes
    : sizes.rowsY;
}

/**
 * y_i = Σ_j M_ij (q_i · k_j) v_j over the chunk, and rowSums_i the sum of the
 * weights.
 */
export function attendIntraChunk(y: usize): void {
  const row = vectorBytes(count);
  if (sizes.diagonal) {
    if (sizes.causal) memory.fill(sizes.scores, 0, row * ((count + 3) & ~3));
    diagonalScores(count, q, k, sizes.scores, row);
    sumRows(row);
  } else {
    const products = shared !== 0 ? shared : sizes.scores;
    if (!hasShared) multiplyQueries(products, row);
    fillMask(count, f, b);
    maskAndSum(products, row);
  }
  const width = <i32> (sizes.valueStride >> 2);
  multiply(
    count, width, count,
    sizes.scores, row, v, sizes.valueStride,
    y, sizes.valueStride, 0, 0, 0
  );
}

/** products = Q Kᵀ */
function multiplyQueries(products: usize, row: usize): void {
  transpose(count, sizes.headDim, k, sizes.headStride, sizes.transposed, row);
  multiply(
    count, <i32> (row >> 2), sizes.headDim,
    q, sizes.headStride, sizes.transposed, row,
    products, row, 0, 0, 0
  );
}

/** scores = M ∘ products, with the sums of their rows. */
function maskAndSum(product: usize, row: usize): void {
  let score = sizes.scores, weight = maskWeights;
  for (let i = 0; i < count; i++) {
    let sum = f32x4.splat(0);
    for (const end = score + row; score < end; score += 16) {
      const x = f32x4.mul(v128.load(product), v128.load(weight));
      v128.store(score, x);
      sum = f32x4.add(sum, x);
      product += 16;
      weight += 16;
    }
    put(sizes.rowSums, i, sum4(sum));
  }
}

/** Computes the row sums of scores that are already masked. */
function sumRows(row: usize): void {
  let score = sizes.scores;
  for (let i = 0; i < count; i++) {
    let sum = f32x4.splat(0);
    for (const end = score + row; score < end; score += 16) {
      sum = f32x4.add(sum, v128.load(score));
    }
    put(sizes.rowSums, i, sum4(sum));
  }
}

/**
 * The factor of an output row: the scale, over the row's sum of weights where it
 * is normalised.
 */
export function factorOf(sum: f32): f32 {
  const normalized = job.scale / (sum + job.epsilon);
  return job.normalize !== 0 ? normalized : job.scale;
}

/** Scales and divides the output rows, and stores them with their sums. */
export function finishRows(y: usize): void {
  let cell = y;
  for (let i = 0; i < count; i++) {
    const sum = job.scale * at(sizes.rowSums, i);
    put(job.rowSums, token + i, sum);
    const factor = f32x4.splat(factorOf(sum));
    for (const end = cell + sizes.valueStride; cell < end; cell += 16) {
      v128.store(cell, f32x4.mul(v128.load(cell), factor));
    }
  }
  unpadRows(
    count, y, sizes.valueStride, job.y + token * sizes.valueBytes,
    sizes.valueBytes
  );
}

// A chunk of tokens, or a tile of them, and the pairs of tokens inside: forward.
import {
  chunkSize,
  countOf,
  diagonal,
  headBytes,
  headDim,
  headStride,
  length,
  logDecay,
  rowsK,
  rowsQ,
  rowsV,
  rowsY,
  scores,
  share,
  sharedScoresOf,
  sums,
  transposed,
  valueBytes,
  valueStride,
} from "./attention";
import { weights, weightsOf } from "./decay";
import { diagonalScores } from "./diagonal_scores";
import { multiply } from "./gemm";
import { attention as job } from "./jobs";
import { at, paddedRows, put, transpose, unpadRows } from "./matrix";
import { headRows, openDecays } from "./preparation";
import { sum4, vectorBytes } from "./simd";

export let count: i32 = 0, token: i32 = 0;
/** The token among those of queries and keys. */
let keyToken: i32 = 0;
/** The products of queries and keys that others share, or 0, and whether they are there. */
let shared: usize = 0, isThere: bool = false;
export let q: usize = 0, k: usize = 0, v: usize = 0;
let f: usize = 0, b: usize = 0;

/** Points to the tokens of a chunk. */
export function openTokens(sequence: i32, chunk: i32): void {
  count = countOf(chunk);
  token = sequence * length + chunk * chunkSize;
  keyToken = sequence / share * length + chunk * chunkSize;
  shared = sharedScoresOf(chunk);
  isThere = shared !== 0 && sequence % share > 0;
}

/** Points to a chunk's keys, values and log decays. */
export function openChunk(sequence: i32, chunk: i32): void {
  openKeys(sequence, chunk);
  f = logDecay(job.f, token);
  b = logDecay(job.b, token);
  openDecays(count, f, b);
}

/** Points to what a sweep to the right reads, or one `back`: keys, values and the log decays that it pays. */
export function openSweep(sequence: i32, chunk: i32, back: bool): void {
  openKeys(sequence, chunk);
  f = back ? 0 : logDecay(job.f, token);
  b = back ? logDecay(job.b, token) : 0;
  openDecays(count, f, b);
}

function openKeys(sequence: i32, chunk: i32): void {
  openTokens(sequence, chunk);
  k = headRows(count, job.k + keyToken * headBytes, rowsK);
  v = paddedRows(
    count,
    job.v + token * valueBytes,
    valueBytes,
    rowsV,
    valueStride,
  );
}

/** Points to its queries. */
export function openQueries(): void {
  q = headRows(count, job.q + keyToken * headBytes, rowsQ);
}

/** Where a chunk's output goes: to its place, or where its rows can have padding. */
export function outputRows(): usize {
  return valueBytes === valueStride ? job.y + token * valueBytes : rowsY;
}

/** y_i = Σ_j M_ij (q_i · k_j) v_j over the chunk; sums_i likewise. */
export function attendInside(y: usize): void {
  const row = vectorBytes(count);
  if (diagonal) {
    diagonalScores(count, q, k);
    sumRows(row);
  } else {
    const products = shared !== 0 ? shared : scores;
    if (!isThere) multiplyQueries(products, row);
    weightsOf(count, f, b);
    weighAndSum(products, row);
  }
  const width = <i32> (valueStride >> 2);
  multiply(
    count,
    width,
    count,
    scores,
    row,
    v,
    valueStride,
    y,
    valueStride,
    0,
    0,
    0,
  );
}

/** products = Q Kᵀ */
function multiplyQueries(products: usize, row: usize): void {
  transpose(count, headDim, k, headStride, transposed, row);
  multiply(
    count,
    <i32> (row >> 2),
    headDim,
    q,
    headStride,
    transposed,
    row,
    products,
    row,
    0,
    0,
    0,
  );
}

/** Makes scores of products by the mask, and sums their rows. */
function weighAndSum(product: usize, row: usize): void {
  let score = scores, weight = weights;
  for (let i = 0; i < count; i++) {
    let sum = f32x4.splat(0);
    for (const end = score + row; score < end; score += 16) {
      const x = f32x4.mul(v128.load(product), v128.load(weight));
      v128.store(score, x);
      sum = f32x4.add(sum, x);
      product += 16;
      weight += 16;
    }
    put(sums, i, sum4(sum));
  }
}

/** Sums the rows of scores that are weighed already. */
function sumRows(row: usize): void {
  let score = scores;
  for (let i = 0; i < count; i++) {
    let sum = f32x4.splat(0);
    for (const end = score + row; score < end; score += 16) {
      sum = f32x4.add(sum, v128.load(score));
    }
    put(sums, i, sum4(sum));
  }
}

/** What a row is multiplied by at last, of the given sum after scaling. */
export function factorOf(sum: f32): f32 {
  const normalized = job.scale / (sum + job.epsilon);
  return job.normalize !== 0 ? normalized : job.scale;
}

/** Scales and divides the rows, and stores them with their sums. */
export function finish(y: usize): void {
  let cell = y;
  for (let i = 0; i < count; i++) {
    const sum = job.scale * at(sums, i);
    put(job.rowSums, token + i, sum);
    const factor = f32x4.splat(factorOf(sum));
    for (const end = cell + valueStride; cell < end; cell += 16) {
      v128.store(cell, f32x4.mul(v128.load(cell), factor));
    }
  }
  unpadRows(count, y, valueStride, job.y + token * valueBytes, valueBytes);
}

// The full form's forward pass: tiles of queries × tiles of keys. The mask of a
// tile is made where it is met: entry by entry where queries and keys are the
// same tokens, elsewhere as a product of one factor a query and one a key, each
// the decay on its side of the border before (or after) the queries.
import {
  causal,
  chunks,
  chunkSize,
  countOf,
  decays,
  headBytes,
  headDim,
  headStride,
  layout,
  length,
  logDecay,
  rowsK,
  rowsV,
  scores,
  sums,
  take,
  transposed,
  valueBytes,
  valueStride,
} from "./attention";
import {
  entering,
  enteringBack,
  leaving,
  leavingFrom,
  leavingFromBack,
  weights,
} from "./decay";
import { multiply, multiplyTransposed } from "./gemm";
import {
  attendInside,
  count,
  finish,
  k,
  openChunk,
  openQueries,
  outputRows,
  q,
  v,
} from "./inside";
import { attention as job } from "./jobs";
import { addScaledRows, at, paddedRows, put, transpose } from "./matrix";
import { vectorBytes } from "./simd";
import { countProgress } from "./threads";

/** What the queries read on one side, before the decays on their side of the border. */
let far: usize = 0;
let farSums: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutFull(base: usize): usize {
  layout(base, 0);
  far = take(<usize> chunkSize * valueStride);
  farSums = take(vectorBytes(chunkSize));
  return take(0);
}

/** The output of a tile of queries. */
export function attendFull(sequence: i32, tile: i32): void {
  openChunk(sequence, tile);
  openQueries();
  const y = outputRows();
  if (decays) attendInside(y);
  const row = vectorBytes(count);
  transpose(count, headDim, q, headStride, transposed, row);
  if (!decays) {
    attendFar(sequence, 0, chunks, y, sums);
  } else {
    if (tile > 0) {
      attendFar(sequence, tile - 1, -1, far, farSums);
      addFar(entering, y);
    }
    if (!causal && tile < chunks - 1) {
      attendFar(sequence, tile + 1, chunks, far, farSums);
      addFar(enteringBack, y);
    }
  }
  finish(y);
}

/**
 * to_i = Σ_j w_j (q_i · k_j) v_j over the tiles from the first to the one before
 * the end, in either direction; toSums_i likewise. The w_j are the decays from
 * the key to the border of the queries. Scores lie here: [keys, queries].
 */
function attendFar(
  sequence: i32,
  first: i32,
  end: i32,
  to: usize,
  toSums: usize,
): void {
  const row = vectorBytes(count), columns = <i32> (row >> 2);
  const width = <i32> (valueStride >> 2), step = first <= end ? 1 : -1;
  memory.fill(toSums, 0, row);
  // Log decay of the tiles between.
  let between: f32 = 0;
  for (let tile = first; tile !== end; tile += step) {
    const keys = countOf(tile), from = sequence * length + tile * chunkSize;
    const offset = from * headBytes;
    const k = paddedRows(keys, job.k + offset, headBytes, rowsK, headStride);
    const v = paddedRows(
      keys,
      job.v + from * valueBytes,
      valueBytes,
      rowsV,
      valueStride,
    );
    multiply(
      keys,
      columns,
      headDim,
      k,
      headStride,
      transposed,
      row,
      scores,
      row,
      0,
      0,
      0,
    );
    if (!decays) addUp(keys, row, toSums);
    else {
      between = step < 0
        ? leavingFrom(keys, logDecay(job.f, from), between)
        : leavingFromBack(keys, logDecay(job.b, from), between);
      weighAndAddUp(keys, row, toSums);
    }
    multiplyTransposed(
      count,
      width,
      keys,
      scores,
      row,
      v,
      valueStride,
      to,
      valueStride,
      tile === first ? 0 : 1,
      to,
      valueStride,
    );
    countProgress();
  }
}

/** toSums_i += Σ_j score_ji */
function addUp(keys: i32, row: usize, toSums: usize): void {
  for (let c: usize = 0; c < row; c += 16) {
    let sum = v128.load(toSums + c), score = scores + c;
    for (let j = 0; j < keys; j++) {
      sum = f32x4.add(sum, v128.load(score));
      score += row;
    }
    v128.store(toSums + c, sum);
  }
}

/** score_ji *= leaving_j; toSums_i += Σ_j score_ji */
function weighAndAddUp(keys: i32, row: usize, toSums: usize): void {
  let c: usize = 0;
  for (; c + 32 <= row; c += 32) {
    let score = scores + c;
    let sum0 = v128.load(toSums + c), sum1 = v128.load(toSums + c, 16);
    for (let j = 0; j < keys; j++) {
      const weight = v128.load32_splat(leaving + 4 * j);
      const x0 = v128.load(score), x1 = v128.load(score, 16);
      const y0 = f32x4.mul(x0, weight), y1 = f32x4.mul(x1, weight);
      v128.store(score, y0);
      v128.store(score, y1, 16);
      sum0 = f32x4.add(sum0, y0);
      sum1 = f32x4.add(sum1, y1);
      score += row;
    }
    v128.store(toSums + c, sum0);
    v128.store(toSums + c, sum1, 16);
  }
  if (c === row) return;
  let score = scores + c, sum = v128.load(toSums + c);
  for (let j = 0; j < keys; j++) {
    const weight = v128.load32_splat(leaving + 4 * j);
    const x = f32x4.mul(v128.load(score), weight);
    v128.store(score, x);
    sum = f32x4.add(sum, x);
    score += row;
  }
  v128.store(toSums + c, sum);
}

/** y_i += weight_i far_i; sums_i likewise. */
function addFar(weights: usize, y: usize): void {
  addScaledRows(count, valueStride, weights, far, y);
  for (let i = 0; i < count; i++) {
    put(sums, i, at(sums, i) + at(weights, i) * at(farSums, i));
  }
}

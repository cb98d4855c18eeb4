// The full form's forward pass: a task has some tiles of queries, and for each goes
// through all tiles of keys.
//
// The mask is made where it is met: entry by entry where queries and keys are the
// same tokens. Elsewhere it is a product: of a key's decay to the border of its
// tile, which the key has in it; of the tiles between, by which the sums over
// tiles from the farthest to the nearest are multiplied as they pass; and of the
// query's decay on its side of the border, by which they are multiplied at last.
// So the scores there need no other step than their products, and the sum of a
// row of them is the product of the query and the sum of the keys.
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
  segments,
  sums,
  take,
  transposed,
  valueBytes,
  valueStride,
} from "./attention";
import {
  bordersOf,
  entering,
  enteringBack,
  leaving,
  leavingBack,
  through,
  throughBack,
} from "./decay";
import { multiply, multiplyTransposed } from "./gemm";
import {
  count,
  finish,
  k,
  openChunk,
  openQueries,
  outputRows,
  q,
  token,
  v,
} from "./inside";
import { attention as job } from "./jobs";
import { layoutMask } from "./mask";
import { weighScores } from "./mask_scores";
import {
  addScaledRows,
  at,
  paddedRows,
  put,
  scaleAndAdd,
  scaleRows,
  transposeToPairs,
} from "./matrix";
import { multiplyAdd, pairBytes, vectorBytes } from "./simd";
import { countProgress } from "./threads";

/** All keys times the decay to either border of their tile, `[length, headDim]`. */
let weightedK: usize = 0;
let weightedKBack: usize = 0;
/** The sum over each tile of either, `[chunks, 2, headDim]`. */
let keySums: usize = 0;
/** Decays of each tile, either way. */
let throughs: usize = 0;
let throughsBack: usize = 0;
/** What the queries read on one side, before the decays on their side of the border. */
let far: usize = 0;
/** Sums of the keys on either side, `[2, headDim]`, and of the scores with them, `[2, queries]`. */
let farKeys: usize = 0;
let farSums: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutFull(base: usize): usize {
  layout(base, 0, false);
  keySums = take(<usize> chunks * 2 * headStride);
  farKeys = take(2 * headStride);
  if (!decays) return take(0);
  layoutMask(chunkSize);
  weightedK = take(<usize> length * headStride);
  throughs = take(vectorBytes(chunks));
  far = take(<usize> chunkSize * valueStride);
  farSums = take(2 * pairBytes(chunkSize));
  if (causal) return take(0);
  weightedKBack = take(<usize> length * headStride);
  throughsBack = take(vectorBytes(chunks));
  return take(0);
}

/** The output of every so many tiles of queries. */
export function attendFull(sequence: i32, part: i32): void {
  openSequence(sequence);
  for (let tile = part; tile < chunks; tile += segments) {
    openChunk(sequence, tile);
    openQueries();
    const y = outputRows();
    transposeToPairs(count, headDim, q, headStride, transposed);
    if (decays) attendWithDecays(sequence, tile, y);
    else {
      attendFar(sequence, 0, chunks, 0, 0, y);
      addUpScores(1, sums);
    }
    finish(y);
  }
}

/** What all tiles of queries need of all tiles of keys. */
function openSequence(sequence: i32): void {
  const head = <i32> (headStride >> 2), sides = decays && !causal ? 2 : 1;
  for (let tile = 0; tile < chunks; tile++) {
    const keys = countOf(tile), first = tile * chunkSize;
    const from = sequence * length + first, place = first * headStride;
    const k = keyRows(keys, from);
    if (decays) {
      bordersOf(keys, logDecay(job.f, from), logDecay(job.b, from));
      scaleRows(keys, headStride, leaving, k, weightedK + place);
      put(throughs, tile, through(keys));
      if (!causal) {
        scaleRows(keys, headStride, leavingBack, k, weightedKBack + place);
        put(throughsBack, tile, throughBack());
      }
    } else for (let j = 0; j < keys; j++) put(leaving, j, 1);
    multiply(
      sides,
      head,
      keys,
      leaving,
      leavingBack - leaving,
      k,
      headStride,
      keySumsOf(tile, 0),
      headStride,
      0,
      0,
      0,
    );
  }
}

function keyRows(keys: i32, from: i32): usize {
  return paddedRows(keys, job.k + from * headBytes, headBytes, rowsK, headStride);
}

/** The sum over a tile of the keys with their decays to the right or, on side 1, to the left. */
function keySumsOf(tile: i32, side: i32): usize {
  return keySums + <usize> (2 * tile + side) * headStride;
}

/** The keys in the tile, those before it and those after it. */
function attendWithDecays(sequence: i32, tile: i32, y: usize): void {
  const row = pairBytes(count);
  const f = logDecay(job.f, token), b = logDecay(job.b, token);
  computeScores(count, k);
  weighScores(count, f, b, scores, row, sums);
  addValues(count, v, y, 0);
  memory.fill(farKeys, 0, 2 * headStride);
  if (tile > 0) {
    attendFar(sequence, 0, tile, weightedK, throughs, far);
    addScaledRows(count, valueStride, entering, far, y);
  }
  if (!causal && tile < chunks - 1) {
    attendFar(sequence, chunks - 1, tile, weightedKBack, throughsBack, far);
    addScaledRows(count, valueStride, enteringBack, far, y);
  }
  addUpScores(causal ? 1 : 2, farSums);
  for (let c: usize = 0; c < row; c += 16) {
    let sum = v128.load(sums + c);
    sum = multiplyAdd(v128.load(entering + c), v128.load(farSums + c), sum);
    if (!causal) {
      const back = v128.load(farSums + row + c);
      sum = multiplyAdd(v128.load(enteringBack + c), back, sum);
    }
    v128.store(sums + c, sum);
  }
}

/**
 * to_i = Σ_j w_j (q_i · k_j) v_j over the tiles from the first to the one before
 * the end, in either direction, the w_j being the decays from the key to the
 * border of the queries; and Σ_j w_j k_j.
 */
function attendFar(
  sequence: i32,
  first: i32,
  end: i32,
  weighted: usize,
  throughs: usize,
  to: usize,
): void {
  const step = first <= end ? 1 : -1, side = step < 0 ? 1 : 0;
  const sum = farKeys + side * headStride;
  for (let tile = first; tile !== end; tile += step) {
    const keys = countOf(tile), offset = tile * chunkSize;
    const from = sequence * length + offset;
    const k = decays ? weighted + offset * headStride : keyRows(keys, from);
    const v = paddedRows(
      keys,
      job.v + from * valueBytes,
      valueBytes,
      rowsV,
      valueStride,
    );
    let passing: f32 = 0;
    if (tile !== first) passing = decays ? at(throughs, tile) : 1;
    computeScores(keys, k);
    addValues(keys, v, to, passing);
    const own = keySumsOf(tile, side);
    if (tile === first) memory.copy(sum, own, headStride);
    else scaleAndAdd(headStride, sum, passing, own);
    countProgress();
  }
}

/** The scores of keys, [keys, queries]. */
function computeScores(keys: i32, k: usize): void {
  const row = pairBytes(count), columns = <i32> (row >> 2);
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
}

/** to_i = passing to_i + Σ_j score_ji v_j */
function addValues(keys: i32, v: usize, to: usize, passing: f32): void {
  multiplyTransposed(
    count,
    <i32> (valueStride >> 2),
    keys,
    scores,
    pairBytes(count),
    v,
    valueStride,
    to,
    valueStride,
    passing,
    to,
    valueStride,
  );
}

/** Sums of the scores with the keys far away, of one side or both. */
function addUpScores(sides: i32, to: usize): void {
  const row = pairBytes(count), columns = <i32> (row >> 2);
  multiply(
    sides,
    columns,
    headDim,
    farKeys,
    headStride,
    transposed,
    row,
    to,
    row,
    0,
    0,
    0,
  );
}

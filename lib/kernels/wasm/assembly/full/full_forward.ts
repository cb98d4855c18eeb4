// The full form's forward pass: a task has some tiles of queries, and for each goes
// through all tiles of keys.
//
// Where queries and keys are of the same tile, scores are masked entry by entry.
// Elsewhere the mask is a product: of a key's decay to the border of its tile, by
// which the key is multiplied beforehand; of the decays of the tiles between, by
// which the sum over tiles is multiplied on its way from the farthest to the nearest;
// and of the query's decay from the border, by which the sum is multiplied at last.
// So scores of other tiles are plain products, and the sum of a row of them is the
// product of the query and the sum of the keys.
import * as sizes from "../chunkwise/sizes";
import * as decay from "../chunkwise/decay";
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import * as intra from "../chunkwise/intra_chunk";
import { attention as job } from "../jobs";
import { layoutMask } from "../chunkwise/mask";
import { maskScores } from "./mask_scores";
import {
  addScaledRows, scaleAndAdd, scaleRows
} from "../../../../tfjs/wasm/assembly/math/loops";
import {
  at, paddedRows, put, transposeToPairs
} from "../../../../tfjs/wasm/assembly/math/matrix";
import {
  multiplyAdd, pairBytes, vectorBytes
} from "../../../../tfjs/wasm/assembly/math/simd";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

/**
 * All keys times the decay to the right border of their tile, and to the left,
 * `[length, headDim]`.
 */
let weightedK: usize = 0;
let weightedKBack: usize = 0;
/** Sums of the decayed keys over each tile, `[chunks, 2, headDim]`. */
let keySums: usize = 0;
/** The decay over each whole tile, forward; `tileDecaysBack` is that back. */
let tileDecays: usize = 0;
let tileDecaysBack: usize = 0;
/**
 * Sums over the tiles on one side of the queries, before the queries' decays from
 * the border.
 */
let far: usize = 0;
/**
 * Sums of the keys on either side, `[2, headDim]`, and of the queries' scores
 * with them, `[2, queries]`.
 */
let farKeys: usize = 0;
let farSums: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  sizes.readAttention();
  sizes.layout(base, 0, false);
  keySums = sizes.allocate(<usize> sizes.chunks * 2 * sizes.headStride);
  farKeys = sizes.allocate(2 * sizes.headStride);
  if (!sizes.decays) return sizes.allocate(0);
  layoutMask(sizes.chunkSize);
  weightedK = sizes.allocate(<usize> sizes.length * sizes.headStride);
  tileDecays = sizes.allocate(vectorBytes(sizes.chunks));
  far = sizes.allocate(<usize> sizes.chunkSize * sizes.valueStride);
  farSums = sizes.allocate(2 * pairBytes(sizes.chunkSize));
  if (sizes.causal) return sizes.allocate(0);
  weightedKBack = sizes.allocate(<usize> sizes.length * sizes.headStride);
  tileDecaysBack = sizes.allocate(vectorBytes(sizes.chunks));
  return sizes.allocate(0);
}

export function tasks(phase: i32): i32 {
  return phase === 0 ? 0 : job.sequences * sizes.splits;
}

/** Computes the output of a task's tiles of queries: every `splits`-th tile. */
export function perform(_phase: i32, task: i32): void {
  const sequence = task / sizes.splits, part = task % sizes.splits;
  openSequence(sequence);
  for (let tile = part; tile < sizes.chunks; tile += sizes.splits) {
    intra.openChunk(sequence, tile);
    intra.openQueries();
    const y = intra.outputRows();
    transposeToPairs(
      intra.count, sizes.headDim, intra.q, sizes.headStride, sizes.transposed
    );
    if (sizes.decays) attendWithDecays(sequence, tile, y);
    else {
      attendFar(sequence, 0, sizes.chunks, 0, 0, y);
      addUpScores(1, sizes.rowSums);
    }
    intra.finishRows(y);
  }
}

/** Fills the decayed keys, their sums and the decays of all tiles of a sequence. */
function openSequence(sequence: i32): void {
  const head = <i32> (sizes.headStride >> 2),
    sides = sizes.decays && !sizes.causal ? 2 : 1;
  for (let tile = 0; tile < sizes.chunks; tile++) {
    const keys = sizes.countOf(tile), first = tile * sizes.chunkSize;
    const from = sequence * sizes.length + first,
      place = first * sizes.headStride;
    const k = keyRows(keys, from);
    if (sizes.decays) {
      decay.openBorderDecays(
        keys, sizes.logDecay(job.f, from), sizes.logDecay(job.b, from)
      );
      scaleRows(keys, sizes.headStride, decay.decayToEnd, k, weightedK + place);
      put(tileDecays, tile, decay.forwardChunkDecay(keys));
      if (!sizes.causal) {
        scaleRows(
          keys, sizes.headStride, decay.decayToStart, k, weightedKBack + place
        );
        put(tileDecaysBack, tile, decay.backChunkDecay());
      }
    } else for (let j = 0; j < keys; j++) put(decay.decayToEnd, j, 1);
    multiply(
      sides, head, keys,
      decay.decayToEnd, decay.decayToStart - decay.decayToEnd,
      k, sizes.headStride,
      keySumsOf(tile, 0), sizes.headStride, 0, 0, 0
    );
  }
}

function keyRows(keys: i32, from: i32): usize {
  return paddedRows(
    keys, job.k + from * sizes.headBytes, sizes.headBytes, sizes.rowsK,
    sizes.headStride
  );
}

/**
 * The sum over a tile of its keys, decayed to the right border or, on side 1, to
 * the left.
 */
function keySumsOf(tile: i32, side: i32): usize {
  return keySums + <usize> (2 * tile + side) * sizes.headStride;
}

/** The output of a tile of queries, from keys in the tile, before it and after it. */
function attendWithDecays(sequence: i32, tile: i32, y: usize): void {
  const row = pairBytes(intra.count);
  const f = sizes.logDecay(job.f, intra.token),
    b = sizes.logDecay(job.b, intra.token);
  computeScores(intra.count, intra.k);
  maskScores(intra.count, f, b, sizes.scores, row, sizes.rowSums);
  addValues(intra.count, intra.v, y, 0);
  memory.fill(farKeys, 0, 2 * sizes.headStride);
  if (tile > 0) {
    attendFar(sequence, 0, tile, weightedK, tileDecays, far);
    addScaledRows(intra.count, sizes.valueStride, decay.decayFromStart, far, y);
  }
  if (!sizes.causal && tile < sizes.chunks - 1) {
    attendFar(
      sequence, sizes.chunks - 1, tile, weightedKBack, tileDecaysBack, far
    );
    addScaledRows(intra.count, sizes.valueStride, decay.decayFromEnd, far, y);
  }
  addUpScores(sizes.causal ? 1 : 2, farSums);
  for (let c: usize = 0; c < row; c += 16) {
    let sum = v128.load(sizes.rowSums + c);
    sum = multiplyAdd(
      v128.load(decay.decayFromStart + c), v128.load(farSums + c), sum
    );
    if (!sizes.causal) {
      const back = v128.load(farSums + row + c);
      sum = multiplyAdd(v128.load(decay.decayFromEnd + c), back, sum);
    }
    v128.store(sizes.rowSums + c, sum);
  }
}

/**
 * to_i = Σ_j w_j (q_i · k_j) v_j over the tiles from the first to the one before
 * the end, in either direction, the w_j being the decays from the key to the
 * border of the queries; and Σ_j w_j k_j.
 */
function attendFar(
  sequence: i32, first: i32, end: i32, weighted: usize, tileDecays: usize,
  to: usize
): void {
  const step = first <= end ? 1 : -1, side = step < 0 ? 1 : 0;
  const sum = farKeys + side * sizes.headStride;
  for (let tile = first; tile !== end; tile += step) {
    const keys = sizes.countOf(tile), offset = tile * sizes.chunkSize;
    const from = sequence * sizes.length + offset;
    const k = sizes.decays
      ? weighted + offset * sizes.headStride
      : keyRows(keys, from);
    const v = paddedRows(
      keys, job.v + from * sizes.valueBytes, sizes.valueBytes, sizes.rowsV,
      sizes.valueStride
    );
    let passing: f32 = 0;
    if (tile !== first) passing = sizes.decays ? at(tileDecays, tile) : 1;
    computeScores(keys, k);
    addValues(keys, v, to, passing);
    const own = keySumsOf(tile, side);
    if (tile === first) memory.copy(sum, own, sizes.headStride);
    else scaleAndAdd(sizes.headStride, passing, sum, own);
    countProgress();
  }
}

/** Computes the scores of keys, `[keys, queries]`. */
function computeScores(keys: i32, k: usize): void {
  const row = pairBytes(intra.count), columns = <i32> (row >> 2);
  multiply(
    keys, columns, sizes.headDim,
    k, sizes.headStride, sizes.transposed, row,
    sizes.scores, row, 0, 0, 0
  );
}

/** to_i = passing to_i + Σ_j score_ji v_j */
function addValues(keys: i32, v: usize, to: usize, passing: f32): void {
  multiplyTransposed(
    intra.count, <i32> (sizes.valueStride >> 2), keys,
    sizes.scores, pairBytes(intra.count), v, sizes.valueStride,
    to, sizes.valueStride, passing, to, sizes.valueStride
  );
}

/** Sums of the scores with the keys of other tiles, on one side or both. */
function addUpScores(sides: i32, to: usize): void {
  const row = pairBytes(intra.count), columns = <i32> (row >> 2);
  multiply(
    sides, columns, sizes.headDim,
    farKeys, sizes.headStride, sizes.transposed, row,
    to, row, 0, 0, 0
  );
}

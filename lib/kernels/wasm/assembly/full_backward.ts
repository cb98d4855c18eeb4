// The full form's backward pass: a task has some tiles of keys, and for each goes
// through all tiles of queries, whose products it makes again. Gradients in keys
// and values are its own; those in queries are partial sums, one for each task
// of a sequence, which the second phase adds up.
//
// Off the diagonal the mask is a product: of a query's decay on its side of the
// border of its tile, which its loss gradient has in it; of the decay of the tiles
// between; and of a key's on its side. Whatever is summed up over tiles from the
// farthest to the nearest is multiplied on its way by the decay of each tile that
// it passes, so that the products of a pair of tiles are all there is to do for it.
import {
  causal,
  chunks,
  chunkSize,
  columnsStride,
  countOf,
  decays,
  headBytes,
  headDim,
  headStride,
  length,
  logDecay,
  rowsQ,
  scores,
  segments,
  take,
  transposed,
  valueDim,
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
import {
  addPassing,
  clearRecord,
  openRecord,
  passesAfter,
  passesBefore,
  readsAfter,
  readsBefore,
} from "./full_sums";
import { multiply, multiplyTransposed } from "./gemm";
import {
  count,
  decayGradients,
  gradientsInside,
  k,
  layoutGradients,
  lowerRows,
  openChunk,
  openGradients,
  products,
  rowsDk,
  rowsG,
  storeKeyRows,
  sumsBytes,
  transposedV,
  transposeKeys,
  wholeRows,
  wholeValueRows,
  writtenAfter,
  writtenBefore,
} from "./inside_gradient";
import { attention as job } from "./jobs";
import {
  addScaledRows,
  addScaledRowsAndDot,
  at,
  dot,
  paddedRows,
  put,
  scaleRows,
} from "./matrix";
import { pairBytes, vectorBytes } from "./simd";
import { countProgress } from "./threads";

/** The loss gradients of all queries, `[length, valueDim + 1]`; with decays, times those on either side. */
let gradients: usize = 0;
let gradientsBack: usize = 0;
/** Decays of each tile, either way. */
let throughs: usize = 0;
let throughsBack: usize = 0;
/** Gradients in all queries from the keys before and after their tiles, `[length, headDim]`. */
let dqBefore: usize = 0;
let dqAfter: usize = 0;
/** Keys times the decay to the border of their tile; and further. */
let weightedK: usize = 0;
let fadedK: usize = 0;
/** The decay of the tiles between the keys and each tile of queries. */
let between: usize = 0;
/** A weight for each row of a tile. */
let rowWeights: usize = 0;
/** Gradients from the queries on one side, before the decays on the keys' side of the border. */
let farK: usize = 0;
let farV: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutFullBackward(base: usize): usize {
  layoutGradients(base, 0);
  const tokens = <usize> chunkSize, all = <usize> length;
  gradients = take(all * columnsStride);
  if (!decays) return take(0);
  throughs = take(vectorBytes(chunks));
  dqBefore = take(all * headStride);
  between = take(vectorBytes(chunks));
  weightedK = take(tokens * headStride);
  rowWeights = take(vectorBytes(chunkSize));
  farK = take(tokens * headStride);
  farV = take(tokens * valueStride);
  if (causal) return take(0);
  gradientsBack = take(all * columnsStride);
  throughsBack = take(vectorBytes(chunks));
  dqAfter = take(all * headStride);
  fadedK = take(tokens * headStride);
  return take(0);
}

/** All that every so many tiles of keys contribute. */
export function differentiateFull(sequence: i32, part: i32): void {
  const dq = openRecord(sequence, part);
  clearRecord();
  openSequence(sequence);
  for (let tile = part; tile < chunks; tile += segments) {
    openChunk(sequence, tile);
    const dk = wholeRows(job.dk, rowsDk), dv = wholeValueRows();
    if (decays) {
      memory.fill(lowerRows, 0, sumsBytes);
      // Leaves keys and values transposed.
      gradientsInside(dq + tile * chunkSize * headStride, dk, dv);
      gradientsFromAfter(sequence, tile, part, dk, dv);
      if (!causal) gradientsFromBefore(sequence, tile, part, dk, dv);
      decayGradients(0, 0);
    } else {
      transposeKeys();
      for (let i = 0; i < chunks; i++) {
        const kept: f32 = tile === part ? 0 : 1;
        addPairs(sequence, i, gradients, k, dq, kept, dk, dv, i > 0 ? 1 : 0);
      }
    }
    storeKeyRows(dk, dv);
  }
  if (decays) addFarQueries(sequence, part, dq);
}

/** What all tiles of keys need of all tiles of queries. */
function openSequence(sequence: i32): void {
  for (let tile = 0; tile < chunks; tile++) {
    const rows = countOf(tile), first = tile * chunkSize;
    const from = sequence * length + first, place = first * columnsStride;
    if (!decays) {
      openGradients(rows, from, gradients + place);
      continue;
    }
    openGradients(rows, from, rowsG);
    bordersOf(rows, logDecay(job.f, from), logDecay(job.b, from));
    scaleRows(rows, columnsStride, entering, rowsG, gradients + place);
    put(throughs, tile, through(rows));
    if (causal) continue;
    scaleRows(rows, columnsStride, enteringBack, rowsG, gradientsBack + place);
    put(throughsBack, tile, throughBack());
  }
}

/** From the tiles of queries after a tile of keys. */
function gradientsFromAfter(
  sequence: i32,
  tile: i32,
  part: i32,
  dk: usize,
  dv: usize,
): void {
  if (tile === chunks - 1) return;
  scaleRows(count, headStride, leaving, k, weightedK);
  // What the tiles of keys so far have added passes those up to this one.
  let kept: f32 = tile === part ? 0 : 1;
  for (let i = tile - segments + 1; i <= tile; i++) {
    if (i > 0) kept *= at(throughs, i);
  }
  let decay: f32 = 1;
  for (let i = tile + 1; i < chunks; i++) {
    put(between, i, decay);
    decay *= at(throughs, i);
  }
  for (let i = chunks - 1; i > tile; i--) {
    const passing = i < chunks - 1 ? pass(i, throughs, passesBefore) : 0;
    addPairs(sequence, i, gradients, weightedK, dqBefore, kept, farK, farV, passing);
  }
  addFar(leaving, dk, dv, writtenAfter);
}

/** From those before it. */
function gradientsFromBefore(
  sequence: i32,
  tile: i32,
  part: i32,
  dk: usize,
  dv: usize,
): void {
  if (tile === 0) return;
  scaleRows(count, headStride, leavingBack, k, weightedK);
  let decay: f32 = 1;
  for (let i = tile - 1; i >= 0; i--) {
    put(between, i, decay);
    decay *= at(throughsBack, i);
  }
  for (let i = 0; i < tile; i++) {
    const passing = i > 0 ? pass(i, throughsBack, passesAfter) : 0;
    // The nearest tiles of keys come first here: each has its own decay in it.
    const keys = i === tile - 1 ? weightedK : fadedKeys(at(between, i));
    const kept: f32 = i < tile - segments ? 1 : 0;
    addPairs(sequence, i, gradientsBack, keys, dqAfter, kept, farK, farV, passing);
  }
  addFar(leavingBack, dk, dv, writtenBefore);
}

/**
 * Adds what the queries beyond a tile have read through it to the loss gradients
 * in its exponents; returns what it lets through.
 */
function pass(tile: i32, throughs: usize, passes: usize): f32 {
  const decay = at(throughs, tile), loss = dot(count * headStride, weightedK, farK);
  addPassing(passes, tile, at(between, tile) * decay * loss);
  return decay;
}

function fadedKeys(decay: f32): usize {
  for (let j = 0; j < count; j++) put(rowWeights, j, decay * at(leavingBack, j));
  scaleRows(count, headStride, rowWeights, k, fadedK);
  return fadedK;
}

/** dk_j += weight_j farK_j, dv_j likewise; dots_j are that times the key. */
function addFar(weights: usize, dk: usize, dv: usize, dots: usize): void {
  addScaledRowsAndDot(count, headStride, weights, farK, k, dk, dots);
  addScaledRows(count, valueStride, weights, farV, dv);
}

/**
 * Adds what a tile of queries and the tile of keys have to do with each other,
 * to what is kept of the gradients in queries so far, and to what passes of
 * those in keys and values.
 */
function addPairs(
  sequence: i32,
  tile: i32,
  gradients: usize,
  keys: usize,
  dq: usize,
  kept: f32,
  dk: usize,
  dv: usize,
  passing: f32,
): void {
  const row = pairBytes(count), columns = <i32> (row >> 2);
  const head = <i32> (headStride >> 2), width = <i32> (valueStride >> 2);
  const inner = job.normalize !== 0 ? valueDim + 1 : valueDim;
  const rows = countOf(tile), first = tile * chunkSize;
  const offset = (sequence * length + first) * headBytes;
  const q = paddedRows(rows, job.q + offset, headBytes, rowsQ, headStride);
  const g = gradients + first * columnsStride;
  multiply(
    rows,
    columns,
    headDim,
    q,
    headStride,
    transposed,
    row,
    scores,
    row,
    0,
    0,
    0,
  );
  multiplyTransposed(
    count,
    width,
    rows,
    scores,
    row,
    g,
    columnsStride,
    dv,
    valueStride,
    passing,
    dv,
    valueStride,
  );
  multiply(
    rows,
    columns,
    inner,
    g,
    columnsStride,
    transposedV,
    row,
    products,
    row,
    0,
    0,
    0,
  );
  multiplyTransposed(
    count,
    head,
    rows,
    products,
    row,
    q,
    headStride,
    dk,
    headStride,
    passing,
    dk,
    headStride,
  );
  const target = dq + first * headStride;
  multiply(
    rows,
    head,
    count,
    products,
    row,
    keys,
    headStride,
    target,
    headStride,
    kept,
    target,
    headStride,
  );
  countProgress();
}

/** Adds what the queries have of keys outside of their tiles; `reads` is that times the query. */
function addFarQueries(sequence: i32, part: i32, dq: usize): void {
  const last = part + (chunks - 1 - part) / segments * segments;
  for (let tile = 0; tile < chunks; tile++) {
    const rows = countOf(tile), first = tile * chunkSize;
    const offset = (sequence * length + first) * headBytes;
    const q = paddedRows(rows, job.q + offset, headBytes, rowsQ, headStride);
    const place = first * headStride, target = dq + place;
    const distance = (tile - part) % segments;
    if (distance !== 0) memory.fill(target, 0, rows * headStride);
    if (tile > part) {
      // The nearest tile of keys that the task has may have others before this one.
      let decay: f32 = 1;
      const nearest = tile - (distance === 0 ? segments : distance);
      for (let i = nearest + 1; i < tile; i++) decay *= at(throughs, i);
      addRows(rows, decay, dqBefore + place, q, target, readsBefore + 4 * first);
    }
    if (causal || tile >= last) continue;
    addRows(rows, 1, dqAfter + place, q, target, readsAfter + 4 * first);
  }
}

/** target_i += weight source_i; dots_i = weight source_i · row_i */
function addRows(
  rows: i32,
  weight: f32,
  source: usize,
  row: usize,
  target: usize,
  dots: usize,
): void {
  for (let i = 0; i < rows; i++) put(rowWeights, i, weight);
  addScaledRowsAndDot(rows, headStride, rowWeights, source, row, target, dots);
}

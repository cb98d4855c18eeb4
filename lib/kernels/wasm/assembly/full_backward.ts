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
import * as sizes from "./attention";
import * as ofDecay from "./decay";
import * as sums from "./full_sums";
import { multiply, multiplyTransposed } from "./gemm";
import * as intra from "./inside_gradient";
import { attention as job } from "./jobs";
import {
  addScaledRows, addScaledRowsAndDot, at, dot, paddedRows, put, scaleRows,
} from "./matrix";
import { pairBytes, vectorBytes } from "./simd";
import { countProgress } from "./progress";

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
  intra.layoutGradients(base, 0);
  const tokens = <usize> sizes.chunkSize, all = <usize> sizes.length;
  gradients = sizes.take(all * sizes.columnsStride);
  if (!sizes.decays) return sizes.take(0);
  throughs = sizes.take(vectorBytes(sizes.chunks));
  dqBefore = sizes.take(all * sizes.headStride);
  between = sizes.take(vectorBytes(sizes.chunks));
  weightedK = sizes.take(tokens * sizes.headStride);
  rowWeights = sizes.take(vectorBytes(sizes.chunkSize));
  farK = sizes.take(tokens * sizes.headStride);
  farV = sizes.take(tokens * sizes.valueStride);
  if (sizes.causal) return sizes.take(0);
  gradientsBack = sizes.take(all * sizes.columnsStride);
  throughsBack = sizes.take(vectorBytes(sizes.chunks));
  dqAfter = sizes.take(all * sizes.headStride);
  fadedK = sizes.take(tokens * sizes.headStride);
  return sizes.take(0);
}

/** All that every so many tiles of keys contribute. */
export function differentiateFull(sequence: i32, part: i32): void {
  const dq = sums.openRecord(sequence, part);
  sums.clearRecord();
  openSequence(sequence);
  for (let tile = part; tile < sizes.chunks; tile += sizes.segments) {
    intra.openChunk(sequence, tile);
    const dk = intra.wholeRows(job.dk, intra.rowsDk),
      dv = intra.wholeValueRows();
    if (sizes.decays) {
      memory.fill(intra.lowerRows, 0, intra.sumsBytes);
      // Leaves keys and values transposed.
      intra.gradientsInside(
        dq + tile * sizes.chunkSize * sizes.headStride,
        dk,
        dv,
      );
      gradientsFromAfter(sequence, tile, part, dk, dv);
      if (!sizes.causal) gradientsFromBefore(sequence, tile, part, dk, dv);
      intra.decayGradients(0, 0);
    } else {
      intra.transposeKeys();
      for (let i = 0; i < sizes.chunks; i++) {
        const kept: f32 = tile === part ? 0 : 1;
        addPairs(
          sequence,
          i,
          gradients,
          intra.k,
          dq,
          kept,
          dk,
          dv,
          i > 0 ? 1 : 0,
        );
      }
    }
    intra.storeKeyRows(dk, dv);
  }
  if (sizes.decays) addFarQueries(sequence, part, dq);
}

/** What all tiles of keys need of all tiles of queries. */
function openSequence(sequence: i32): void {
  for (let tile = 0; tile < sizes.chunks; tile++) {
    const rows = sizes.countOf(tile), first = tile * sizes.chunkSize;
    const from = sequence * sizes.length + first,
      place = first * sizes.columnsStride;
    if (!sizes.decays) {
      intra.openGradients(rows, from, gradients + place);
      continue;
    }
    intra.openGradients(rows, from, intra.rowsG);
    ofDecay.bordersOf(
      rows,
      sizes.logDecay(job.f, from),
      sizes.logDecay(job.b, from),
    );
    scaleRows(
      rows,
      sizes.columnsStride,
      ofDecay.entering,
      intra.rowsG,
      gradients + place,
    );
    put(throughs, tile, ofDecay.through(rows));
    if (sizes.causal) continue;
    scaleRows(
      rows,
      sizes.columnsStride,
      ofDecay.enteringBack,
      intra.rowsG,
      gradientsBack + place,
    );
    put(throughsBack, tile, ofDecay.throughBack());
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
  if (tile === sizes.chunks - 1) return;
  scaleRows(
    intra.count,
    sizes.headStride,
    ofDecay.leaving,
    intra.k,
    weightedK,
  );
  // What the tiles of keys so far have added passes those up to this one.
  let kept: f32 = tile === part ? 0 : 1;
  for (let i = tile - sizes.segments + 1; i <= tile; i++) {
    if (i > 0) kept *= at(throughs, i);
  }
  let decay: f32 = 1;
  for (let i = tile + 1; i < sizes.chunks; i++) {
    put(between, i, decay);
    decay *= at(throughs, i);
  }
  for (let i = sizes.chunks - 1; i > tile; i--) {
    const passing = i < sizes.chunks - 1
      ? pass(i, throughs, sums.passesBefore)
      : 0;
    addPairs(
      sequence,
      i,
      gradients,
      weightedK,
      dqBefore,
      kept,
      farK,
      farV,
      passing,
    );
  }
  addFar(ofDecay.leaving, dk, dv, intra.writtenAfter);
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
  scaleRows(
    intra.count,
    sizes.headStride,
    ofDecay.leavingBack,
    intra.k,
    weightedK,
  );
  let decay: f32 = 1;
  for (let i = tile - 1; i >= 0; i--) {
    put(between, i, decay);
    decay *= at(throughsBack, i);
  }
  for (let i = 0; i < tile; i++) {
    const passing = i > 0 ? pass(i, throughsBack, sums.passesAfter) : 0;
    // The nearest tiles of keys come first here: each has its own decay in it.
    const keys = i === tile - 1 ? weightedK : fadedKeys(at(between, i));
    const kept: f32 = i < tile - sizes.segments ? 1 : 0;
    addPairs(
      sequence,
      i,
      gradientsBack,
      keys,
      dqAfter,
      kept,
      farK,
      farV,
      passing,
    );
  }
  addFar(ofDecay.leavingBack, dk, dv, intra.writtenBefore);
}

/**
 * Adds what the queries beyond a tile have read through it to the loss gradients
 * in its exponents; returns what it lets through.
 */
function pass(tile: i32, throughs: usize, passes: usize): f32 {
  const decay = at(throughs, tile),
    loss = dot(intra.count * sizes.headStride, weightedK, farK);
  sums.addPassing(passes, tile, at(between, tile) * decay * loss);
  return decay;
}

function fadedKeys(decay: f32): usize {
  for (let j = 0; j < intra.count; j++) {
    put(rowWeights, j, decay * at(ofDecay.leavingBack, j));
  }
  scaleRows(intra.count, sizes.headStride, rowWeights, intra.k, fadedK);
  return fadedK;
}

/** dk_j += weight_j farK_j, dv_j likewise; dots_j are that times the key. */
function addFar(weights: usize, dk: usize, dv: usize, dots: usize): void {
  addScaledRowsAndDot(
    intra.count,
    sizes.headStride,
    weights,
    farK,
    intra.k,
    dk,
    dots,
  );
  addScaledRows(intra.count, sizes.valueStride, weights, farV, dv);
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
  const row = pairBytes(intra.count), columns = <i32> (row >> 2);
  const head = <i32> (sizes.headStride >> 2),
    width = <i32> (sizes.valueStride >> 2);
  const inner = job.normalize !== 0 ? sizes.valueDim + 1 : sizes.valueDim;
  const rows = sizes.countOf(tile), first = tile * sizes.chunkSize;
  const offset = (sequence * sizes.length + first) * sizes.headBytes;
  const q = paddedRows(
    rows,
    job.q + offset,
    sizes.headBytes,
    sizes.rowsQ,
    sizes.headStride,
  );
  const g = gradients + first * sizes.columnsStride;
  multiply(
    rows, columns, sizes.headDim,
    q, sizes.headStride, sizes.transposed, row,
    sizes.scores, row, 0, 0, 0
  );
  multiplyTransposed(
    intra.count, width, rows,
    sizes.scores, row, g, sizes.columnsStride,
    dv, sizes.valueStride, passing, dv, sizes.valueStride
  );
  multiply(
    rows, columns, inner,
    g, sizes.columnsStride, intra.transposedV, row,
    intra.products, row, 0, 0, 0
  );
  multiplyTransposed(
    intra.count, head, rows,
    intra.products, row, q, sizes.headStride,
    dk, sizes.headStride, passing, dk, sizes.headStride
  );
  const target = dq + first * sizes.headStride;
  multiply(
    rows, head, intra.count,
    intra.products, row, keys, sizes.headStride,
    target, sizes.headStride, kept, target, sizes.headStride
  );
  countProgress();
}

/** Adds what the queries have of keys outside of their tiles; `reads` is that times the query. */
function addFarQueries(sequence: i32, part: i32, dq: usize): void {
  const last = part +
    (sizes.chunks - 1 - part) / sizes.segments * sizes.segments;
  for (let tile = 0; tile < sizes.chunks; tile++) {
    const rows = sizes.countOf(tile), first = tile * sizes.chunkSize;
    const offset = (sequence * sizes.length + first) * sizes.headBytes;
    const q = paddedRows(
      rows,
      job.q + offset,
      sizes.headBytes,
      sizes.rowsQ,
      sizes.headStride,
    );
    const place = first * sizes.headStride, target = dq + place;
    const distance = (tile - part) % sizes.segments;
    if (distance !== 0) memory.fill(target, 0, rows * sizes.headStride);
    if (tile > part) {
      // The nearest tile of keys that the task has may have others before this one.
      let decay: f32 = 1;
      const nearest = tile - (distance === 0 ? sizes.segments : distance);
      for (let i = nearest + 1; i < tile; i++) decay *= at(throughs, i);
      addRows(
        rows,
        decay,
        dqBefore + place,
        q,
        target,
        sums.readsBefore + 4 * first,
      );
    }
    if (sizes.causal || tile >= last) continue;
    addRows(rows, 1, dqAfter + place, q, target, sums.readsAfter + 4 * first);
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
  addScaledRowsAndDot(
    rows,
    sizes.headStride,
    rowWeights,
    source,
    row,
    target,
    dots,
  );
}

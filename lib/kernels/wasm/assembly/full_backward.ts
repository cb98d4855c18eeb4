// The full form's backward pass: a task has some tiles of keys, and for each goes
// through all tiles of queries, whose products it makes again. Gradients in keys
// and values are its own; those in queries are partial sums, one for each task
// of a sequence, which the second phase adds up.
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
  rowsV,
  scaled,
  scores,
  segments,
  take,
  transposed,
  valueDim,
  valueStride,
} from "./attention";
import {
  entering,
  enteringFrom,
  enteringFromBack,
  leaving,
  leavingBack,
} from "./decay";
import {
  addReads,
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
  read,
  rowsDk,
  rowsDq,
  rowsG,
  storeKeyRows,
  sumsBytes,
  transposedV,
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
  paddedRows,
  put,
  scaleAndAdd,
  scaleRows,
  transpose,
} from "./matrix";
import { vectorBytes } from "./simd";
import { countProgress } from "./threads";

/** Keys times the decay to the border of their tile. */
let weightedK: usize = 0;
/** Gradients from the queries on one side, before the decays on the keys' side of the border. */
let farK: usize = 0;
let farV: usize = 0;
let dots: usize = 0;
/** Sums of the loss gradients in the exponents between the keys and each tile of queries. */
let totals: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutFullBackward(base: usize): usize {
  layoutGradients(base, 0);
  const tokens = <usize> chunkSize;
  weightedK = take(tokens * headStride);
  farK = take(tokens * headStride);
  farV = take(tokens * valueStride);
  dots = take(vectorBytes(chunkSize));
  totals = take(vectorBytes(chunks));
  return take(0);
}

/** All that every so many tiles of keys contribute. */
export function differentiateFull(sequence: i32, part: i32): void {
  const dq = openRecord(sequence, part);
  clearRecord(dq);
  for (let tile = part; tile < chunks; tile += segments) {
    openChunk(sequence, tile);
    const dk = wholeRows(job.dk, rowsDk);
    const dv = wholeValueRows();
    if (decays) {
      gradientsWithDecays(sequence, tile, dq, dk, dv);
    } else {
      transposeKeys();
      gradientsFar(sequence, 0, chunks, dq, k, dk, dv, 0);
    }
    storeKeyRows(dk, dv);
    if (decays) decayGradients(0, 0);
  }
}

function transposeKeys(): void {
  const row = vectorBytes(count);
  transpose(count, headDim, k, headStride, transposed, row);
  transpose(count, valueDim + 1, rowsV, columnsStride, transposedV, row);
}

/** The tile's own queries, those after it and those before it. */
function gradientsWithDecays(
  sequence: i32,
  tile: i32,
  dq: usize,
  dk: usize,
  dv: usize,
): void {
  memory.fill(lowerRows, 0, sumsBytes);
  // Leaves keys and values transposed.
  gradientsInside(rowsDq, dk, dv);
  const own = dq + <usize> (tile * chunkSize) * headStride;
  scaleAndAdd(count * headStride, own, 1, rowsDq);
  if (tile < chunks - 1) {
    scaleRows(count, headStride, leaving, k, weightedK);
    gradientsFar(
      sequence,
      tile + 1,
      chunks,
      dq,
      weightedK,
      farK,
      farV,
      readsBefore,
    );
    addFar(leaving, dk, dv, writtenAfter);
    addPasses(chunks - 1, tile, passesBefore);
  }
  if (causal || tile === 0) return;
  scaleRows(count, headStride, leavingBack, k, weightedK);
  gradientsFar(sequence, tile - 1, -1, dq, weightedK, farK, farV, readsAfter);
  addFar(leavingBack, dk, dv, writtenBefore);
  addPasses(0, tile, passesAfter);
}

/** What the tiles of queries from the farthest on have read passes those between. */
function addPasses(farthest: i32, tile: i32, passes: usize): void {
  const step = farthest < tile ? 1 : -1;
  let passing: f32 = 0;
  for (let i = farthest; i !== tile; i += step) {
    put(passes, i, at(passes, i) + passing);
    passing += at(totals, i);
  }
}

/** dk_j += weight_j farK_j, dv_j likewise; dots_j are that times the key. */
function addFar(weights: usize, dk: usize, dv: usize, dots: usize): void {
  addScaledRowsAndDot(count, headStride, weights, farK, k, dk, dots);
  addScaledRows(count, valueStride, weights, farV, dv);
}

/**
 * From tiles of queries, the first to the one before the end in either
 * direction: adds to their gradients, and sets those of keys and values. With
 * decays, the keys are weighed and the queries are still to be; `reads` are then
 * the sums of the products of each query with what is added to its gradient.
 */
function gradientsFar(
  sequence: i32,
  first: i32,
  end: i32,
  dq: usize,
  keys: usize,
  dk: usize,
  dv: usize,
  reads: usize,
): void {
  const row = vectorBytes(count), columns = <i32> (row >> 2);
  const head = <i32> (headStride >> 2), width = <i32> (valueStride >> 2);
  const inner = job.normalize !== 0 ? valueDim + 1 : valueDim;
  const step = first <= end ? 1 : -1;
  // Log decay of the tiles between.
  let between: f32 = 0;
  for (let tile = first; tile !== end; tile += step) {
    const rows = countOf(tile), from = sequence * length + tile * chunkSize;
    const offset = from * headBytes;
    const q = paddedRows(rows, job.q + offset, headBytes, rowsQ, headStride);
    openGradients(rows, from);
    let queries = q;
    if (decays) {
      between = step > 0
        ? enteringFrom(rows, logDecay(job.f, from), between)
        : enteringFromBack(rows, logDecay(job.b, from), between);
      scaleRows(rows, headStride, entering, q, scaled);
      queries = scaled;
    }
    const kept: f32 = tile === first ? 0 : 1;
    multiply(
      rows,
      columns,
      headDim,
      queries,
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
      rowsG,
      columnsStride,
      dv,
      valueStride,
      kept,
      dv,
      valueStride,
    );
    multiply(
      rows,
      columns,
      inner,
      rowsG,
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
      queries,
      headStride,
      dk,
      headStride,
      kept,
      dk,
      headStride,
    );
    const target = dq + <usize> (tile * chunkSize) * headStride;
    multiply(
      rows,
      head,
      count,
      products,
      row,
      keys,
      headStride,
      decays ? read : target,
      headStride,
      decays ? 0 : 1,
      target,
      headStride,
    );
    if (decays) {
      addScaledRowsAndDot(rows, headStride, entering, read, q, target, dots);
      put(totals, tile, addReads(rows, tile, dots, reads));
    }
    countProgress();
  }
}

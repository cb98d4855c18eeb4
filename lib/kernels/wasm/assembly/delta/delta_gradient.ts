// The gradients of a chunk of the delta rule, given dR and dY (delta_backward.ts).
// Matrices of keys have those of queries below them. With ∇S = -dR Uᵀ below the
// diagonal and ∇P = dY Uᵀ, both masked:
//
//     dK = (β ∇S + its transpose) K + ∇Pᵀ Q - β e ∘ (dR Hᵀ) + out ∘ (U Gᵀ)
//     dQ = ∇P K + e ∘ (dY Hᵀ)
import * as sizes from "../chunkwise/sizes";
import {
  forwardChunkDecay, decayFromStart, decayToEnd, maskWeights
} from "../chunkwise/decay";
import * as delta from "./delta";
import * as channels from "./delta_diagonal";
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import { delta as job } from "../jobs";
import {
  addScaledRowsAndDot, dot, scaleAndAdd, scaleRows, scaleVectors
} from "../../../../tfjs/wasm/assembly/math/loops";
import { at, put, transpose } from "../../../../tfjs/wasm/assembly/math/matrix";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import {
  multiplyAdd, sum4, vectorBytes
} from "../../../../tfjs/wasm/assembly/math/simd";

/** The gradient dR of the open chunk, and below it dY, `[2 chunkSize, valueDim]`. */
export let dr: usize = 0, dy: usize = 0;
/** The gradient dK of the open chunk, and below it dQ, `[2 chunkSize, headDim]`. */
export let dk: usize = 0, dq: usize = 0;
/** The products β ∇S, and below them ∇P, `[2 chunkSize, chunkSize]`. */
let products: usize = 0;
let transposedVNew: usize = 0, transposedState: usize = 0;
/**
 * Weights of keys in the state before the chunk, -β e, and below them those of
 * queries, e.
 */
let entryWeights: usize = 0;
/**
 * Sums of the gradients in exponents, for those in log decays: over rows and columns
 * of the chunk's pairs, of rows that read from before it, of keys that write behind it.
 */
let rowSums: usize = 0, columnSums: usize = 0;
let entrySums: usize = 0, exitSums: usize = 0;
/** The gradient in the exponent of e_last. */
let chunkDecayGradient: f32 = 0;
let dbeta: usize = 0;
/** dY_i · v_i, in a sweep from the right. */
let selfDots: usize = 0;

/** Takes scratch beside the sweep's. */
export function layoutDeltaGradient(): void {
  const tokens = (<usize> sizes.chunkSize + 3) & ~3,
    row = vectorBytes(sizes.chunkSize);
  dr = allocate(2 * tokens * sizes.valueStride);
  dk = allocate(2 * tokens * sizes.headStride);
  products = allocate(2 * tokens * row);
  transposedVNew = allocate(<usize> sizes.valueDim * row);
  transposedState = allocate(<usize> sizes.valueDim * sizes.headStride);
  entryWeights = allocate(2 * row);
  rowSums = allocate(row);
  columnSums = allocate(row);
  entrySums = allocate(2 * row);
  exitSums = allocate(row);
  dbeta = allocate(row);
  selfDots = allocate(row);
}

/** Points to where the rows of dY and dQ of the chunk are. */
export function openRows(): void {
  dy = dr + delta.rows * sizes.valueStride;
  dq = dk + delta.rows * sizes.headStride;
}

/** Opens the gradients of a chunk, whose dY lies there before its scale. */
export function openGradients(): void {
  const bytes = <usize> delta.count * sizes.valueStride,
    row = vectorBytes(delta.count);
  scaleVectors(bytes, job.scale, dy, dy);
  for (let i = 0; i < delta.count; i++) {
    const e = at(decayFromStart, i);
    put(entryWeights, i, at(delta.minusBeta, i) * e);
    put(entryWeights, delta.rows + i, e);
    const row = i * sizes.valueStride;
    put(
      selfDots, i, delta.back ? dot(sizes.valueStride, dy + row, delta.v + row) : 0
    );
  }
  memory.fill(columnSums, 0, row);
  for (let i = delta.count; i < delta.rows; i++) put(entryWeights, i, 0);
  memory.fill(entrySums, 0, 2 * row);
  if (sizes.diagonal) channels.openSlopes(delta.rows);
  memory.fill(exitSums, 0, row);
  chunkDecayGradient = 0;
}

/** Writes dK, dQ and dβ that come from the chunk's own pairs, given W and U. */
export function pairGradients(errors: usize, vNew: usize): void {
  const row = vectorBytes(delta.count), head = <i32> (sizes.headStride >> 2);
  transpose(
    delta.count, sizes.valueDim, vNew, sizes.valueStride, transposedVNew, row
  );
  delta.clearRest(dy, sizes.valueStride);
  multiply(
    2 * delta.rows, <i32> (row >> 2), sizes.valueDim,
    dr, sizes.valueStride, transposedVNew, row,
    products, row, 0, 0, 0
  );
  const ofScores = products + delta.rows * row;
  for (let i = 0; i < delta.count; i++) {
    maskGradients(i, ofScores + i * row);
    const offset = i * sizes.valueStride;
    put(dbeta, i, dot(sizes.valueStride, dr + offset, errors + offset));
    if (!delta.back) continue;
    // The self term, β_i (q_i · k_i) v_i, is subtracted in this sweep.
    const slope = at(selfDots, i), diagonal = i * row;
    put(dbeta, i, at(dbeta, i) - at(delta.scores + diagonal, i) * slope);
    const old = at(ofScores + diagonal, i);
    put(ofScores + diagonal, i, old - delta.betaOf(i) * slope);
  }
  if (sizes.diagonal) {
    memory.fill(dk, 0, 2 * delta.rows * sizes.headStride);
    channels.addScoreGradients(delta.count, delta.k, delta.k, products, dk, dk);
    channels.addScoreGradients(delta.count, delta.q, delta.k, ofScores, dq, dk);
    return;
  }
  transpose(delta.count, delta.count, products, row, delta.wyMatrix, row);
  scaleAndAdd(delta.count * row, 1, products, delta.wyMatrix);
  multiply(
    delta.rows + delta.count, head, delta.count,
    products, row, delta.k, sizes.headStride,
    dk, sizes.headStride, 0, 0, 0
  );
  multiplyTransposed(
    delta.count, head, delta.count,
    ofScores, row, delta.q, sizes.headStride,
    dk, sizes.headStride, 1, dk, sizes.headStride
  );
}

/**
 * Masks a row of both products, and sums the loss gradient in each exponent over the
 * row and the columns, strictly below the diagonal.
 */
function maskGradients(i: i32, ofScores: usize): void {
  const row = vectorBytes(delta.count), offset = i * row;
  const ofKeys = products + offset, weight = maskWeights + offset;
  const keyScore = delta.keyScores + offset, score = delta.scores + offset;
  const limit = i32x4.splat(i), factor = f32x4.splat(at(delta.beta, i));
  let lanes = i32x4(0, 1, 2, 3);
  let sum = f32x4.splat(0);
  let c: usize = 0;
  do {
    const below = i32x4.lt_s(lanes, limit);
    const m = v128.load(weight + c), p = v128.load(ofScores + c);
    const s = v128.and(f32x4.neg(v128.load(ofKeys + c)), below);
    const both = f32x4.mul(s, v128.load(keyScore + c));
    const scored = f32x4.mul(p, v128.load(score + c));
    const e = multiplyAdd(both, factor, v128.and(scored, below));
    sum = f32x4.add(sum, e);
    v128.store(columnSums + c, f32x4.add(v128.load(columnSums + c), e));
    v128.store(ofKeys + c, f32x4.mul(f32x4.mul(s, m), factor));
    v128.store(ofScores + c, f32x4.mul(p, m));
    lanes = i32x4.add(lanes, i32x4.splat(4));
    c += 16;
  } while (c < row);
  put(rowSums, i, sum4(sum));
}

/**
 * Adds to dK, dQ and the gradients in log decays what comes from the state before
 * the chunk.
 */
export function stateGradients(state: usize): void {
  transposeState(state);
  multiply(
    delta.rows + delta.count, <i32> (sizes.headStride >> 2), sizes.valueDim,
    dr, sizes.valueStride, transposedState, sizes.headStride,
    delta.stateProducts, sizes.headStride, 0, 0, 0
  );
  if (sizes.diagonal) {
    scaleRows(
      delta.count, sizes.headStride, delta.minusBeta, delta.stateProducts,
      delta.stateProducts
    );
    channels.addFromStartGradients(delta.count, delta.stateProducts, delta.k, dk);
    channels.addFromStartGradients(
      delta.count, delta.stateProducts + delta.rows * sizes.headStride, delta.q,
      dq
    );
    return;
  }
  addScaledRowsAndDot(
    delta.rows + delta.count, sizes.headStride, entryWeights,
    delta.stateProducts, delta.k, dk, entrySums
  );
}

/**
 * Adds to dK and the gradients in log decays what comes from the gradient in the
 * state after the chunk.
 */
export function nextStateGradients(
  vNew: usize, state: usize, gradient: usize, some: bool
): void {
  transposeState(gradient);
  multiply(
    delta.count, <i32> (sizes.headStride >> 2), sizes.valueDim,
    vNew, sizes.valueStride, transposedState, sizes.headStride,
    delta.stateProducts, sizes.headStride, 0, 0, 0
  );
  if (sizes.diagonal) {
    channels.addToEndGradients(delta.count, delta.stateProducts, delta.k, dk);
    if (some) channels.addStateDecayGradient(delta.count, state, gradient);
    return;
  }
  addScaledRowsAndDot(
    delta.count, sizes.headStride, decayToEnd, delta.stateProducts, delta.k, dk,
    exitSums
  );
  if (!some) return;
  chunkDecayGradient = forwardChunkDecay(delta.count) *
    dot(sizes.headDim * sizes.valueStride, state, gradient);
}

function transposeState(state: usize): void {
  transpose(
    sizes.headDim, sizes.valueDim, state, sizes.valueStride, transposedState,
    sizes.headStride
  );
}

/** decayedRows = -β e ∘ K, and below it e ∘ Q */
export function decayEntries(): void {
  if (sizes.diagonal) {
    channels.decayFromStartAll(delta.count, delta.k, delta.decayedRows);
    delta.clearRest(delta.decayedRows, sizes.headStride);
    scaleRows(
      delta.count, sizes.headStride, delta.minusBeta, delta.decayedRows,
      delta.decayedRows
    );
    channels.decayFromStartAll(
      delta.count, delta.q, delta.decayedRows + delta.rows * sizes.headStride
    );
  } else {
    scaleRows(
      delta.rows + delta.count, sizes.headStride,
      entryWeights, delta.k, delta.decayedRows
    );
  }
}

/** Turns dR into dV. */
export function finishValues(): void {
  scaleRows(delta.count, sizes.valueStride, delta.beta, dr, dr);
  if (!delta.back) return;
  let target = dr, slope = dy;
  for (let i = 0; i < delta.count; i++) {
    const score = at(delta.scores + i * vectorBytes(delta.count), i);
    const weight = f32x4.splat(-delta.betaOf(i) * score);
    for (const end = target + sizes.valueStride; target < end; target += 16) {
      const sum = multiplyAdd(weight, v128.load(slope), v128.load(target));
      v128.store(target, sum);
      slope += 16;
    }
  }
}

/**
 * Stores the gradients in β, or adds them to what is there, and those in the log
 * decays.
 */
export function storeTokens(adds: bool): void {
  for (let i = 0; i < delta.count; i++) {
    const token = delta.tokenOf(i);
    put(job.dbeta, token, at(dbeta, i) + (adds ? at(job.dbeta, token) : 0));
  }
  const gates = delta.back ? job.db : job.df;
  if (gates === 0) return;
  if (sizes.diagonal) {
    delta.scatterKeys(gates, channels.slopes, false);
    return;
  }
  // A token's log decay is in the exponents of all pairs that it lies between.
  let inside: f32 = 0, before: f32 = 0, after: f32 = 0;
  for (let i = delta.count - 1; i >= 0; i--) {
    inside += at(rowSums, i) - at(columnSums, i);
    before += at(entrySums, i) + at(entrySums, delta.rows + i);
    // No pair of the chunk lies around its first token.
    put(rowSums, i, (i > 0 ? inside : 0) + before + chunkDecayGradient);
  }
  for (let i = 0; i < delta.count; i++) {
    put(gates, delta.tokenOf(i), at(rowSums, i) + after);
    after += at(exitSums, i);
  }
}

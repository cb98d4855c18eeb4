// The gradients of a chunk of the delta rule, given dR and dY (delta_backward.ts).
// Keys come with queries below them, and so do all things made of them. With
// ∇S = -dR Uᵀ below the diagonal and ∇P = dY Uᵀ, both weighed:
//
//     dK = (β ∇S + its transpose) K + ∇Pᵀ Q - β e ∘ (dR Hᵀ) + out ∘ (U Gᵀ)
//     dQ = ∇P K + e ∘ (dY Hᵀ)
import {
  chunkSize,
  diagonal,
  headDim,
  headStride,
  valueDim,
  valueStride,
} from "./attention";
import { entering, leaving, through, weights } from "./decay";
import {
  back,
  beta,
  betaOf,
  bordered,
  clearRest,
  count,
  giveKeys,
  k,
  keyScores,
  minusBeta,
  q,
  readings,
  rows,
  scores,
  system,
  tokenOf,
  v,
} from "./delta";
import {
  addEnterGradients,
  addLeaveGradients,
  addScoreGradients,
  addThroughGradient,
  enterAll,
  openSlopes,
  slopes,
} from "./delta_diagonal";
import { multiply, multiplyTransposed } from "./gemm";
import { delta as job } from "./jobs";
import {
  addScaledRowsAndDot,
  at,
  dot,
  put,
  scaleAndAdd,
  scaleRows,
  transpose,
} from "./matrix";
import { take } from "./scratch";
import { multiplyAdd, sum4, vectorBytes } from "./simd";

/** dR, and below it dY. */
export let dr: usize = 0, dy: usize = 0;
/** dK, and below it dQ. */
export let dk: usize = 0, dq: usize = 0;
/** β ∇S, and below it ∇P. */
let products: usize = 0;
let transposedU: usize = 0, transposedState: usize = 0;
/** -β e, and below it e. */
let enters: usize = 0;
/** What the gates need: sums over rows and columns of the chunk's pairs, of what comes from before it, and of what leaves it. */
let rowSums: usize = 0, columnSums: usize = 0;
let fromBefore: usize = 0, toAfter: usize = 0;
/** And of what passes through it. */
let crossing: f32 = 0;
let dbeta: usize = 0;
/** dY_i · v_i */
let own: usize = 0;

/** Goes on with a thread's scratch. */
export function layoutDeltaGradient(): void {
  const tokens = (<usize> chunkSize + 3) & ~3, row = vectorBytes(chunkSize);
  dr = take(2 * tokens * valueStride);
  dk = take(2 * tokens * headStride);
  products = take(2 * tokens * row);
  transposedU = take(<usize> valueDim * row);
  transposedState = take(<usize> valueDim * headStride);
  enters = take(2 * row);
  rowSums = take(row);
  columnSums = take(row);
  fromBefore = take(2 * row);
  toAfter = take(row);
  dbeta = take(row);
  own = take(row);
}

/** Points to a chunk's rows, before dY is read. */
export function openRows(): void {
  dy = dr + rows * valueStride;
  dq = dk + rows * headStride;
}

/** Begins with a chunk, whose dY is there as it came. */
export function openGradients(): void {
  const bytes = <usize> count * valueStride, row = vectorBytes(count);
  const factor = f32x4.splat(job.scale);
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(dy + i, f32x4.mul(factor, v128.load(dy + i)));
  }
  for (let i = 0; i < count; i++) {
    const e = at(entering, i);
    put(enters, i, at(minusBeta, i) * e);
    put(enters, rows + i, e);
    const row = i * valueStride;
    put(own, i, back ? dot(valueStride, dy + row, v + row) : 0);
  }
  memory.fill(columnSums, 0, row);
  for (let i = count; i < rows; i++) put(enters, i, 0);
  memory.fill(fromBefore, 0, 2 * row);
  if (diagonal) openSlopes(rows);
  memory.fill(toAfter, 0, row);
  crossing = 0;
}

/** From pairs of tokens in the chunk, and what each token has written. */
export function gradientsInside(errors: usize, written: usize): void {
  const row = vectorBytes(count), head = <i32> (headStride >> 2);
  transpose(count, valueDim, written, valueStride, transposedU, row);
  clearRest(dy, valueStride);
  multiply(
    2 * rows,
    <i32> (row >> 2),
    valueDim,
    dr,
    valueStride,
    transposedU,
    row,
    products,
    row,
    0,
    0,
    0,
  );
  const ofScores = products + rows * row;
  for (let i = 0; i < count; i++) {
    weighAndSum(i, ofScores + i * row);
    const offset = i * valueStride;
    put(dbeta, i, dot(valueStride, dr + offset, errors + offset));
    if (!back) continue;
    // What a token has written itself is not read again.
    const slope = at(own, i), diagonal = i * row;
    put(dbeta, i, at(dbeta, i) - at(scores + diagonal, i) * slope);
    const old = at(ofScores + diagonal, i);
    put(ofScores + diagonal, i, old - betaOf(i) * slope);
  }
  if (diagonal) {
    memory.fill(dk, 0, 2 * rows * headStride);
    addScoreGradients(count, k, k, products, dk, dk);
    addScoreGradients(count, q, k, ofScores, dq, dk);
    return;
  }
  transpose(count, count, products, row, system, row);
  scaleAndAdd(count * row, products, 1, system);
  multiply(
    rows + count,
    head,
    count,
    products,
    row,
    k,
    headStride,
    dk,
    headStride,
    0,
    0,
    0,
  );
  multiplyTransposed(
    count,
    head,
    count,
    ofScores,
    row,
    q,
    headStride,
    dk,
    headStride,
    1,
    dk,
    headStride,
  );
}

/**
 * Weighs a row of both products, and sums the loss gradient in each exponent
 * over the row and the columns, strictly below the diagonal.
 */
function weighAndSum(i: i32, ofScores: usize): void {
  const row = vectorBytes(count), offset = i * row;
  const ofKeys = products + offset, weight = weights + offset;
  const keyScore = keyScores + offset, score = scores + offset;
  const limit = i32x4.splat(i), factor = f32x4.splat(at(beta, i));
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

/** From the state before the chunk. */
export function gradientsWith(state: usize): void {
  transposeState(state);
  multiply(
    rows + count,
    <i32> (headStride >> 2),
    valueDim,
    dr,
    valueStride,
    transposedState,
    headStride,
    readings,
    headStride,
    0,
    0,
    0,
  );
  if (diagonal) {
    scaleRows(count, headStride, minusBeta, readings, readings);
    addEnterGradients(count, readings, k, dk);
    addEnterGradients(count, readings + rows * headStride, q, dq);
    return;
  }
  addScaledRowsAndDot(
    rows + count,
    headStride,
    enters,
    readings,
    k,
    dk,
    fromBefore,
  );
}

/** From the gradient in the state after the chunk. */
export function gradientsThrough(
  written: usize,
  state: usize,
  gradient: usize,
  some: bool,
): void {
  transposeState(gradient);
  multiply(
    count,
    <i32> (headStride >> 2),
    valueDim,
    written,
    valueStride,
    transposedState,
    headStride,
    readings,
    headStride,
    0,
    0,
    0,
  );
  if (diagonal) {
    addLeaveGradients(count, readings, k, dk);
    if (some) addThroughGradient(count, state, gradient);
    return;
  }
  addScaledRowsAndDot(count, headStride, leaving, readings, k, dk, toAfter);
  if (!some) return;
  crossing = through(count) * dot(headDim * valueStride, state, gradient);
}

function transposeState(state: usize): void {
  transpose(
    headDim,
    valueDim,
    state,
    valueStride,
    transposedState,
    headStride,
  );
}

/** bordered = -β e ∘ K, and below it e ∘ Q */
export function weighEntries(): void {
  if (diagonal) {
    enterAll(count, k, bordered);
    clearRest(bordered, headStride);
    scaleRows(count, headStride, minusBeta, bordered, bordered);
    enterAll(count, q, bordered + rows * headStride);
  } else scaleRows(rows + count, headStride, enters, k, bordered);
}

/** dR becomes dV. */
export function finishValues(): void {
  scaleRows(count, valueStride, beta, dr, dr);
  if (!back) return;
  let target = dr, slope = dy;
  for (let i = 0; i < count; i++) {
    const score = at(scores + i * vectorBytes(count), i);
    const weight = f32x4.splat(-betaOf(i) * score);
    for (const end = target + valueStride; target < end; target += 16) {
      const sum = multiplyAdd(weight, v128.load(slope), v128.load(target));
      v128.store(target, sum);
      slope += 16;
    }
  }
}

/** Stores the gradients in β, or adds them to what is there, and those in the log decays. */
export function storeTokens(adds: bool): void {
  for (let i = 0; i < count; i++) {
    const token = tokenOf(i);
    put(job.dbeta, token, at(dbeta, i) + (adds ? at(job.dbeta, token) : 0));
  }
  const gates = back ? job.db : job.df;
  if (gates === 0) return;
  if (diagonal) {
    giveKeys(gates, slopes, false);
    return;
  }
  // A token's log decay is in the exponents of all pairs that it lies between.
  let inside: f32 = 0, before: f32 = 0, after: f32 = 0;
  for (let i = count - 1; i >= 0; i--) {
    inside += at(rowSums, i) - at(columnSums, i);
    before += at(fromBefore, i) + at(fromBefore, rows + i);
    // No pair of the chunk lies around its first token.
    put(rowSums, i, (i > 0 ? inside : 0) + before + crossing);
  }
  for (let i = 0; i < count; i++) {
    put(gates, tokenOf(i), at(rowSums, i) + after);
    after += at(toAfter, i);
  }
}

// The gradient of softmax attention, from scores that are computed again. With
// the weights p_ij and D_i = dy_i · y_i,
//
//     dv_j = Σ_i p_ij dy_i          t_ij = p_ij (dy_i · v_j - D_i)
//     dq_i = s Σ_j t_ij k_j         dk_j = s Σ_i t_ij q_i
//
// A task has every `parts`-th block of a sequence's keys, whose gradients it
// computes alone. The second phase adds up the parts of dq of a sequence's tasks, if
// there are several, and the gradient in the log decays, t_ij being that in log M_ij.
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import { scaleVectors } from "../../../../tfjs/wasm/assembly/math/loops";
import { softmax as job } from "../jobs";
import { queue } from "../../../../tfjs/wasm/assembly/runtime/queue";
import {
  at, put, transposeToPairs, unpadRows
} from "../../../../tfjs/wasm/assembly/math/matrix";
import { expAndGradient } from "../../../../tfjs/wasm/assembly/math/vector_exp";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import {
  multiplyAdd, sum4, vectorBytes
} from "../../../../tfjs/wasm/assembly/math/simd";
import { layoutLogMask, openLogMask } from "./log_mask";
import * as gradient from "./log_mask_gradient";
import { computeScores } from "./scores";
import * as softmax from "./softmax";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

let rowsDy: usize = 0;
let transposedDy: usize = 0;
/** dy_i · v_j, and then t_ij: `[keys, queries]`. */
let products: usize = 0;
let rowsDq: usize = 0;
let maxima: usize = 0;
let inverses: usize = 0;
/** D_i of the block's queries: the mean of dy_i · v_j, weighted by p_ij. */
let means: usize = 0;
/** dy of the block, in rows of whole vectors. */
let dy: usize = 0;

export function layoutSoftmaxBackward(base: usize): usize {
  softmax.layoutShared(base);
  const line = vectorBytes(softmax.QUERIES);
  rowsDy = allocate(softmax.QUERIES * softmax.valueStride);
  transposedDy = allocate(<usize> job.valueDim * line);
  products = allocate(softmax.KEYS * line);
  rowsDq = allocate(softmax.QUERIES * softmax.headStride);
  maxima = allocate(line);
  inverses = allocate(line);
  means = allocate(line);
  if (job.f !== 0) {
    layoutLogMask();
    gradient.layoutLogMaskGradient();
  }
  return allocate(0);
}

/** Bytes of all tasks' parts of dq. */
function partsBytes(): usize {
  if (job.parts === 1) return 0;
  return <usize> (job.sequences * job.parts * job.length) * softmax.headStride;
}

/** Bytes of dk of all sequences, if it cannot be summed up in its place. */
function dkBytes(): usize {
  if (softmax.headBytes === softmax.headStride) return 0;
  return <usize> (job.sequences * job.length) * softmax.headStride;
}

/** Bytes of dv of all sequences, if it cannot be summed up in its place. */
function dvBytes(): usize {
  if (softmax.valueBytes === softmax.valueStride) return 0;
  return <usize> (job.sequences * job.length) * softmax.valueStride;
}

/**
 * Bytes that tasks share: parts of dq, dk and dv in rows of whole vectors, and sums for
 * the gradient in log decays.
 */
export function softmaxBackwardExtra(): usize {
  return partsBytes() + dkBytes() + dvBytes() + gradient.logMaskGradientBytes();
}

/** The address of the sums for the gradient in log decays. */
function logMaskSums(): usize {
  return queue.extra + partsBytes() + dkBytes() + dvBytes();
}

function dkOf(token: i32): usize {
  const dk = dkBytes() === 0 ? job.dk : queue.extra + partsBytes();
  return dk + <usize> token * softmax.headStride;
}

function dvOf(token: i32): usize {
  const dv = dvBytes() === 0 ? job.dv : queue.extra + partsBytes() + dkBytes();
  return dv + <usize> token * softmax.valueStride;
}

/**
 * Computes the gradients of a task's keys, and their part of the gradients of
 * all queries.
 */
export function differentiateSoftmax(task: i32): void {
  const ofSequence = task / job.parts, part = task % job.parts;
  const first = ofSequence * job.length;
  for (let block = part; block < softmax.keyBlocks(); block += job.parts) {
    const start = block * softmax.KEYS,
      count = min(softmax.KEYS, job.length - start);
    memory.fill(dkOf(first + start), 0, count * softmax.headStride);
    memory.fill(dvOf(first + start), 0, count * softmax.valueStride);
  }
  if (job.f !== 0) gradient.openLogMaskGradient(logMaskSums(), ofSequence, part);
  for (let block = 0; block < softmax.queryBlocks(); block++) {
    const isOpen = softmax.openQueryBlock(ofSequence, block);
    memory.fill(rowsDq, 0, softmax.queries * softmax.headStride);
    if (isOpen) {
      openGradients();
      const end = softmax.endBlock(),
        skipped = softmax.firstBlock() - part + job.parts - 1;
      let keyBlock = part + max(skipped, 0) / job.parts * job.parts;
      for (; keyBlock < end; keyBlock += job.parts) {
        if (softmax.openKeyBlock(keyBlock)) addGradients();
        countProgress();
      }
    }
    storeDq(task);
  }
  for (let block = part; block < softmax.keyBlocks(); block += job.parts) {
    storeKeyGradients(ofSequence, block * softmax.KEYS);
  }
}

/** Opens dy of the block of queries, with the maxima, sums and D of its rows. */
function openGradients(): void {
  if (job.f !== 0) openLogMask();
  const token = <usize> (softmax.sequence * job.length + softmax.query);
  dy = softmax.paddedTokens(
    softmax.sequence, softmax.query, softmax.queries, job.dy,
    softmax.valueBytes, rowsDy, softmax.valueStride, softmax.queriesComplete
  );
  transposeToPairs(
    softmax.queries, job.valueDim, dy, softmax.valueStride, transposedDy
  );
  // Beyond the queries weights are 0, however high a score is.
  const highest = f32x4.splat(-softmax.LOWEST);
  for (let c: usize = 0; c < softmax.row; c += 16) {
    v128.store(maxima + c, highest);
  }
  memory.fill(inverses, 0, softmax.row);
  memory.fill(means, 0, softmax.row);
  memory.copy(maxima, job.maxima + (token << 2), <usize> softmax.queries << 2);
  for (let i = 0; i < softmax.queries; i++) {
    // Padding in the place of a query has weights 0, since no key may come before it.
    if (!softmax.isToken(softmax.sequence, softmax.query + i)) continue;
    put(inverses, i, 1 / at(job.sums, <i32> token + i));
    put(
      means,
      i,
      dot(
        dy + i * softmax.valueStride, job.y + (token + i) * softmax.valueBytes
      ),
    );
  }
}

/** The product of a row of whole vectors and one of `valueDim` columns. */
function dot(x: usize, y: usize): f32 {
  let sum = f32x4.splat(0), c: usize = 0;
  for (; c + 16 <= softmax.valueBytes; c += 16) {
    sum = multiplyAdd(v128.load(x + c), v128.load(y + c), sum);
  }
  let total = sum4(sum);
  for (; c < softmax.valueBytes; c += 4) {
    total += load<f32>(x + c) * load<f32>(y + c);
  }
  return total;
}

/** Adds to dq, dk and dv what comes from the open blocks of queries and keys. */
function addGradients(): void {
  const token = softmax.sequence * job.length + softmax.key;
  const columns = <i32> (softmax.row >> 2);
  const headColumns = <i32> (softmax.headStride >> 2);
  const valueColumns = <i32> (softmax.valueStride >> 2);
  const dk = dkOf(token), dv = dvOf(token);
  computeScores();
  multiply(
    softmax.keys, columns, job.valueDim,
    softmax.v, softmax.valueStride, transposedDy, softmax.row,
    products, softmax.row, 0, 0, 0
  );
  // In place, scores become weights p_ij, and products t_ij.
  expAndGradient(
    softmax.keys, softmax.scores, products, softmax.row, maxima, inverses,
    means
  );
  if (job.f !== 0) gradient.addLogMaskGradient(products);
  multiply(
    softmax.keys, valueColumns, softmax.queries,
    softmax.scores, softmax.row, dy, softmax.valueStride,
    dv, softmax.valueStride, 1, dv, softmax.valueStride
  );
  multiply(
    softmax.keys, headColumns, softmax.queries,
    products, softmax.row, softmax.scaledQ, softmax.headStride,
    dk, softmax.headStride, 1, dk, softmax.headStride
  );
  multiplyTransposed(
    softmax.queries, headColumns, softmax.keys,
    products, softmax.row, softmax.k, softmax.headStride,
    rowsDq, softmax.headStride, 1, rowsDq, softmax.headStride
  );
}

/** Stores the block's dq, or the task's part of it. */
function storeDq(task: i32): void {
  const bytes = <usize> softmax.queries * softmax.headStride;
  scaleVectors(bytes, job.scale, rowsDq, rowsDq);
  for (let i = 0; i < softmax.queries; i++) {
    if (softmax.isToken(softmax.sequence, softmax.query + i)) continue;
    memory.fill(rowsDq + i * softmax.headStride, 0, softmax.headStride);
  }
  if (job.parts > 1) {
    const to = queue.extra +
      <usize> (task * job.length + softmax.query) * softmax.headStride;
    memory.copy(to, rowsDq, softmax.queries * softmax.headStride);
  } else {
    const to = job.dq +
      <usize> (softmax.sequence * job.length + softmax.query) *
        softmax.headBytes;
    unpadRows(
      softmax.queries, rowsDq, softmax.headStride, to, softmax.headBytes
    );
  }
}

/** Moves a block's dk and dv to their place; 0 at padding. */
function storeKeyGradients(ofSequence: i32, start: i32): void {
  const count = min(softmax.KEYS, job.length - start);
  const token = ofSequence * job.length + start;
  const dk = job.dk + <usize> token * softmax.headBytes;
  const dv = job.dv + <usize> token * softmax.valueBytes;
  unpadRows(count, dkOf(token), softmax.headStride, dk, softmax.headBytes);
  unpadRows(count, dvOf(token), softmax.valueStride, dv, softmax.valueBytes);
  for (let i = 0; i < count; i++) {
    if (softmax.isToken(ofSequence, start + i)) continue;
    memory.fill(dk + i * softmax.headBytes, 0, softmax.headBytes);
    memory.fill(dv + i * softmax.valueBytes, 0, softmax.valueBytes);
  }
}

/** Adds up what the tasks of a sequence have left for each other. */
export function addPartsOfGradients(task: i32): void {
  if (job.parts > 1) addPartsOfDq(task);
  if (job.f !== 0) gradient.finishLogMaskGradient(logMaskSums(), task);
}

/** Adds up all parts of some rows of dq. */
function addPartsOfDq(task: i32): void {
  const ofSequence = task / job.parts;
  const share = (job.length + job.parts - 1) / job.parts;
  const first = task % job.parts * share;
  const count = min(share, job.length - first);
  const partBytes = <usize> job.length * softmax.headStride;
  const start = queue.extra + ofSequence * job.parts * partBytes;
  for (let i = 0; i < count; i++) {
    const sum = start + (first + i) * softmax.headStride;
    for (let c: usize = 0; c < softmax.headStride; c += 16) {
      let x = v128.load(sum + c);
      for (let part = 1; part < job.parts; part++) {
        x = f32x4.add(x, v128.load(sum + part * partBytes + c));
      }
      v128.store(sum + c, x);
    }
    const token = <usize> (ofSequence * job.length + first + i);
    memory.copy(job.dq + token * softmax.headBytes, sum, softmax.headBytes);
  }
}

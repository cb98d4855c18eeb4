// The chunk that the backward pass has open: its rows of q, k and (v, 1), the
// gradients G in its sums, and where its gradients dq, dk and dv go.
//
// With S_i = Σ_j M_ij (q_i · k_j) (v_j, 1), the values' sum and the normaliser's of
// token i, G_i is the loss gradient in S_i. The gradients of a token are then
// attention of the same kind with other arguments: dq reads keys by G · (v, 1), dk
// queries by the same, and dv G by q · k.
import * as sizes from "./sizes";
import { headRows, openDecays } from "./chunk_operands";
import { factorOf } from "./intra_chunk";
import { attention as job } from "../jobs";
import { addRow } from "../../../../tfjs/wasm/assembly/math/loops";
import { at, put, unpadRows } from "../../../../tfjs/wasm/assembly/math/matrix";
import { multiplyAdd, sum4 } from "../../../../tfjs/wasm/assembly/math/simd";

/** The gradients G in the sums of the open chunk's tokens, `[chunkSize, valueDim + 1]`. */
export let outputGradients: usize = 0;
/**
 * Scratch for dq and dk, `[chunkSize, headDim]`, unless they are computed in
 * their tensors.
 */
export let rowsDq: usize = 0, rowsDk: usize = 0;

/**
 * Lays out scratch from `base`, with `statesPerChunk` states for each chunk of
 * a split.
 */
export function layoutBackwardChunk(base: usize, statesPerChunk: i32): void {
  sizes.layout(base, statesPerChunk, true);
  const tokens = sizes.wholeTokens();
  outputGradients = sizes.allocate(tokens * sizes.columnsStride);
  rowsDq = sizes.allocate(tokens * sizes.headStride);
  rowsDk = sizes.allocate(tokens * sizes.headStride);
}

/**
 * The chunk's number of tokens, and the index of its first among the tokens of
 * all sequences.
 */
export let count: i32 = 0, token: i32 = 0;
/** The index of the first token in q and k, which have one sequence for each group. */
let keyToken: i32 = 0;
/** Whether the sequence is the first of its group, or the last. */
export let isFirst: bool = true, isLast: bool = true;
/** The chunk's queries and keys, `[count, headDim]`, rows of whole vectors. */
export let q: usize = 0, k: usize = 0;
/**
 * Log decays of the chunk's tokens, forward and back; 0 for a direction without
 * decays.
 */
export let f: usize = 0, b: usize = 0;

/** Opens a chunk of a sequence: all exports of this file are then its own. */
export function openBackwardChunk(sequence: i32, chunk: i32): void {
  const group = sequence / sizes.groupSize, inGroup = sequence % sizes.groupSize;
  const first = chunk * sizes.chunkSize;
  count = sizes.countOf(chunk);
  token = sequence * sizes.length + first;
  keyToken = group * sizes.length + first;
  isFirst = inGroup === 0;
  isLast = inGroup === sizes.groupSize - 1;
  const offset = keyToken * sizes.headBytes;
  q = headRows(count, job.q + offset, sizes.rowsQ);
  k = headRows(count, job.k + offset, sizes.rowsK);
  f = sizes.logDecay(job.f, token);
  b = sizes.logDecay(job.b, token);
  openDecays(count, f, b);
  for (let i = 0; i < count; i++) {
    const row = i * sizes.columnsStride;
    openValue(token + i, sizes.rowsV + row);
    openOutputGradient(token + i, outputGradients + row);
  }
}

/** row = (v, 1) of a token */
function openValue(token: i32, row: usize): void {
  memory.copy(row, job.v + token * sizes.valueBytes, sizes.valueBytes);
  put(row, sizes.valueDim, 1);
}

/**
 * row = G of a token: s (dy / r, -dy · y / r), with the scale s and r the number by
 * which the output y was divided.
 */
function openOutputGradient(token: i32, row: usize): void {
  const dy = job.dy + token * sizes.valueBytes,
    y = job.y + token * sizes.valueBytes;
  const factor = factorOf(at(job.rowSums, token));
  const factors = f32x4.splat(factor);
  let inner = f32x4.splat(0), j: usize = 0;
  for (; j + 16 <= sizes.valueBytes; j += 16) {
    const x = v128.load(dy + j);
    inner = multiplyAdd(x, v128.load(y + j), inner);
    v128.store(row + j, f32x4.mul(x, factors));
  }
  let sum = sum4(inner);
  for (; j < sizes.valueBytes; j += 4) {
    const x = load<f32>(dy + j);
    sum += x * load<f32>(y + j);
    store<f32>(row + j, x * factor);
  }
  put(row, sizes.valueDim, job.normalize !== 0 ? -sum * factor : 0);
}

/**
 * The address at which rows of dq or dk are made: in their tensor, or in scratch if
 * rows need padding or several sequences of a group add to them.
 */
export function headGradientRows(tensor: usize, scratch: usize): usize {
  const isInPlace = sizes.headBytes === sizes.headStride && !sizes.diagonal &&
    sizes.groupSize === 1;
  return isInPlace ? tensor + token * sizes.headBytes : scratch;
}

/**
 * The address at which dv is computed: its tensor, or scratch if its rows need
 * padding.
 */
export function valueGradientRows(): usize {
  return sizes.valueBytes === sizes.valueStride
    ? job.dv + token * sizes.valueBytes
    : sizes.rowsY;
}

/** Stores dq or dk in its tensor, or adds it to the gradient of the group's other sequences. */
export function storeHeadGradient(rows: usize, tensor: usize): void {
  let place = tensor + keyToken * sizes.headBytes;
  if (isFirst) {
    return unpadRows(count, rows, sizes.headStride, place, sizes.headBytes);
  }
  for (let i = 0; i < count; i++) {
    addRow(sizes.headDim, rows, place);
    rows += sizes.headStride;
    place += sizes.headBytes;
  }
}

/** Stores dv in its tensor. */
export function storeValueGradient(rows: usize): void {
  const place = job.dv + token * sizes.valueBytes;
  unpadRows(count, rows, sizes.valueStride, place, sizes.valueBytes);
}

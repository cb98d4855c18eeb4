// The delta rule chunk by chunk, in the WY form: sizes, scratch and the open chunk
// of both passes. With the state H before a chunk, S = M ∘ K Kᵀ strictly below the
// diagonal and P = M ∘ Q Kᵀ with it, M being the mask of decays,
//
//     (I + S β) W = V - e ∘ K H             e   decays from the border to a token
//     U  = β ∘ W                            out decays from a token to the border
//     Y  = e ∘ Q H + P U
//     H' = e_last H + (out ∘ K)ᵀ U
//
// W are the errors, by which values differ from what the state predicts of them, and
// U (vNew) is what tokens write to the state.
//
// A sweep goes through the chunks from its own end, with the rows of a chunk in its
// order: so one text serves both directions. The sweeps of a sequence go to
// the middle, wait for each other, and then add to the other's outputs; or the
// second begins when the first has ended.
//
// Columns of the values, and with them of states and outputs, do not depend on each
// other. Where threads would idle, a sweep of the forward pass is split into parts of
// the columns, each of which makes the scores of the keys for itself.
import * as sizes from "../chunkwise/sizes";
import { openBorderDecays, fillMask } from "../chunkwise/decay";
import {
  layoutDeltaDiagonal, openDiagonalGates, openOnes
} from "./delta_diagonal";
import { delta as job } from "../jobs";
import { queue } from "../../../../tfjs/wasm/assembly/runtime/queue";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import {
  loadFirst, storeFirst, vectorBytes
} from "../../../../tfjs/wasm/assembly/math/simd";

/** Whether a sequence has a sweep from each of its ends. */
let isBidirectional: bool = false;
/** Whether the two sweeps of a sequence run at a time and meet in its middle. */
export let meetInMiddle: bool = false;
/** Bytes of a state, [headDim, valueDim]. */
export let deltaStateBytes: usize = 0;

/** The open chunk's keys, and below them its queries, `[2 chunkSize, headDim]`. */
let pairOfRows: usize = 0;
export let k: usize = 0, q: usize = 0;
export let v: usize = 0;
export let beta: usize = 0, minusBeta: usize = 0;
let gate: usize = 0;
export let transposedK: usize = 0;
/** S, and below it P, `[2 chunkSize, chunkSize]`; before they are masked, K Kᵀ and Q Kᵀ. */
export let keyScores: usize = 0, scores: usize = 0;
/** The WY form's matrix, `[chunkSize, chunkSize]`: -S β, and in the backward pass -β S. */
export let wyMatrix: usize = 0;
/** Keys, and below them queries, times their decays, `[2 chunkSize, headDim]`. */
export let decayedRows: usize = 0;
/** K H, and below it Q H, `[2 chunkSize, valueDim]`. */
export let stateProducts: usize = 0;

/** Bytes of a row of all values, and of the values before the columns of the sweep's part. */
let rowBytes: usize = 0, partStart: usize = 0;

/** Takes the sizes of the job, with the columns of a part of its values. */
function setDeltaSizes(part: i32): void {
  const widest = (((job.valueDim + job.parts - 1) / job.parts) + 3) & ~3;
  const first = part * widest;
  rowBytes = <usize> job.valueDim * 4;
  partStart = <usize> first * 4;
  sizes.setSizes(
    job.length,
    1,
    job.headDim,
    min(widest, job.valueDim - first),
    job.chunkSize,
    1,
    // A sweep by itself is causal.
    true,
    true,
    job.diagonal !== 0,
  );
}

/** Lays out scratch from `base`. */
export function layoutDelta(base: usize): void {
  setDeltaSizes(0);
  isBidirectional = job.causal === 0;
  meetInMiddle = isBidirectional && job.whole === 0;
  deltaStateBytes = (<usize> sizes.headDim * sizes.valueStride + 63) & ~63;
  sizes.layout(base, 0, false);
  const tokens = (<usize> sizes.chunkSize + 3) & ~3,
    row = vectorBytes(sizes.chunkSize);
  pairOfRows = sizes.allocate(2 * tokens * sizes.headStride);
  v = sizes.allocate(tokens * sizes.valueStride);
  beta = sizes.allocate(row);
  minusBeta = sizes.allocate(row);
  gate = sizes.allocate(tokens * (sizes.diagonal ? sizes.headStride : 4));
  transposedK = sizes.allocate(<usize> sizes.headDim * row);
  keyScores = sizes.allocate(2 * tokens * row);
  wyMatrix = sizes.allocate(tokens * row);
  decayedRows = sizes.allocate(2 * tokens * sizes.headStride);
  const widest = max(sizes.headStride, sizes.valueStride);
  stateProducts = sizes.allocate(2 * tokens * widest);
  if (sizes.diagonal) layoutDeltaDiagonal(tokens);
}

/** Whether a state reaches the chunk at a position. */
export function isPreceded(position: i32): bool {
  return position > 0 || job.before !== 0;
}

/** The address of the sequence's state in a tensor, [headDim, valueDim]. */
function stateIn(tensor: usize): usize {
  return tensor + <usize> (sequence * sizes.headDim) * rowBytes + partStart;
}

/** Copies the sequence's state from a tensor. */
export function loadDeltaState(tensor: usize, state: usize): void {
  let from = stateIn(tensor);
  for (let n = 0; n < sizes.headDim; n++) {
    memory.copy(state, from, sizes.valueBytes);
    memory.fill(
      state + sizes.valueBytes, 0, sizes.valueStride - sizes.valueBytes
    );
    from += rowBytes;
    state += sizes.valueStride;
  }
}

/** Copies the sequence's state to a tensor. */
export function storeDeltaState(state: usize, tensor: usize): void {
  let to = stateIn(tensor);
  for (let n = 0; n < sizes.headDim; n++) {
    memory.copy(to, state, sizes.valueBytes);
    to += rowBytes;
    state += sizes.valueStride;
  }
}

/**
 * Sweeps of a sequence: for each part of the values one, or two if it is
 * bidirectional.
 */
export function sweepsOfSequence(): i32 {
  return (isBidirectional ? 2 : 1) * job.parts;
}

/** Whether the sweep goes from the last chunk to the first. */
export let back: bool = false;
let sequence: i32 = 0, start: i32 = 0;
export let count: i32 = 0;
/** Rows of the keys, rounded up to whole blocks of four with zeros. */
export let rows: i32 = 0;
/** The chunk's first token, by its index among the tokens of all sequences. */
let token: i32 = 0;

/**
 * Opens a sweep, whose state between its two phases is at the address that is
 * returned.
 */
export function openDeltaSweep(sweep: i32): usize {
  sequence = sweep / sweepsOfSequence();
  start = sequence * sizes.length;
  const part = sweep % job.parts;
  back = isBidirectional && sweep / job.parts % 2 === 1;
  if (job.parts > 1) setDeltaSizes(part);
  if (sizes.diagonal) openOnes();
  return queue.extra + <usize> sweep * deltaStateBytes;
}

/** The position of the chunk at which a sweep's second phase begins. */
export function middle(): i32 {
  if (!meetInMiddle) return sizes.chunks;
  const half = sizes.chunks >> 1;
  return back ? sizes.chunks - half : half;
}

/** The token of a row of the open chunk, by its index among the tokens of all sequences. */
export function tokenOf(row: i32): i32 {
  return token + (back ? count - 1 - row : row);
}

/** Opens the sweep's chunk at a position, with keys, values, β and log decays. */
export function openDeltaChunk(position: i32): void {
  const chunk = back ? sizes.chunks - 1 - position : position;
  count = sizes.countOf(chunk);
  token = start + chunk * sizes.chunkSize;
  rows = (count + 3) & ~3;
  k = pairOfRows;
  q = k + rows * sizes.headStride;
  scores = keyScores + rows * vectorBytes(count);
  gatherRows(job.k, sizes.headBytes, sizes.headBytes, k, sizes.headStride);
  clearRest(k, sizes.headStride);
  gatherValues(job.v, v);
  const gates = back ? job.b : job.f;
  for (let i = 0; i < count; i++) {
    const own = tokenOf(i), b = at(job.beta, own);
    put(beta, i, b);
    put(minusBeta, i, -b);
    if (!sizes.diagonal) put(gate, i, gates === 0 ? 0 : at(gates, own));
  }
  if (sizes.diagonal) {
    gatherRows(gates, sizes.headBytes, sizes.headBytes, gate, sizes.headStride);
    openDiagonalGates(count, gate);
    return;
  }
  openBorderDecays(count, gate, 0);
  fillMask(count, gate, 0);
}

/** Reads the open chunk's queries. */
export function openDeltaQueries(): void {
  gatherRows(job.q, sizes.headBytes, sizes.headBytes, q, sizes.headStride);
  if (sizes.diagonal) clearRest(q, sizes.headStride);
}

/** Clears the rows after the last token's, up to whole blocks of four. */
export function clearRest(matrix: usize, stride: usize): void {
  memory.fill(matrix + count * stride, 0, (rows - count) * stride);
}

export function betaOf(row: i32): f32 {
  return at(beta, row);
}

/** Copies the part's columns of a tensor like the values, as {@link gatherRows}. */
export function gatherValues(tensor: usize, target: usize): void {
  gatherRows(
    tensor + partStart, rowBytes, sizes.valueBytes, target, sizes.valueStride
  );
}

/** Puts weight · rows into the part's columns of a tensor, as {@link scatterRows}. */
export function scatterValues(
  tensor: usize, source: usize, weight: f32, adds: bool
): void {
  const columns = tensor + partStart;
  scatterRows(
    columns, rowBytes, sizes.valueBytes, source, sizes.valueStride, weight, adds
  );
}

/**
 * Copies the chunk's rows of a tensor in the order of the sweep, padded to whole
 * vectors.
 */
function gatherRows(
  tensor: usize, step: usize, width: usize, target: usize, stride: usize
): void {
  for (let i = 0; i < count; i++) {
    const source = tensor + tokenOf(i) * step;
    let c: usize = 0;
    for (; c + 16 <= width; c += 16) {
      v128.store(target + c, v128.load(source + c));
    }
    const rest = <i32> ((width - c) >> 2);
    if (rest > 0) v128.store(target + c, loadFirst(source + c, rest));
    target += stride;
  }
}

/** Puts rows like the keys into their places in a tensor, or adds them to it. */
export function scatterKeys(tensor: usize, source: usize, adds: bool): void {
  scatterRows(
    tensor, sizes.headBytes, sizes.headBytes, source, sizes.headStride, 1, adds
  );
}

/**
 * Puts weight · rows, in the order of the sweep, into their places in a tensor,
 * or adds them to it.
 */
function scatterRows(
  tensor: usize, step: usize, width: usize, source: usize, stride: usize,
  weight: f32, adds: bool
): void {
  const factor = f32x4.splat(weight);
  for (let i = 0; i < count; i++) {
    const target = tensor + tokenOf(i) * step;
    for (let c: usize = 0; c < width; c += 16) {
      const lanes = <i32> ((width - c) >> 2);
      let x = f32x4.mul(v128.load(source + c), factor);
      if (adds) x = f32x4.add(x, loadFirst(target + c, lanes));
      storeFirst(target + c, x, lanes);
    }
    source += stride;
  }
}

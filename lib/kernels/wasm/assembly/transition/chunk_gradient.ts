// The gradients of the open chunk of transitions, given the gradient G in the state
// after it. With dY the loss gradient in the output before its scale,
//
//     (I - T)ᵀ λ = Pᵀ dY + B G       dV = T'ᵀ λ + P'ᵀ dY + K G, or λ where rows are tied
//     G' = e_last G + Aᵀ λ + Qᵀ dY
//
// The products of [λ; dY] with what the chunk has written, masked, are the gradients in
// the scores; with the state H and with G, in the decayed readers and writers:
//
//     dScores = [λ; dY] [Z; V]ᵀ     dReaders = [λ; dY] Hᵀ     dWriters = [Z; V] Gᵀ
import * as sizes from "../chunkwise/sizes";
import { chunkDecay } from "../chunkwise/chunk_operands";
import { decayToEnd, forgetsAll } from "../chunkwise/decay";
import * as channels from "./channel_gradient";
import * as values from "./chunk_values";
import * as chunk from "./open_chunk";
import * as scores from "./scores";
import { back, reads, tied, untied } from "./transition";
import {
  multiplyFrom, multiplyFromTransposed, multiplyInto
} from "./staircase";
import { solveUp } from "./triangular";
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import { transition as job } from "../jobs";
import {
  addScaledRowsAndDot, dot, scaleAndAdd, scaleRows, scaleVectors
} from "../../../../tfjs/wasm/assembly/math/loops";
import { at, put, transpose } from "../../../../tfjs/wasm/assembly/math/matrix";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import {
  sum4, vectorBytes
} from "../../../../tfjs/wasm/assembly/math/simd";

/** Gradients in what readers have read, λ and below it dY; and dV, where it is not λ. */
let readGradients: usize = 0, dy: usize = 0, dv: usize = 0;
/** Gradients in the readers and in the writers. */
let dReaders: usize = 0, dWriters: usize = 0;
/** Gradients in the decayed readers and writers. */
let dReadersIn: usize = 0, dWritersOut: usize = 0;
/** Gradients in the scores. */
let products: usize = 0;
let transposedValues: usize = 0, transposedState: usize = 0;
/**
 * Sums of the gradients in exponents, for those in log decays: over rows and columns
 * of the chunk's pairs by steps, of readers that read from before the chunk, and of
 * writers that write behind it.
 */
let rowSums: usize = 0, columnSums: usize = 0;
let entrySums: usize = 0, beforeSums: usize = 0, exitSums: usize = 0;
/** The gradient in the exponent of e_last. */
let chunkDecayGradient: f32 = 0;
let dbeta: usize = 0;

/** Takes scratch beside the sweep's. */
export function layoutGradient(): void {
  const row = vectorBytes(sizes.chunkSize);
  readGradients = allocate(chunk.readerBytes(sizes.valueStride));
  dv = allocate(<usize> sizes.chunkSize * sizes.valueStride);
  dReaders = allocate(chunk.readerBytes(sizes.headStride));
  dWriters = allocate(chunk.writerBytes(sizes.headStride));
  dReadersIn = allocate(chunk.readerBytes(sizes.headStride));
  dWritersOut = allocate(chunk.writerBytes(sizes.headStride));
  products = allocate(chunk.readerBytes(chunk.writerBytes(4)));
  transposedValues = allocate(<usize> sizes.valueDim * chunk.writerBytes(4));
  transposedState = allocate(<usize> sizes.valueDim * sizes.headStride);
  rowSums = allocate(row);
  columnSums = allocate(row);
  entrySums = allocate(chunk.readerBytes(4));
  beforeSums = allocate(row);
  exitSums = allocate(chunk.writerBytes(4));
  dbeta = allocate(row);
  if (sizes.diagonal) channels.layoutChannelGradient(row >> 2);
}

/**
 * Computes all gradients of the open chunk, and stores them or adds them to what is
 * there.
 *
 * @param state The state before the chunk; 0 if none reaches it.
 * @param z The chunk's Z.
 * @param next The gradient in the state after the chunk; 0 if nothing reads it.
 * @param gradient Where the gradient in the state before the chunk goes.
 */
export function differentiateChunk(
  state: usize, z: usize, next: usize, gradient: usize, adds: bool
): void {
  const written = values.writtenWith(z);
  scores.score();
  if (values.leavesOutOwn()) values.clearOwn(values.queryScores());
  openGradients();
  valueGradients(next);
  pairGradients(written);
  if (state !== 0) stateGradients(state);
  if (next !== 0) nextStateGradients(written, state, next);
  if (sizes.diagonal) {
    channels.finish(
      dReadersIn, dWritersOut, dReaders, dWriters, state !== 0, next !== 0
    );
  }
  if (state !== 0) {
    multiplyTransposed(
      sizes.headDim, <i32> (sizes.valueStride >> 2), chunk.readerRows,
      scores.readersIn, sizes.headStride, readGradients, sizes.valueStride,
      gradient, sizes.valueStride, values.decayState(next, gradient), gradient,
      sizes.valueStride
    );
  }
  storeGradients(adds);
}

function openGradients(): void {
  dy = readGradients + chunk.aRows * sizes.valueStride;
  chunk.gatherOutputs(job.dy, dy);
  scaleVectors(chunk.queries * sizes.valueStride, job.scale, dy, dy);
  const row = vectorBytes(chunk.count);
  memory.fill(rowSums, 0, row);
  memory.fill(columnSums, 0, row);
  memory.fill(beforeSums, 0, row);
  memory.fill(entrySums, 0, <usize> chunk.readerRows * 4);
  memory.fill(exitSums, 0, <usize> chunk.writerRows * 4);
  chunkDecayGradient = 0;
  if (sizes.diagonal) channels.openChannelGradient(dReaders, dWriters);
}

/** Finds λ, and dV where it is not λ. */
function valueGradients(next: usize): void {
  const stride = sizes.valueStride, count = chunk.count;
  if (reads) {
    writtenGradients(0, next, readGradients);
    solveUp(count, scores.scores, scores.scoreBytes, readGradients, stride);
    memory.fill(readGradients + count * stride, 0, (chunk.aRows - count) * stride);
  }
  if (tied) return;
  writtenGradients(untied ? chunk.rows : 0, next, dv);
  if (!untied) return;
  multiplyFromTransposed(
    count, count, 1, scores.scores + scores.blockBytes, scores.scoreBytes,
    readGradients, dv, stride, 1
  );
}

/** target = Pᵀ dY + B G of the writers from a row on. */
function writtenGradients(row: i32, next: usize, target: usize): void {
  const width = <i32> (sizes.valueStride >> 2);
  multiplyFromTransposed(
    chunk.queries, chunk.count, chunk.queryStep,
    values.queryScores() + (<usize> row << 2), scores.scoreBytes,
    dy, target, sizes.valueStride, 0
  );
  if (next === 0) return;
  multiply(
    chunk.count, width, sizes.headDim,
    scores.writersOut + row * sizes.headStride, sizes.headStride,
    next, sizes.valueStride,
    target, sizes.valueStride, 1, target, sizes.valueStride
  );
}

/** Writes the gradients that come from the chunk's own pairs. */
function pairGradients(written: usize): void {
  transpose(
    chunk.writerRows, sizes.valueDim, written, sizes.valueStride,
    transposedValues, scores.scoreBytes
  );
  if (reads) scoreGradients(0, chunk.count, 1);
  scoreGradients(chunk.aRows, chunk.queries, chunk.queryStep);
  if (values.leavesOutOwn()) {
    leaveOutOwn(products + chunk.aRows * scores.scoreBytes);
  }
  if (sizes.diagonal && !scores.isMild) {
    return channels.blockGradients(products, dReaders, dWriters);
  }
  if (scores.isMild) channels.takePairsWithoutDecay(products, dReaders, dWriters);
  if (reads) rowGradients(0, chunk.count, 1, 0);
  rowGradients(chunk.aRows, chunk.queries, chunk.queryStep, reads ? 1 : 0);
  if (scores.isMild) channels.shrinkGradients(dWritersOut);
}

/** Fills the gradients in the scores of `rows` readers from `first` on. */
function scoreGradients(first: i32, rows: i32, step: i32): void {
  const offset = first * scores.scoreBytes;
  for (let w = 0; w < chunk.writerRows; w += chunk.rows) {
    const column = <usize> w << 2;
    multiplyInto(
      rows, chunk.rows, step, sizes.valueDim,
      readGradients + first * sizes.valueStride, sizes.valueStride,
      transposedValues + column, products + offset + column, scores.scoreBytes
    );
  }
  for (let i = first; i < first + rows; i++) {
    if (scores.isMasked()) maskGradients(i);
    else scores.maskRow(i, products + i * scores.scoreBytes);
  }
}

/**
 * Takes the gradients in the scores of `rows` readers from `first` on to these, and to
 * the writers, whose gradients so far count by a weight.
 */
function rowGradients(first: i32, rows: i32, step: i32, weight: f32): void {
  const stride = sizes.headStride, begin = first * stride;
  const ofReaders = (scores.isMild ? dReadersIn : dReaders) + begin;
  const ofWriters = scores.isMild ? dWritersOut : dWriters;
  for (let w = 0; w < chunk.writerRows; w += chunk.rows) {
    const block = w * stride;
    const cells = products + first * scores.scoreBytes + (<usize> w << 2);
    multiplyFrom(
      rows, chunk.count, step, cells, scores.scoreBytes, scores.right + block,
      ofReaders, stride, w > 0 ? 1 : 0, ofReaders
    );
    multiplyFromTransposed(
      rows, chunk.count, step, cells, scores.scoreBytes, scores.left + begin,
      ofWriters + block, stride, weight
    );
  }
}

/** Takes a token's own write out of the gradients in the scores of queries. */
function leaveOutOwn(ofQueries: usize): void {
  values.clearOwn(ofQueries);
  if (!tied) return;
  for (let i = 0; i < chunk.count; i++) {
    const offset = i * sizes.valueStride, row = ofQueries + i * scores.scoreBytes;
    const own = dot(sizes.valueStride, dy + offset, chunk.v + offset);
    put(row, i, at(row, i) - own);
  }
}

/**
 * Decays and clears a row of gradients in scores as {@link scores.maskRow}, where numbers
 * of tokens do, and sums the loss gradient in each exponent over the row and the columns:
 * pairs of one token have none.
 */
function maskGradients(row: i32): void {
  const step = scores.stepOfReader(row), last = scores.lastOf(row);
  const weights = scores.weightsOf(step), end = scores.columnsOf(row, true);
  const limit = i32x4.splat(job.steps > 1 ? step - step % job.steps : step);
  let cell = products + row * scores.scoreBytes;
  let score = scores.scores + row * scores.scoreBytes;
  let sum = f32x4.splat(0);
  for (let w = 0; w < chunk.writerRows; w += chunk.rows) {
    let lanes = i32x4(0, 1, 2, 3);
    for (let c: usize = 0; c < end; c += 16) {
      const x = v128.load(cell + c), m = v128.load(weights + c);
      const scored = f32x4.mul(x, v128.load(score + c));
      const e = v128.and(scored, i32x4.lt_s(lanes, limit));
      sum = f32x4.add(sum, e);
      v128.store(columnSums + c, f32x4.add(v128.load(columnSums + c), e));
      v128.store(cell + c, v128.and(f32x4.mul(x, m), i32x4.le_s(lanes, last)));
      lanes = i32x4.add(lanes, i32x4.splat(4));
    }
    cell += scores.blockBytes;
    score += scores.blockBytes;
  }
  if (step >= 0) put(rowSums, step, at(rowSums, step) + sum4(sum));
}

/**
 * Adds to the gradients in readers what comes from the state before the chunk, and to
 * the sums of those in exponents.
 */
function stateGradients(state: usize): void {
  transposeState(state);
  multiply(
    chunk.readerRows, <i32> (sizes.headStride >> 2), sizes.valueDim,
    readGradients, sizes.valueStride, transposedState, sizes.headStride,
    dReadersIn, sizes.headStride,
    scores.isMild ? 1 : 0, dReadersIn, sizes.headStride
  );
  if (sizes.diagonal) return;
  addScaledRowsAndDot(
    chunk.readerRows, sizes.headStride, scores.entryWeights, dReadersIn,
    chunk.readers, dReaders, entrySums
  );
}

/**
 * Adds to the gradients in writers what comes from the gradient in the state after the
 * chunk, and to those in log decays what comes from the state's own.
 */
function nextStateGradients(
  written: usize, state: usize, next: usize
): void {
  const stride = sizes.headStride;
  transposeState(next);
  multiply(
    chunk.writerRows, <i32> (stride >> 2), sizes.valueDim,
    written, sizes.valueStride, transposedState, stride,
    dWritersOut, stride, scores.isMild ? 1 : 0, dWritersOut, stride
  );
  if (sizes.diagonal) {
    if (state !== 0) channels.addStateDecayGradient(state, next);
    return;
  }
  for (let row = 0; row < chunk.writerRows; row += chunk.rows) {
    const block = row * stride;
    addScaledRowsAndDot(
      chunk.count, stride, decayToEnd, dWritersOut + block,
      chunk.writers + block, dWriters + block, exitSums + (<usize> row << 2)
    );
  }
  if (state === 0) return;
  chunkDecayGradient = chunkDecay(chunk.count, false) *
    dot(sizes.headDim * sizes.valueStride, state, next);
}

function transposeState(state: usize): void {
  transpose(
    sizes.headDim, sizes.valueDim, state, sizes.valueStride, transposedState,
    sizes.headStride
  );
}

/** Takes all gradients to the inputs, and stores them or adds them to what is there. */
function storeGradients(adds: bool): void {
  const stride = sizes.headStride, block = chunk.rows * stride;
  chunk.scatterQueries(job.dq, dReaders + chunk.aRows * stride, adds);
  if (job.beta !== 0) storeDeltaKeys(adds);
  else {
    if (reads) chunk.scatterKeys(job.da, dReaders, adds);
    if (untied) chunk.scatterKeys(job.db, dWriters, adds);
    chunk.scatterKeys(job.dk, untied ? dWriters + block : dWriters, adds);
  }
  if (values.leavesOutOwn()) values.subtractOwn(dy, readGradients);
  chunk.scatterValues(job.dv, tied ? readGradients : dv, adds);
  const gates = back ? job.dg : job.df;
  if (gates === 0) return;
  if (!sizes.diagonal) sumDecayGradients();
  chunk.scatterDecays(gates, sizes.diagonal ? channels.decayGradients : rowSums);
}

/** Stores the gradients in k and β, of which b is β k, and a is -k. */
function storeDeltaKeys(adds: bool): void {
  const stride = sizes.headStride, bytes = chunk.count * stride;
  for (let i = 0; i < chunk.count; i++) {
    const row = i * stride;
    put(dbeta, i, -dot(stride, dWriters + row, chunk.readers + row));
  }
  chunk.scatterSteps(job.dbeta, dbeta, adds);
  scaleRows(chunk.count, stride, chunk.beta, dWriters, dWriters);
  scaleAndAdd(bytes, -1, dReaders, dWriters);
  chunk.scatterKeys(job.dk, dReaders, adds);
}

/**
 * Turns the sums by steps into gradients in the log decays: one is in the exponents of
 * all pairs that its step lies between.
 */
function sumDecayGradients(): void {
  for (let i = 0; i < chunk.readerRows; i++) {
    const step = scores.stepOfReader(i);
    if (step < 0 || (i >= chunk.count && i < chunk.aRows)) continue;
    put(beforeSums, step, at(beforeSums, step) + at(entrySums, i));
  }
  let inside: f32 = 0, before: f32 = 0, after: f32 = 0;
  for (let i = chunk.count - 1; i >= 0; i--) {
    inside += at(rowSums, i) - at(columnSums, i);
    // No pair of the chunk lies around its first step.
    if (i === 0 || forgetsAll(chunk.gate, i)) inside = 0;
    before += at(beforeSums, i);
    put(rowSums, i, inside + before + chunkDecayGradient);
  }
  for (let i = 0; i < chunk.count; i++) {
    put(rowSums, i, at(rowSums, i) + after);
    after += at(exitSums, i);
    if (untied) after += at(exitSums, chunk.rows + i);
  }
}

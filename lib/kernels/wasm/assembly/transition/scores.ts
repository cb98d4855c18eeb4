// The decays of the open chunk, by kinds: its readers, decayed from the border before
// the chunk, its writers, decayed to the border after it, and the scores of readers
// with writers, decayed from one to the other. Scores of what is not written yet are 0.
//
// A number for each token decays scores by a mask. Numbers for each channel of the
// keys decay rows (diagonal.ts): scores are the product of the decayed readers and
// writers, divided by the decays through the chunk, where those are large enough, and
// else made block by block (diagonal_scores.ts).
import * as sizes from "../chunkwise/sizes";
import {
  decayFromStart, decayToEnd, fillMask, maskWeights, openBorderDecays
} from "../chunkwise/decay";
import * as diagonal from "../chunkwise/diagonal";
import { diagonalScores } from "../chunkwise/diagonal_scores";
import * as chunk from "./open_chunk";
import { blockSize, multiplyInto } from "./staircase";
import { lag, reads, untied } from "./transition";
import { transition as job } from "../jobs";
import {
  multiplyVectors, scaleRows
} from "../../../../tfjs/wasm/assembly/math/loops";
import { at, put, transpose } from "../../../../tfjs/wasm/assembly/math/matrix";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";

/** Readers and writers, decayed from and to the chunk's borders. */
export let readersIn: usize = 0, writersOut: usize = 0;
/** A weight of each reader in {@link readersIn}, unless channels decay. */
export let entryWeights: usize = 0;
/** T and T', and below them P and P', `[readerRows, writerRows]`. */
export let scores: usize = 0;
/** Bytes of a row of scores, and of the scores with rows b of it. */
export let scoreBytes: usize = 0, blockBytes: usize = 0;
/** Readers and writers whose product are the scores, but for the mask. */
export let left: usize = 0, right: usize = 0;
/** Whether channels decay, but so little that scores are one product. */
export let isMild: bool = false;
/** One over the decays of channels through the chunk, if they are mild. */
export let growth: usize = 0;
/** The least decay through a chunk by which rows are divided, about e^-60. */
const LEAST_DECAY: f32 = 8.8e-27;

let decayedReaders: usize = 0, decayedWriters: usize = 0;
export let grownWriters: usize = 0;
let transposed: usize = 0;

/** Takes scratch for the largest chunk. */
export function layoutScores(): void {
  decayedReaders = allocate(chunk.readerBytes(sizes.headStride));
  decayedWriters = allocate(chunk.writerBytes(sizes.headStride));
  entryWeights = allocate(chunk.readerBytes(4));
  scores = allocate(chunk.readerBytes(chunk.writerBytes(4)));
  transposed = allocate(<usize> sizes.headDim * chunk.writerBytes(4));
  if (sizes.diagonal) {
    grownWriters = allocate(chunk.writerBytes(sizes.headStride));
    growth = allocate(sizes.headStride);
  }
}

/** Where rows have no number that decays them, all of these are 1. */
export function openOnes(): void {
  if (sizes.decays && !sizes.diagonal) return;
  const one: f32 = 1;
  for (let i = 0; i < sizes.chunkSize; i++) {
    put(decayFromStart, i, one);
    put(decayToEnd, i, one);
  }
}

/**
 * Opens the sweep's chunk at a position, with its rows as they are and decayed: the
 * writers, what solves for its Z if that is wanted, and queries if they are.
 */
export function openChunk(
  position: i32, isSolved: bool, withQueries: bool
): void {
  chunk.openRows(position, isSolved, withQueries);
  blockBytes = <usize> chunk.rows * 4;
  scoreBytes = untied ? 2 * blockBytes : blockBytes;
  left = readersIn = chunk.readers;
  right = writersOut = chunk.writers;
  isMild = false;
  if (!sizes.decays) return fillEntryWeights();
  readersIn = decayedReaders;
  writersOut = decayedWriters;
  if (sizes.diagonal) decayChannels();
  else decayTokens();
}

/** Fills the weights of readers, with zeros between those of a and of queries. */
function fillEntryWeights(): void {
  memory.fill(entryWeights, 0, <usize> chunk.aRows * 4);
  for (let i = 0; i < chunk.count && chunk.hasA; i++) {
    put(entryWeights, i, i < lag ? 1 : at(decayFromStart, i - lag));
  }
  for (let i = chunk.aRows; i < chunk.readerRows; i++) {
    put(entryWeights, i, at(decayFromStart, stepOfReader(i)));
  }
}

/** The last step whose decay a reader meets; -1 before the first. */
export function stepOfReader(row: i32): i32 {
  return row < chunk.aRows
    ? row - lag
    : (row - chunk.aRows + 1) * chunk.queryStep - 1;
}

function decayTokens(): void {
  openBorderDecays(chunk.count, chunk.gate, 0);
  const stride = sizes.headStride;
  if (chunk.readerRows > 0) {
    fillMask(chunk.count, chunk.gate, 0);
    fillEntryWeights();
    scaleRows(chunk.readerRows, stride, entryWeights, chunk.readers, readersIn);
  }
  for (let block = 0; block < chunk.writerRows; block += chunk.rows) {
    const offset = block * stride, from = chunk.writers + offset;
    scaleRows(chunk.count, stride, decayToEnd, from, writersOut + offset);
    clearGap(writersOut + offset, chunk.rows);
  }
}

/** Clears the rows of a block between its last and the next block. */
function clearGap(block: usize, end: i32): void {
  const stride = sizes.headStride;
  memory.fill(block + chunk.count * stride, 0, (end - chunk.count) * stride);
}

function decayChannels(): void {
  const stride = sizes.headStride, count = chunk.count;
  diagonal.openDiagonalDecays(count, chunk.gate, 0, stride);
  if (chunk.hasA) {
    const first = lag * stride;
    memory.copy(readersIn, chunk.readers, first);
    if (count > lag) decayIn(count - lag, chunk.readers + first, readersIn + first);
    clearGap(readersIn, chunk.aRows);
  }
  if (chunk.hasQueries) {
    decayIn(count, chunk.q, readersIn + chunk.aRows * stride);
  }
  for (let row = 0; row < chunk.writerRows; row += chunk.rows) {
    const block = writersOut + row * stride;
    diagonal.openKeyPath(count, count, false);
    diagonal.decayAlongPath(chunk.writers + row * stride, block);
    clearGap(block, chunk.rows);
  }
  isMild = chunk.readerRows > 0 && job.steps === 1 && growChannels();
  if (!isMild) return;
  left = readersIn;
  right = grownWriters;
  for (let i = 0; i < chunk.writerRows; i++) {
    const row = i * stride;
    multiplyVectors(stride, growth, writersOut + row, right + row);
  }
}

/** target = rows, decayed from the border before the chunk. */
function decayIn(count: i32, rows: usize, target: usize): void {
  diagonal.openQueryPath(0, count, false);
  diagonal.decayAlongPath(rows, target);
}

/** Fills {@link growth}; returns whether it is small enough. */
function growChannels(): bool {
  const least = f32x4.splat(LEAST_DECAY), one = f32x4.splat(1);
  for (let n: usize = 0; n < sizes.headStride; n += 16) {
    let decay = one, cell = diagonal.decaysForward + n;
    for (let i = 0; i < chunk.count; i++) {
      decay = f32x4.mul(decay, v128.load(cell));
      cell += sizes.headStride;
    }
    if (v128.any_true(f32x4.lt(decay, least))) return false;
    v128.store(growth + n, f32x4.div(one, decay));
  }
  return true;
}

/** Fills the scores, without queries or with those that the chunk was opened with. */
export function score(): void {
  if (!sizes.diagonal || isMild) {
    transpose(
      chunk.writerRows, sizes.headDim, right, sizes.headStride, transposed,
      scoreBytes
    );
  }
  if (chunk.hasA) scoreReaders(0, chunk.count, 1);
  if (chunk.hasQueries) {
    scoreReaders(chunk.aRows, chunk.queries, chunk.queryStep);
  }
}

/** Fills the scores of `rows` readers from `first` on. */
function scoreReaders(first: i32, rows: i32, step: i32): void {
  const stride = sizes.headStride;
  for (let w = 0; w < chunk.writerRows; w += chunk.rows) {
    const column = <usize> w << 2, corner = scores + first * scoreBytes + column;
    if (sizes.diagonal && !isMild) {
      // What lags has the decays of the row before.
      const late = first === 0 ? lag : 0;
      diagonalScores(
        chunk.count, chunk.readers + (first + late) * stride,
        chunk.writers + w * stride, corner + late * scoreBytes, scoreBytes
      );
    } else {
      multiplyInto(
        rows, chunk.rows, step, sizes.headDim, left + first * stride, stride,
        transposed + column, corner, scoreBytes
      );
    }
  }
  for (let i = first; i < first + rows; i++) maskRow(i, scores + i * scoreBytes);
}

/**
 * The columns, in bytes, before the block on the diagonal of a reader's row, or with
 * that.
 */
export function columnsOf(row: i32, withBlock: bool): usize {
  const isQuery = row >= chunk.aRows, block = blockSize();
  const place = isQuery ? row - chunk.aRows : row;
  const column = ((place & -block) + (withBlock ? block : 0)) *
    (isQuery ? chunk.queryStep : 1);
  return min(<usize> column << 2, blockBytes);
}

/** Whether scores decay by a mask. */
export function isMasked(): bool {
  return sizes.decays && !sizes.diagonal;
}

/** The row of the mask for readers that meet decays up to a step's. */
export function weightsOf(step: i32): usize {
  return maskWeights + step * vectorBytes(chunk.count);
}

/** The last row of writers that a reader meets, in all lanes. */
export function lastOf(row: i32): v128 {
  return i32x4.splat(row < chunk.aRows ? row - 1 : stepOfReader(row));
}

/**
 * Decays a row of scores, or of gradients in them, by the mask if there is one; clears
 * those with rows that a reader does not meet, up to the block on the diagonal.
 */
export function maskRow(row: i32, cell: usize): void {
  const last = lastOf(row), weights = weightsOf(stepOfReader(row));
  const first: usize = isMasked() ? 0 : columnsOf(row, false);
  const end = columnsOf(row, true);
  for (let w = 0; w < chunk.writerRows; w += chunk.rows) {
    let lanes = i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat(<i32> (first >> 2)));
    for (let c = first; c < end; c += 16) {
      let x = v128.load(cell + c);
      if (isMasked()) x = f32x4.mul(v128.load(weights + c), x);
      v128.store(cell + c, v128.and(x, i32x4.le_s(lanes, last)));
      lanes = i32x4.add(lanes, i32x4.splat(4));
    }
    cell += blockBytes;
  }
}

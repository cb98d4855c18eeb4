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
  decayFromStart, decayToEnd, forwardChunkDecay, fillMask, maskWeights,
  openBorderDecays
} from "../chunkwise/decay";
import * as diagonal from "../chunkwise/diagonal";
import { diagonalScores } from "../chunkwise/diagonal_scores";
import * as chunk from "./open_chunk";
import { lag, reads, untied } from "./transition";
import { transition as job } from "../jobs";
import { multiply } from "../../../../tfjs/wasm/assembly/math/gemm";
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
/** The least decay through a chunk of which rows are divided by it, about e^-60. */
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
  const cells = sizes.chunkSize * <i32> (vectorBytes(sizes.chunkSize) >> 2);
  for (let i = 0; i < cells; i++) put(maskWeights, i, one);
}

/** Opens a chunk with its rows, decayed and as they are. */
export function openChunk(position: i32, withQueries: bool): void {
  chunk.openRows(position, withQueries);
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
  for (let i = 0; i < chunk.count && reads; i++) {
    put(entryWeights, i, i < lag ? 1 : at(decayFromStart, i - lag));
  }
  for (let i = chunk.aRows; i < chunk.readerRows; i++) {
    put(entryWeights, i, at(decayFromStart, stepOfReader(i)));
  }
}

/** The step, up to which decays count that a reader meets; -1 before the first. */
export function stepOfReader(row: i32): i32 {
  return row < chunk.aRows
    ? row - lag
    : (row - chunk.aRows + 1) * chunk.queryStep - 1;
}

function decayTokens(): void {
  openBorderDecays(chunk.count, chunk.gate, 0);
  fillMask(chunk.count, chunk.gate, 0);
  fillEntryWeights();
  const stride = sizes.headStride;
  scaleRows(chunk.readerRows, stride, entryWeights, chunk.readers, readersIn);
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
  if (reads) {
    memory.copy(readersIn, chunk.readers, lag * stride);
    const first = lag * stride;
    if (count > lag) decayIn(count - lag, chunk.readers + first, readersIn + first);
    clearGap(readersIn, chunk.aRows);
  }
  if (chunk.readerRows > chunk.aRows) {
    decayIn(count, chunk.q, readersIn + chunk.aRows * stride);
  }
  for (let row = 0; row < chunk.writerRows; row += chunk.rows) {
    const block = writersOut + row * stride;
    diagonal.openKeyPath(count, count, false);
    diagonal.decayAlongPath(chunk.writers + row * stride, block);
    clearGap(block, chunk.rows);
  }
  isMild = job.steps === 1 && growChannels();
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
  if (chunk.readerRows === 0) return;
  if (sizes.diagonal && !isMild) scoreBlocks();
  else {
    transpose(
      chunk.writerRows, sizes.headDim, right, sizes.headStride, transposed,
      scoreBytes
    );
    multiply(
      chunk.readerRows, <i32> (scoreBytes >> 2), sizes.headDim,
      left, sizes.headStride, transposed, scoreBytes,
      scores, scoreBytes, 0, 0, 0
    );
  }
  for (let i = 0; i < chunk.readerRows; i++) {
    if (i >= chunk.count && i < chunk.aRows) continue;
    maskRow(i, scores + i * scoreBytes);
  }
}

function scoreBlocks(): void {
  for (let row = 0; row < chunk.writerRows; row += chunk.rows) {
    const written = chunk.writers + row * sizes.headStride;
    const column = scores + (<usize> row << 2);
    if (reads) {
      diagonalScores(
        chunk.count, chunk.readers + lag * sizes.headStride, written,
        column + lag * scoreBytes, scoreBytes
      );
    }
    if (chunk.readerRows > chunk.aRows) {
      diagonalScores(
        chunk.count, chunk.q, written, column + chunk.aRows * scoreBytes,
        scoreBytes
      );
    }
  }
}

/**
 * Decays a row of scores, or of gradients in them, where numbers of tokens do; clears
 * those with rows that a reader does not meet.
 */
export function maskRow(row: i32, cell: usize): void {
  const step = stepOfReader(row);
  const last = i32x4.splat(row < chunk.aRows ? row - 1 : step);
  const weights = maskWeights + step * vectorBytes(chunk.count);
  for (const end = cell + scoreBytes; cell < end;) {
    let lanes = i32x4(0, 1, 2, 3);
    for (let c: usize = 0; c < blockBytes; c += 16) {
      const masked = f32x4.mul(v128.load(weights + c), v128.load(cell));
      v128.store(cell, v128.and(masked, i32x4.le_s(lanes, last)));
      lanes = i32x4.add(lanes, i32x4.splat(4));
      cell += 16;
    }
  }
}

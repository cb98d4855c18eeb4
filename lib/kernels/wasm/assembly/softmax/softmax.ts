// Softmax attention: sizes, scratch and the open blocks of both passes, which go
// through blocks of keys for each block of queries, so that the scores of two blocks
// are all that is in memory.
//
// The scores lie transposed, [keys, queries]: a vector of them belongs to four
// queries, and so do the maxima, the sums and all else that a row of scores
// has; a hidden key is a row.
import { scaleVectors } from "../../../../tfjs/wasm/assembly/math/loops";
import { softmax as job } from "../jobs";
import {
  at, transposeToPairs
} from "../../../../tfjs/wasm/assembly/math/matrix";
import { prepareExp } from "../../../../tfjs/wasm/assembly/math/vector_exp";
import {
  layoutFrom, allocate
} from "../../../../tfjs/wasm/assembly/runtime/scratch";
import {
  pairBytes, vectorBytes
} from "../../../../tfjs/wasm/assembly/math/simd";

/** Tokens of a block: rows and columns of scores that stay in the cache. */
export const QUERIES = 96;
export const KEYS = 192;

/** A float below all scores, and finite, so that differences are no NaN. */
export const LOWEST: f32 = -3.4e38;

/** Bytes of a row of q and k in its tensor; `headStride`, padded to whole vectors. */
export let headBytes: usize = 0;
export let headStride: usize = 0;
/** Bytes of a row of v in its tensor; `valueStride`, padded to whole vectors. */
export let valueBytes: usize = 0;
export let valueStride: usize = 0;
let rowsK: usize = 0;
let rowsV: usize = 0;
/** The block's queries times the scale. */
export let scaledQ: usize = 0;
export let transposedQ: usize = 0;
/** The scores of the open blocks, `[keys, queries]`. */
export let scores: usize = 0;

/** Lays out the scratch that both passes need. */
export function layoutShared(base: usize): void {
  prepareExp();
  layoutFrom(base);
  headBytes = <usize> job.headDim * 4;
  headStride = vectorBytes(job.headDim);
  valueBytes = <usize> job.valueDim * 4;
  valueStride = vectorBytes(job.valueDim);
  const widest = pairBytes(min(QUERIES, job.length));
  rowsK = allocate(KEYS * headStride);
  rowsV = allocate(KEYS * valueStride);
  scaledQ = allocate(QUERIES * headStride);
  transposedQ = allocate(<usize> job.headDim * widest);
  scores = allocate(KEYS * widest);
}

export function queryBlocks(): i32 {
  return (job.length + QUERIES - 1) / QUERIES;
}

export function keyBlocks(): i32 {
  return (job.length + KEYS - 1) / KEYS;
}

/** Whether a position of a sequence holds a token, not padding. */
export function isToken(sequence: i32, position: i32): bool {
  if (job.mask === 0) return true;
  return at(job.mask, sequence / job.heads * job.length + position) !== 0;
}

/** The segment of a position of a sequence, numbered in order. */
export function segmentOf(sequence: i32, position: i32): f32 {
  return at(job.segments, sequence / job.heads * job.length + position);
}

function tokensOf(sequence: i32, first: i32, count: i32): i32 {
  if (job.mask === 0) return count;
  let tokens = 0;
  for (let i = 0; i < count; i++) tokens += <i32> isToken(sequence, first + i);
  return tokens;
}

/**
 * Rows of whole vectors, with zeros at padding: where they lie, if that is what
 * lies there, else a copy.
 */
export function paddedTokens(
  sequence: i32, first: i32, count: i32, tensor: usize, width: usize,
  copy: usize, stride: usize, complete: bool
): usize {
  const source = tensor + <usize> (sequence * job.length + first) * width;
  if (complete && width === stride) return source;
  for (let i = 0; i < count; i++) {
    const row = copy + i * stride;
    if (complete || isToken(sequence, first + i)) {
      memory.copy(row, source + i * width, width);
      memory.fill(row + width, 0, stride - width);
    } else memory.fill(row, 0, stride);
  }
  return copy;
}

export let sequence: i32 = 0;
/** The block of queries: its first query, the number of queries, and bytes of a row of scores. */
export let query: i32 = 0;
export let queries: i32 = 0;
export let row: usize = 0;
/** Whether none of the block's queries is padding. */
export let queriesComplete: bool = false;
/**
 * The range of keys that any of the block's queries reads: the first, and the one
 * after the last.
 */
let firstKey: i32 = 0;
let endKey: i32 = 0;

/** Opens a block of queries; false if all of it is padding. */
export function openQueryBlock(ofSequence: i32, block: i32): bool {
  sequence = ofSequence;
  query = block * QUERIES;
  queries = min(QUERIES, job.length - query);
  row = pairBytes(queries);
  const tokens = tokensOf(sequence, query, queries);
  if (tokens === 0) return false;
  queriesComplete = tokens === queries;
  firstKey = 0;
  endKey = job.causal !== 0 ? query + queries : job.length;
  if (job.segments !== 0) narrowKeys();
  const q = paddedTokens(
    sequence, query, queries, job.q, headBytes, scaledQ, headStride,
    queriesComplete
  );
  scaleVectors(<usize> queries * headStride, job.scale, q, scaledQ);
  transposeToPairs(queries, job.headDim, scaledQ, headStride, transposedQ);
  return true;
}

/**
 * Narrows the range of keys to the segments from the block's first query to its
 * last.
 */
function narrowKeys(): void {
  firstKey = query;
  const first = segmentOf(sequence, firstKey);
  while (firstKey > 0 && segmentOf(sequence, firstKey - 1) === first) {
    firstKey--;
  }
  let end = query + queries;
  const last = segmentOf(sequence, end - 1);
  while (end < endKey && segmentOf(sequence, end) === last) end++;
  endKey = end;
}

/** The block of keys: its first key, the number of keys, and rows of whole vectors. */
export let key: i32 = 0;
export let keys: i32 = 0;
export let k: usize = 0;
export let v: usize = 0;
export let keysComplete: bool = false;

/** Opens a block of keys; false if all of it is padding. */
export function openKeyBlock(block: i32): bool {
  key = block * KEYS;
  keys = min(KEYS, job.length - key);
  const tokens = tokensOf(sequence, key, keys);
  if (tokens === 0) return false;
  keysComplete = tokens === keys;
  k = paddedTokens(
    sequence, key, keys, job.k, headBytes, rowsK, headStride, keysComplete
  );
  v = paddedTokens(
    sequence, key, keys, job.v, valueBytes, rowsV, valueStride, keysComplete
  );
  return true;
}

/** The first block of keys that the block of queries reads. */
export function firstBlock(): i32 {
  return firstKey / KEYS;
}

/** The block of keys after the last one that the block of queries reads. */
export function endBlock(): i32 {
  return (endKey + KEYS - 1) / KEYS;
}

// Sizes of a job, be it of a form of attention or of transitions, and the scratch
// memory that these have in common.
import { attention } from "../jobs";
import { layoutDecay } from "./decay";
import { layoutDiagonal } from "./diagonal";
import {
  layoutFrom, allocate
} from "../../../../tfjs/wasm/assembly/runtime/scratch";
import {
  pairBytes, vectorBytes
} from "../../../../tfjs/wasm/assembly/math/simd";

export let length: i32 = 0;
/** Consecutive sequences with the same queries and keys: a group. */
export let groupSize: i32 = 1;
export let headDim: i32 = 0;
export let valueDim: i32 = 0;
export let chunkSize: i32 = 0;
/** Chunks of a sequence. */
export let chunks: i32 = 0;
/** Parts of a sequence that are a task each. */
export let splits: i32 = 0;
let chunksPerSplit: i32 = 0;
/**
 * Q Kᵀ of each chunk of a split, `[chunkSize, chunkSize]`, which the sequences
 * of a group share.
 */
let sharedScores: usize = 0;
export let causal: bool = false;
export let decays: bool = false;
/** Whether each channel of the keys has its own decays. */
export let diagonal: bool = false;
/** Bytes of a token's log decays. */
let decayBytes: usize = 0;
/**
 * Whether states are `[valueDim + 1, headDim]`, as in the backward pass, or
 * `[headDim, valueDim]` with a row for the normaliser behind it.
 */
export let stateTransposed: bool = false;
/** Bytes of a row of q and k in its tensor; `headStride`, padded to whole vectors. */
export let headBytes: usize = 0;
export let headStride: usize = 0;
/**
 * Bytes of a row of v as it comes, padded to whole vectors, and padded with the
 * normaliser's column.
 */
export let valueBytes: usize = 0;
export let valueStride: usize = 0;
export let columnsStride: usize = 0;
/** Bytes of a state with the normaliser's part, in either layout. */
export let stateBytes: usize = 0;

export let rowsQ: usize = 0;
export let rowsK: usize = 0;
export let rowsV: usize = 0;
export let rowsY: usize = 0;
/** Scores of a chunk, `[chunkSize, chunkSize]`. */
export let scores: usize = 0;
/** Rows of q or k times their decays, `[chunkSize, headDim]`. */
export let scaled: usize = 0;
/** The transpose of the right factor of a product. */
export let transposed: usize = 0;
/** Row sums of the scores, `[chunkSize]`. */
export let rowSums: usize = 0;
/** The state before the chunk. */
export let stateBefore: usize = 0;
/**
 * The states after each chunk of the split; with gradients in states in the
 * backward pass.
 */
export let statesAfter: usize = 0;

/** Takes the sizes of the job of an attention. */
export function readAttention(): void {
  setSizes(
    attention.length, attention.groupSize, attention.headDim,
    attention.valueDim, attention.chunkSize, attention.splits,
    attention.causal !== 0, attention.f !== 0, attention.diagonal !== 0
  );
}

/** Takes the sizes of a job. */
export function setSizes(
  tokens: i32, sharing: i32, keyColumns: i32, valueColumns: i32,
  tokensPerChunk: i32, parts: i32, isCausal: bool, hasDecays: bool,
  ofChannels: bool
): void {
  length = tokens;
  groupSize = sharing;
  headDim = keyColumns;
  valueDim = valueColumns;
  chunkSize = tokensPerChunk;
  splits = parts;
  causal = isCausal;
  decays = hasDecays;
  diagonal = ofChannels;
  chunks = (length + chunkSize - 1) / chunkSize;
  chunksPerSplit = (chunks + splits - 1) / splits;
  headBytes = <usize> headDim * 4;
  headStride = vectorBytes(headDim);
  decayBytes = diagonal ? headBytes : 4;
  valueBytes = <usize> valueDim * 4;
  valueStride = vectorBytes(valueDim);
  columnsStride = vectorBytes(valueDim + 1);
  const plainBytes = <usize> headDim * valueStride + headStride;
  const transposedBytes = <usize> (valueDim + 1) * headStride;
  stateBytes = (max(plainBytes, transposedBytes) + 63) & ~63;
}

export { allocate };

/** Lays out the scratch for decays from `base`. */
export function layoutDecays(base: usize): void {
  const tokens = wholeTokens();
  layoutFrom(layoutDecay((base + 63) & ~63, chunkSize));
  scaled = allocate(tokens * max(headStride, columnsStride));
  const columns = max(pairBytes(chunkSize), columnsStride);
  transposed = allocate(<usize> headDim * columns);
  if (diagonal) layoutDiagonal(tokens, headStride);
}

/**
 * Lays out all scratch from `base`, with a number of states for each chunk of a split,
 * which are transposed or not; returns the end of the scratch.
 */
export function layout(
  base: usize, statesPerChunk: i32, areTransposed: bool
): usize {
  stateTransposed = areTransposed;
  const tokens = wholeTokens(), row = pairBytes(chunkSize);
  layoutDecays(base);
  rowsQ = allocate(tokens * headStride);
  rowsK = allocate(tokens * headStride);
  rowsV = allocate(tokens * columnsStride);
  rowsY = allocate(tokens * columnsStride);
  scores = allocate(tokens * row);
  rowSums = allocate(row);
  stateBefore = allocate(stateBytes);
  statesAfter = allocate(<usize> (chunksPerSplit * statesPerChunk) * stateBytes);
  sharedScores = allocateShared();
  return allocate(0);
}

/**
 * Takes a matrix of scores for each chunk of a split, where groups have several
 * sequences.
 */
export function allocateShared(): usize {
  if (groupSize === 1 || diagonal) return 0;
  return allocate(<usize> chunksPerSplit * sharedBytes());
}

function sharedBytes(): usize {
  return <usize> chunkSize * pairBytes(chunkSize);
}

/** The matrix of a chunk in memory of {@link allocateShared}, or 0. */
export function sharedOf(matrices: usize, chunk: i32): usize {
  if (groupSize === 1 || diagonal) return 0;
  return matrices + <usize> (chunk % chunksPerSplit) * sharedBytes();
}

/** The address of the group's Q Kᵀ of a chunk, or 0. */
export function sharedScoresOf(chunk: i32): usize {
  return sharedOf(sharedScores, chunk);
}

/**
 * Rows of a chunk's matrices: whole blocks of four where channels have their own
 * decays.
 */
export function wholeTokens(): usize {
  return diagonal ? (<usize> chunkSize + 3) & ~3 : chunkSize;
}

/** Tokens of a chunk; the last may be shorter. */
export function countOf(chunk: i32): i32 {
  return min(chunkSize, length - chunk * chunkSize);
}

export function firstChunkOf(split: i32): i32 {
  return min(chunks, split * chunksPerSplit);
}

/** Splits that hold a chunk. */
export function filledSplits(): i32 {
  return (chunks + chunksPerSplit - 1) / chunksPerSplit;
}

/** The address of a token's log decays in a tensor, or 0 without the tensor. */
export function logDecay(pointer: usize, token: i32): usize {
  return pointer === 0 ? 0 : pointer + token * decayBytes;
}

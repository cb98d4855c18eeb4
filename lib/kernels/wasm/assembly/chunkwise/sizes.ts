// What the forward and the backward pass of chunkwise attention share: the
// sizes of a problem, and the scratch memory of one thread.
import { layoutDecay } from "./decay";
import { layoutDiagonal } from "./diagonal";
import { layoutFrom, take } from "../runtime/scratch";
import { pairBytes, vectorBytes } from "../math/simd";

export let length: i32 = 0;
/** Sequences in a row that have the same queries and keys. */
export let share: i32 = 1;
export let headDim: i32 = 0;
export let valueDim: i32 = 0;
export let chunkSize: i32 = 0;
/** Chunks of a sequence. */
export let chunks: i32 = 0;
/** Parts of a sequence, of which each is one task. */
export let segments: i32 = 0;
let chunksPerSegment: i32 = 0;
/** Products of queries and keys of each chunk of a segment, for all who share these. */
let sharedScores: usize = 0;
export let causal: bool = false;
export let decays: bool = false;
/** Whether each channel of the keys has its own. */
export let diagonal: bool = false;
/** Bytes of a token's log decays. */
let decayBytes: usize = 0;
/** Whether states are as the backward pass has them, `[valueDim + 1, headDim]`. */
export let lying: bool = false;
/** Bytes of a row of q and k as it comes, and padded to whole vectors. */
export let headBytes: usize = 0;
export let headStride: usize = 0;
/** Bytes of a row of v as it comes, padded, and with the normaliser's column. */
export let valueBytes: usize = 0;
export let valueStride: usize = 0;
export let columnsStride: usize = 0;
/** Bytes of a state with the normaliser's part, in either pass's layout. */
export let stateBytes: usize = 0;

export let rowsQ: usize = 0;
export let rowsK: usize = 0;
export let rowsV: usize = 0;
export let rowsY: usize = 0;
/** `[chunkSize, chunkSize]` */
export let scores: usize = 0;
/** Rows times their decays. */
export let scaled: usize = 0;
/** The transpose of what is next to be multiplied from the right. */
export let transposed: usize = 0;
/** Row sums of the scores. */
export let sums: usize = 0;
/** The state before the chunk. */
export let before: usize = 0;
/** The states after each chunk of the segment; with their gradients in the backward pass. */
export let after: usize = 0;
/** Scratch of the backward pass. */
export let gradient: usize = 0;

/** Takes the sizes of a job. */
export function setSizes(
  tokens: i32,
  sharing: i32,
  keyColumns: i32,
  valueColumns: i32,
  tokensPerChunk: i32,
  parts: i32,
  isCausal: bool,
  hasDecays: bool,
  ofChannels: bool,
): void {
  length = tokens;
  share = sharing;
  headDim = keyColumns;
  valueDim = valueColumns;
  chunkSize = tokensPerChunk;
  segments = parts;
  causal = isCausal;
  decays = hasDecays;
  diagonal = ofChannels;
  chunks = (length + chunkSize - 1) / chunkSize;
  chunksPerSegment = (chunks + segments - 1) / segments;
  headBytes = <usize> headDim * 4;
  headStride = vectorBytes(headDim);
  decayBytes = diagonal ? headBytes : 4;
  valueBytes = <usize> valueDim * 4;
  valueStride = vectorBytes(valueDim);
  columnsStride = vectorBytes(valueDim + 1);
  const upright = <usize> headDim * valueStride + headStride;
  const lying = <usize> (valueDim + 1) * headStride;
  stateBytes = (max(upright, lying) + 63) & ~63;
}

export { take };

/**
 * Lays out scratch from `base`, with so many states for each chunk of a segment,
 * and says how these are; returns its end.
 */
export function layout(
  base: usize,
  statesPerChunk: i32,
  areLying: bool,
): usize {
  lying = areLying;
  const tokens = wholeTokens(), row = pairBytes(chunkSize);
  layoutFrom(layoutDecay((base + 63) & ~63, chunkSize));
  rowsQ = take(tokens * headStride);
  rowsK = take(tokens * headStride);
  rowsV = take(tokens * columnsStride);
  rowsY = take(tokens * columnsStride);
  scores = take(tokens * row);
  scaled = take(tokens * max(headStride, columnsStride));
  transposed = take(<usize> headDim * max(row, columnsStride));
  sums = take(row);
  before = take(stateBytes);
  if (diagonal) layoutDiagonal(tokens, headStride);
  after = take(<usize> (chunksPerSegment * statesPerChunk) * stateBytes);
  sharedScores = takeShared();
  return take(0);
}

/** Takes a matrix of scores for each chunk of a segment, if several share its keys. */
export function takeShared(): usize {
  if (share === 1 || diagonal) return 0;
  return take(<usize> chunksPerSegment * sharedBytes());
}

function sharedBytes(): usize {
  return <usize> chunkSize * pairBytes(chunkSize);
}

/** The matrix of a chunk among {@link takeShared}, or 0. */
export function sharedOf(matrices: usize, chunk: i32): usize {
  if (share === 1 || diagonal) return 0;
  return matrices + <usize> (chunk % chunksPerSegment) * sharedBytes();
}

/** Where the chunk's products of queries and keys are kept, or 0. */
export function sharedScoresOf(chunk: i32): usize {
  return sharedOf(sharedScores, chunk);
}

/** Rows of a chunk's matrices: where channels decay apart, whole blocks of four tokens. */
export function wholeTokens(): usize {
  return diagonal ? (<usize> chunkSize + 3) & ~3 : chunkSize;
}

/** Tokens of a chunk; the last may be shorter. */
export function countOf(chunk: i32): i32 {
  return min(chunkSize, length - chunk * chunkSize);
}

/** The first chunk of a segment. */
export function chunkOf(segment: i32): i32 {
  return min(chunks, segment * chunksPerSegment);
}

/** Segments that hold a chunk. */
export function filledSegments(): i32 {
  return (chunks + chunksPerSegment - 1) / chunksPerSegment;
}

/** Where a token's log decays are, or 0 if there are none in that direction. */
export function logDecay(pointer: usize, token: i32): usize {
  return pointer === 0 ? 0 : pointer + token * decayBytes;
}

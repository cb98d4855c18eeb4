// The gradients of a chunk or a tile: what both forms with tiles share. With g'
// the loss gradient in Σ_j M_ij (q_i · k_j) (v_j, 1), a token's gradients are
// attention of the same kind with other arguments.
import * as sizes from "./sizes";
import { diagonalGradients } from "./diagonal_scores";
import { multiply, multiplyTransposed } from "../math/gemm";
import { factorOf } from "./intra_chunk";
import { attention as job } from "../jobs";
import { layoutMaskGradient, weighBoth } from "./mask_gradient";
import { addRow, scaleAndAdd } from "../math/loops";
import {
  at, put, transpose, transposeToPairs, unpadRows,
} from "../math/matrix";
import { headRows, openDecays } from "./chunk_operands";
import { multiplyAdd, pairBytes, sum4, vectorBytes } from "../math/simd";

/** Gradients of the masked, scaled sums: `[chunkSize, valueDim + 1]`. */
export let rowsG: usize = 0;
export let rowsDq: usize = 0;
export let rowsDk: usize = 0;
export let products: usize = 0;
let transposedV: usize = 0;
export let read: usize = 0;
/** Sums for the decay gradients, one number a token. */
export let lowerRows: usize = 0;
export let lowerColumns: usize = 0;
let upperRows: usize = 0;
let upperColumns: usize = 0;
export let readBefore: usize = 0;
export let readAfter: usize = 0;
export let writtenAfter: usize = 0;
export let writtenBefore: usize = 0;
export let sumsBytes: usize = 0;
/** Gradients in log decays of each channel, `[chunkSize, headDim]`. */
export let rowsDf: usize = 0;
export let rowsDb: usize = 0;

/** Lays out scratch from `base`, with so many states for each chunk of a segment; returns its end. */
export function layoutGradients(base: usize, statesPerChunk: i32): usize {
  sizes.layout(base, statesPerChunk, true);
  const tokens = sizes.wholeTokens(), row = pairBytes(sizes.chunkSize);
  rowsG = sizes.allocate(tokens * sizes.columnsStride);
  rowsDq = sizes.allocate(tokens * sizes.headStride);
  rowsDk = sizes.allocate(tokens * sizes.headStride);
  products = sizes.allocate(tokens * row);
  transposedV = sizes.allocate(<usize> (sizes.valueDim + 1) * row);
  read = sizes.allocate(tokens * sizes.headStride);
  sumsBytes = 8 * row;
  lowerRows = sizes.allocate(sumsBytes);
  lowerColumns = lowerRows + row;
  upperRows = lowerColumns + row;
  upperColumns = upperRows + row;
  readBefore = upperColumns + row;
  readAfter = readBefore + row;
  writtenAfter = readAfter + row;
  writtenBefore = writtenAfter + row;
  if (sizes.diagonal) {
    rowsDf = sizes.allocate(tokens * sizes.headStride);
    rowsDb = sizes.allocate(tokens * sizes.headStride);
  } else layoutMaskGradient(sizes.chunkSize);
  sharedSums = sizes.allocateShared();
  return sizes.allocate(0);
}

export let count: i32 = 0, token: i32 = 0;
/** The token among those of queries and keys, and which of those who share these it is. */
let keyToken: i32 = 0, isFirst: bool = true, isLast: bool = true;
/** The chunk's products that others share, and the sum of all gradients in them; or 0. */
let sharedScores: usize = 0, sharedSlopes: usize = 0;
/** All of the latter. */
let sharedSums: usize = 0;
export let q: usize = 0, k: usize = 0;
let f: usize = 0, b: usize = 0;

/** Points to a chunk's rows and log decays. */
export function openChunkBackward(sequence: i32, chunk: i32): void {
  count = sizes.countOf(chunk);
  token = sequence * sizes.length + chunk * sizes.chunkSize;
  keyToken = sequence / sizes.groupSize * sizes.length + chunk * sizes.chunkSize;
  isFirst = sequence % sizes.groupSize === 0;
  isLast = sequence % sizes.groupSize === sizes.groupSize - 1;
  sharedScores = sizes.sharedScoresOf(chunk);
  sharedSlopes = sizes.sharedOf(sharedSums, chunk);
  const offset = keyToken * sizes.headBytes;
  q = headRows(count, job.q + offset, sizes.rowsQ);
  k = headRows(count, job.k + offset, sizes.rowsK);
  f = sizes.logDecay(job.f, token);
  b = sizes.logDecay(job.b, token);
  openDecays(count, f, b);
  openValues();
  openGradients(count, token, rowsG);
}

/** (v_j, 1) */
function openValues(): void {
  for (let i = 0; i < count; i++) {
    const row = sizes.rowsV + i * sizes.columnsStride;
    memory.copy(row, job.v + (token + i) * sizes.valueBytes, sizes.valueBytes);
    put(row, sizes.valueDim, 1);
  }
}

/** Gradients of the masked, scaled sums of some tokens. */
export function openGradients(count: i32, token: i32, rows: usize): void {
  for (let i = 0; i < count; i++) {
    gradientRow(token + i, rows + i * sizes.columnsStride);
  }
}

/** s (dy_i / r_i, -dy_i · y_i / r_i), with r_i what the row was divided by. */
function gradientRow(token: i32, row: usize): void {
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

/** Where the gradients of q or k go: to their place, or where rows can have padding or are to be added. */
export function wholeRows(target: usize, padded: usize): usize {
  const isInPlace = sizes.headBytes === sizes.headStride && !sizes.diagonal &&
    sizes.groupSize === 1;
  return isInPlace ? target + token * sizes.headBytes : padded;
}

/** As {@link wholeRows}, of v. */
export function wholeValueRows(): usize {
  return sizes.valueBytes === sizes.valueStride
    ? job.dv + token * sizes.valueBytes
    : sizes.rowsY;
}

/** Puts rows of {@link wholeRows} into their place, or adds them there. */
export function storeRows(rows: usize, target: usize): void {
  let place = target + keyToken * sizes.headBytes;
  if (isFirst) {
    return unpadRows(count, rows, sizes.headStride, place, sizes.headBytes);
  }
  for (let i = 0; i < count; i++) {
    addRow(sizes.headDim, rows, place);
    rows += sizes.headStride;
    place += sizes.headBytes;
  }
}

/** Puts the rows of {@link wholeRows} and {@link wholeValueRows} into their place. */
export function storeKeyRows(dk: usize, dv: usize): void {
  storeRows(dk, job.dk);
  unpadRows(
    count, dv, sizes.valueStride, job.dv + token * sizes.valueBytes,
    sizes.valueBytes
  );
}

/** scores = Q Kᵀ, which whoever is first keeps for the others. */
function findScores(row: usize): void {
  const shared = sharedScores !== 0;
  if (!shared || isFirst) {
    transposeToPairs(
      count, sizes.headDim, k, sizes.headStride, sizes.transposed
    );
    multiply(
      count, <i32> (row >> 2), sizes.headDim,
      q, sizes.headStride, sizes.transposed, row,
      shared ? sharedScores : sizes.scores, row, 0, 0, 0
    );
  }
  if (shared) memory.copy(sizes.scores, sharedScores, count * row);
}

/** Adds the products' gradients to those of others who share them; says where the sums are. */
function sumSlopes(row: usize): usize {
  if (sharedSlopes === 0) return products;
  const bytes = <usize> count * row;
  if (isFirst) memory.copy(sharedSlopes, products, bytes);
  else scaleAndAdd(bytes, 1, sharedSlopes, products);
  return sharedSlopes;
}

/** From pairs of tokens in the chunk; in q and k only for the last of those who share them, but for all. */
export function intraChunkGradients(dq: usize, dk: usize, dv: usize): void {
  if (sizes.diagonal) return diagonalChunkGradients(dq, dk, dv);
  const row = pairBytes(count), columns = <i32> (row >> 2);
  const head = <i32> (sizes.headStride >> 2);
  transposeToPairs(
    count, sizes.valueDim + 1, sizes.rowsV, sizes.columnsStride, transposedV
  );
  multiply(
    count, columns, sizes.valueDim + 1,
    rowsG, sizes.columnsStride, transposedV, row,
    products, row, 0, 0, 0
  );
  findScores(row);
  weighBoth(
    count, f, b, sizes.scores, products, row, lowerRows, lowerColumns,
    upperRows, upperColumns
  );
  valueGradients(row, dv);
  const slopes = sumSlopes(row);
  if (!isLast) {
    memory.fill(dq, 0, count * sizes.headStride);
    memory.fill(dk, 0, count * sizes.headStride);
    return;
  }
  multiply(
    count, head, count,
    slopes, row, k, sizes.headStride,
    dq, sizes.headStride, 0, 0, 0
  );
  multiplyTransposed(
    count, head, count,
    slopes, row, q, sizes.headStride,
    dk, sizes.headStride, 0, 0, 0
  );
}

/** dv_j = Σ_i score_ij g_i */
function valueGradients(row: usize, dv: usize): void {
  multiplyTransposed(
    count, <i32> (sizes.valueStride >> 2), count,
    sizes.scores, row, rowsG, sizes.columnsStride,
    dv, sizes.valueStride, 0, 0, 0
  );
}

/** The same, and the gradients in log decays, where channels decay apart. */
function diagonalChunkGradients(dq: usize, dk: usize, dv: usize): void {
  const row = vectorBytes(count);
  transpose(
    count, sizes.valueDim + 1, sizes.rowsV, sizes.columnsStride, transposedV,
    row
  );
  multiply(
    count, <i32> (row >> 2), sizes.valueDim + 1,
    rowsG, sizes.columnsStride, transposedV, row,
    products, row, 0, 0, 0
  );
  const missing = <usize> (-count & 3), end = <usize> count + missing;
  memory.fill(products + count * row, 0, missing * row);
  memory.fill(dq, 0, end * sizes.headStride);
  memory.fill(dk, 0, end * sizes.headStride);
  diagonalGradients(count, q, k, products, dq, dk, rowsDf, rowsDb, read);
  valueGradients(row, dv);
}

/**
 * A token's log decay is in the exponents of all pairs that it lies between:
 * both in the chunk, one on either side, or one in the chunk. Sums over the
 * chunk alone, without the diagonal, so that small gradients stay exact.
 */
export function decayGradients(cross: f32, crossBack: f32): void {
  let inside: f32 = 0, fromBefore: f32 = 0, toAfter: f32 = 0;
  for (let i = count - 1; i >= 0; i--) {
    inside += at(lowerRows, i) - at(lowerColumns, i);
    // No pair of the chunk lies around its first token.
    if (i === 0 || forgetsAll(f, i)) inside = 0;
    fromBefore += at(readBefore, i);
    put(job.df, token + i, inside + fromBefore + cross);
  }
  for (let i = 0; i < count; i++) {
    put(job.df, token + i, at(job.df, token + i) + toAfter);
    toAfter += at(writtenAfter, i);
  }
  if (sizes.causal) return;
  let fromAfter: f32 = 0, toBefore: f32 = 0;
  inside = 0;
  for (let i = 0; i < count; i++) {
    inside += at(upperRows, i) - at(upperColumns, i);
    if (i === count - 1 || forgetsAll(b, i)) inside = 0;
    fromAfter += at(readAfter, i);
    put(job.db, token + i, inside + fromAfter + crossBack);
  }
  for (let i = count - 1; i >= 0; i--) {
    put(job.db, token + i, at(job.db, token + i) + toBefore);
    toBefore += at(writtenBefore, i);
  }
}

/**
 * Whether no token that arrives here is read any more. Then the sums of the
 * pairs so far are 0 but for what was rounded, which may be more than all that
 * is on the other side.
 */
function forgetsAll(logDecays: usize, i: i32): bool {
  return at(logDecays, i) < -104;
}

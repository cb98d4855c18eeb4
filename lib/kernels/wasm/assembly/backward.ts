// The backward pass. With g' the loss gradient in Σ_j M_ij (q_i · k_j) (v_j, 1),
// a token's gradients are attention of the same kind with other arguments; all
// of it in one sweep, from states that are recomputed.
//
// States lie here: [valueDim + 1, headDim], the last row for the normaliser.
import {
  after,
  before,
  causal,
  chunkOf,
  chunks,
  chunkSize,
  columnsStride,
  countOf,
  decays,
  filledSegments,
  headBytes,
  headDim,
  headStride,
  layout,
  length,
  logDecay,
  rowsK,
  rowsQ,
  rowsV,
  rowsY,
  scaled,
  scores,
  segments,
  stateBytes,
  take,
  transposed,
  valueBytes,
  valueDim,
  valueStride,
} from "./attention";
import {
  bordersOf,
  entering,
  enteringBack,
  leaving,
  leavingBack,
  through,
  throughBack,
  weights,
  weightsOf,
} from "./decay";
import { multiply, multiplyTransposed } from "./gemm";
import { attention as job, queue } from "./jobs";
import {
  addScaledRowsAndDot,
  at,
  dot,
  paddedRows,
  put,
  scaleAndAdd,
  scaleRows,
  transpose,
  unpadRows,
} from "./matrix";
import { multiplyAdd, sum4, vectorBytes } from "./simd";
import { countProgress } from "./threads";

/** Gradients of the masked, scaled sums: `[chunkSize, valueDim + 1]`. */
let rowsG: usize = 0;
let rowsDq: usize = 0;
let rowsDk: usize = 0;
let products: usize = 0;
let transposedV: usize = 0;
let read: usize = 0;
let gradientBefore: usize = 0;
/** Sums for the decay gradients, one number a token. */
let lowerRows: usize = 0;
let lowerColumns: usize = 0;
let upperRows: usize = 0;
let upperColumns: usize = 0;
let readBefore: usize = 0;
let readAfter: usize = 0;
let writtenAfter: usize = 0;
let writtenBefore: usize = 0;
let sumsBytes: usize = 0;

export function layoutBackward(base: usize): usize {
  layout(base, 2);
  const tokens = <usize> chunkSize, row = vectorBytes(chunkSize);
  rowsG = take(tokens * columnsStride);
  rowsDq = take(tokens * headStride);
  rowsDk = take(tokens * headStride);
  products = take(tokens * row);
  transposedV = take(<usize> (valueDim + 1) * row);
  read = take(tokens * headStride);
  gradientBefore = take(stateBytes);
  sumsBytes = 8 * row;
  lowerRows = take(sumsBytes);
  lowerColumns = lowerRows + row;
  upperRows = lowerColumns + row;
  upperColumns = upperRows + row;
  readBefore = upperColumns + row;
  readAfter = readBefore + row;
  writtenAfter = readAfter + row;
  writtenBefore = writtenAfter + row;
  return take(0);
}

let count: i32 = 0, token: i32 = 0;
let q: usize = 0, k: usize = 0, f: usize = 0, b: usize = 0;

function openChunk(sequence: i32, chunk: i32): void {
  count = countOf(chunk);
  token = sequence * length + chunk * chunkSize;
  const offset = token * headBytes;
  q = paddedRows(count, job.q + offset, headBytes, rowsQ, headStride);
  k = paddedRows(count, job.k + offset, headBytes, rowsK, headStride);
  f = logDecay(job.f, token);
  b = logDecay(job.b, token);
  if (decays) bordersOf(count, f, b);
  openValues();
  openGradients();
}

/** (v_j, 1) */
function openValues(): void {
  for (let i = 0; i < count; i++) {
    const row = rowsV + i * columnsStride;
    memory.copy(row, job.v + (token + i) * valueBytes, valueBytes);
    put(row, valueDim, 1);
  }
}

/** s (dy_i / r_i, -dy_i · y_i / r_i), with r_i what the row was divided by. */
function openGradients(): void {
  for (let i = 0; i < count; i++) {
    const row = rowsG + i * columnsStride;
    const dy = job.dy + (token + i) * valueBytes;
    const y = job.y + (token + i) * valueBytes;
    const divisor = at(job.rowSums, token + i) + job.epsilon;
    const factor: f32 = job.normalize !== 0 ? job.scale / divisor : job.scale;
    const factors = f32x4.splat(factor);
    let inner = f32x4.splat(0), j: usize = 0;
    for (; j + 16 <= valueBytes; j += 16) {
      const x = v128.load(dy + j);
      inner = multiplyAdd(x, v128.load(y + j), inner);
      v128.store(row + j, f32x4.mul(x, factors));
    }
    let sum = sum4(inner);
    for (; j < valueBytes; j += 4) {
      const x = load<f32>(dy + j);
      sum += x * load<f32>(y + j);
      store<f32>(row + j, x * factor);
    }
    put(row, valueDim, job.normalize !== 0 ? -sum * factor : 0);
  }
}

/** to = decay · from + Σ_j weight_j columns_j rows_jᵀ; without weights they are 1. */
function write(
  to: usize,
  decay: f32,
  from: usize,
  weightVector: usize,
  columns: usize,
  rows: usize,
): void {
  let weighted = rows;
  if (weightVector !== 0) {
    scaleRows(count, headStride, weightVector, rows, scaled);
    weighted = scaled;
  }
  writeWeighted(to, decay, from, columns, weighted);
}

function writeWeighted(
  to: usize,
  decay: f32,
  from: usize,
  columns: usize,
  rows: usize,
): void {
  multiplyTransposed(
    valueDim + 1,
    <i32> (headStride >> 2),
    count,
    columns,
    columnsStride,
    rows,
    headStride,
    to,
    headStride,
    decay,
    from,
    headStride,
  );
}

export function backwardRecordBytes(): usize {
  return 4 * stateBytes + 64;
}

/** A segment's record: states H and T, their gradients after and before it, total decays. */
function recordOf(sequence: i32, segment: i32): usize {
  return queue.extra +
    <usize> (sequence * segments + segment) * backwardRecordBytes();
}

/** What a segment by itself adds to the states and gradients that pass it. */
export function summarizeBackward(sequence: i32, segment: i32): void {
  const first = chunkOf(segment), end = chunkOf(segment + 1);
  const record = recordOf(sequence, segment);
  const stateBack = record + stateBytes;
  const gradientAfter = record + 2 * stateBytes;
  const gradientBack = record + 3 * stateBytes;
  let total: f32 = 1, totalBack: f32 = 1;
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    const decay: f32 = decays ? through(count) : 1;
    const old: f32 = chunk > first ? decay : 0;
    write(record, old, record, decays ? leaving : 0, rowsV, k);
    total *= decay;
    if (!decays) {
      write(gradientAfter, old, gradientAfter, 0, rowsG, q);
    } else if (!causal) {
      const oldBack: f32 = chunk > first ? throughBack() : 0;
      write(gradientBack, oldBack, gradientBack, enteringBack, rowsG, q);
      totalBack *= throughBack();
    }
    countProgress();
  }
  put(record + 4 * stateBytes, 0, total);
  put(record + 4 * stateBytes, 1, totalBack);
  if (!decays) return;
  for (let chunk = end - 1; chunk >= first; chunk--) {
    openChunk(sequence, chunk);
    const old: f32 = chunk < end - 1 ? through(count) : 0;
    write(gradientAfter, old, gradientAfter, entering, rowsG, q);
    if (!causal) {
      const oldBack: f32 = chunk < end - 1 ? throughBack() : 0;
      write(stateBack, oldBack, stateBack, leavingBack, rowsV, k);
    }
    countProgress();
  }
}

/** Sums up one of the four states of the segments on one side of a segment. */
function gather(
  sequence: i32,
  segment: i32,
  fromRight: bool,
  which: i32,
  total: i32,
  to: usize,
): void {
  const first = fromRight ? filledSegments() - 1 : 0;
  const step = fromRight ? -1 : 1;
  for (let s = first; s !== segment; s += step) {
    const record = recordOf(sequence, s);
    const state = record + which * stateBytes;
    if (s === first) memory.copy(to, state, stateBytes);
    else {
      scaleAndAdd(stateBytes, to, at(record + 4 * stateBytes, total), state);
    }
  }
}

/** The gradients of a segment. */
export function attendBackward(sequence: i32, segment: i32): void {
  const first = chunkOf(segment), end = chunkOf(segment + 1);
  if (first >= end) return;
  if (!decays) return attendWithoutDecay(sequence, first, end);
  let state = after + (end - 1 - first) * 2 * stateBytes;
  if (segments > 1) {
    gather(sequence, segment, false, 0, 0, before);
    gather(sequence, segment, true, 2, 0, state + stateBytes);
    if (!causal) {
      gather(sequence, segment, true, 1, 1, state);
      gather(sequence, segment, false, 3, 1, gradientBefore);
    }
  }
  for (let chunk = end - 1; chunk > first; chunk--) {
    openChunk(sequence, chunk);
    const last = chunk === chunks - 1;
    const old: f32 = last ? 0 : through(count);
    const gradientAfter = state + stateBytes;
    state -= 2 * stateBytes;
    write(state + stateBytes, old, gradientAfter, entering, rowsG, q);
    if (!causal) {
      const oldBack: f32 = last ? 0 : throughBack();
      write(state, oldBack, state + 2 * stateBytes, leavingBack, rowsV, k);
    }
    countProgress();
  }
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    gradientsOf(chunk, state, state + stateBytes, chunk < end - 1);
    state += 2 * stateBytes;
    countProgress();
  }
}

/** All gradients of a chunk; then, if another follows, the states before it. */
function gradientsOf(
  chunk: i32,
  stateAfter: usize,
  gradientAfter: usize,
  follows: bool,
): void {
  const dq = wholeRows(job.dq, rowsDq), dk = wholeRows(job.dk, rowsDk);
  const dv = valueBytes === valueStride ? job.dv + token * valueBytes : rowsY;
  const some = chunk > 0, more = chunk < chunks - 1;
  const width = <i32> (valueStride >> 2);
  memory.fill(lowerRows, 0, sumsBytes);
  gradientsInside(dq, dk, dv);

  let cross: f32 = 0, crossBack: f32 = 0;
  const decay = through(count), bytes = (valueDim + 1) * headStride;
  const decayBack: f32 = causal ? 1 : throughBack();
  if (some) {
    readState(rowsG, before, entering, q, dq, readBefore);
    if (!causal) {
      readState(rowsV, gradientBefore, leavingBack, k, dk, writtenBefore);
    }
  }
  if (more) {
    readState(rowsV, gradientAfter, leaving, k, dk, writtenAfter);
    if (!causal) readState(rowsG, stateAfter, enteringBack, q, dq, readAfter);
  }
  if (some && more) {
    cross = decay * dot(bytes, before, gradientAfter);
    if (!causal) crossBack = decayBack * dot(bytes, stateAfter, gradientBefore);
  }
  if (some && !causal) {
    scaleRows(count, headStride, leavingBack, k, scaled);
    readTransposed(gradientBefore, dv, width);
  }
  if (more || follows) scaleRows(count, headStride, leaving, k, scaled);
  if (more) readTransposed(gradientAfter, dv, width);
  if (follows) {
    writeWeighted(before, some ? decay : 0, before, rowsV, scaled);
    if (!causal) {
      const old: f32 = some ? decayBack : 0;
      write(gradientBefore, old, gradientBefore, enteringBack, rowsG, q);
    }
  }

  unpadRows(count, dq, headStride, job.dq + token * headBytes, headBytes);
  unpadRows(count, dk, headStride, job.dk + token * headBytes, headBytes);
  unpadRows(count, dv, valueStride, job.dv + token * valueBytes, valueBytes);
  decayGradients(cross, crossBack);
}

function wholeRows(target: usize, padded: usize): usize {
  return headBytes === headStride ? target + token * headBytes : padded;
}

/** From pairs of tokens in the chunk. */
function gradientsInside(dq: usize, dk: usize, dv: usize): void {
  const row = vectorBytes(count), columns = <i32> (row >> 2);
  const head = <i32> (headStride >> 2), width = <i32> (valueStride >> 2);
  transpose(count, headDim, k, headStride, transposed, row);
  multiply(
    count,
    columns,
    headDim,
    q,
    headStride,
    transposed,
    row,
    scores,
    row,
    0,
    0,
    0,
  );
  transpose(count, valueDim + 1, rowsV, columnsStride, transposedV, row);
  multiply(
    count,
    columns,
    valueDim + 1,
    rowsG,
    columnsStride,
    transposedV,
    row,
    products,
    row,
    0,
    0,
    0,
  );
  weightsOf(count, f, b);
  weighAndSum(row);
  multiplyTransposed(
    count,
    width,
    count,
    scores,
    row,
    rowsG,
    columnsStride,
    dv,
    valueStride,
    0,
    0,
    0,
  );
  multiply(
    count,
    head,
    count,
    products,
    row,
    k,
    headStride,
    dq,
    headStride,
    0,
    0,
    0,
  );
  multiplyTransposed(
    count,
    head,
    count,
    products,
    row,
    q,
    headStride,
    dk,
    headStride,
    0,
    0,
    0,
  );
}

/**
 * Applies the mask to both products; sums their product, the loss gradient in
 * each exponent, over rows and columns, strictly below and above the diagonal.
 */
function weighAndSum(row: usize): void {
  const lanes = i32x4(0, 1, 2, 3);
  let score = scores, weight = weights, product = products;
  for (let i = 0; i < count; i++) {
    let lower = f32x4.splat(0), upper = f32x4.splat(0);
    const own = <usize> (i >> 2) << 4;
    for (let j: usize = 0; j < row; j += 16) {
      const m = v128.load(weight + j);
      const a = f32x4.mul(v128.load(score + j), m);
      const w = v128.load(product + j);
      const both = f32x4.mul(a, w);
      v128.store(score + j, a);
      v128.store(product + j, f32x4.mul(w, m));
      if (j < own) {
        lower = f32x4.add(lower, both);
        accumulate(lowerColumns + j, both);
      } else if (j > own) {
        upper = f32x4.add(upper, both);
        accumulate(upperColumns + j, both);
      } else {
        const lane = i32x4.splat(i & 3);
        const below = v128.and(both, i32x4.lt_s(lanes, lane));
        const above = v128.and(both, i32x4.gt_s(lanes, lane));
        lower = f32x4.add(lower, below);
        upper = f32x4.add(upper, above);
        accumulate(lowerColumns + j, below);
        accumulate(upperColumns + j, above);
      }
    }
    put(lowerRows, i, sum4(lower));
    put(upperRows, i, sum4(upper));
    score += row;
    weight += row;
    product += row;
  }
}

function accumulate(target: usize, x: v128): void {
  v128.store(target, f32x4.add(v128.load(target), x));
}

/** target_i += weight_i columns_i state; dots_i = that times row_i. */
function readState(
  columns: usize,
  state: usize,
  weightVector: usize,
  rows: usize,
  target: usize,
  dots: usize,
): void {
  const head = <i32> (headStride >> 2);
  multiply(
    count,
    head,
    valueDim + 1,
    columns,
    columnsStride,
    state,
    headStride,
    read,
    headStride,
    0,
    0,
    0,
  );
  addScaledRowsAndDot(
    count,
    headStride,
    weightVector,
    read,
    rows,
    target,
    dots,
  );
}

/** dv_i += scaled_i stateᵀ */
function readTransposed(state: usize, dv: usize, width: i32): void {
  transpose(valueDim, headDim, state, headStride, transposed, valueStride);
  multiply(
    count,
    width,
    headDim,
    scaled,
    headStride,
    transposed,
    valueStride,
    dv,
    valueStride,
    1,
    dv,
    valueStride,
  );
}

/**
 * A token's log decay is in the exponents of all pairs that it lies between:
 * both in the chunk, one on either side, or one in the chunk. Sums over the
 * chunk alone, without the diagonal, so that small gradients stay exact.
 */
function decayGradients(cross: f32, crossBack: f32): void {
  let inside: f32 = 0, fromBefore: f32 = 0, toAfter: f32 = 0;
  for (let i = count - 1; i >= 0; i--) {
    inside += at(lowerRows, i) - at(lowerColumns, i);
    fromBefore += at(readBefore, i);
    // No pair of the chunk lies around its first token.
    put(job.df, token + i, (i > 0 ? inside : 0) + fromBefore + cross);
  }
  for (let i = 0; i < count; i++) {
    put(job.df, token + i, at(job.df, token + i) + toAfter);
    toAfter += at(writtenAfter, i);
  }
  if (causal) return;
  let fromAfter: f32 = 0, toBefore: f32 = 0;
  inside = 0;
  for (let i = 0; i < count; i++) {
    inside += at(upperRows, i) - at(upperColumns, i);
    fromAfter += at(readAfter, i);
    put(
      job.db,
      token + i,
      (i < count - 1 ? inside : 0) + fromAfter + crossBack,
    );
  }
  for (let i = count - 1; i >= 0; i--) {
    put(job.db, token + i, at(job.db, token + i) + toBefore);
    toBefore += at(writtenBefore, i);
  }
}

/** Every token reads the sums over all segments. */
function attendWithoutDecay(sequence: i32, first: i32, end: i32): void {
  for (let s = 0; s < filledSegments(); s++) {
    const state = recordOf(sequence, s), sum = state + 2 * stateBytes;
    if (s === 0) {
      memory.copy(before, state, stateBytes);
      memory.copy(gradientBefore, sum, stateBytes);
    } else {
      scaleAndAdd(stateBytes, before, 1, state);
      scaleAndAdd(stateBytes, gradientBefore, 1, sum);
    }
  }
  const head = <i32> (headStride >> 2), width = <i32> (valueStride >> 2);
  transpose(
    valueDim,
    headDim,
    gradientBefore,
    headStride,
    transposed,
    valueStride,
  );
  for (let chunk = first; chunk < end; chunk++) {
    openChunk(sequence, chunk);
    const dq = wholeRows(job.dq, rowsDq), dk = wholeRows(job.dk, rowsDk);
    const dv = valueBytes === valueStride ? job.dv + token * valueBytes : rowsY;
    multiply(
      count,
      head,
      valueDim + 1,
      rowsG,
      columnsStride,
      before,
      headStride,
      dq,
      headStride,
      0,
      0,
      0,
    );
    multiply(
      count,
      head,
      valueDim + 1,
      rowsV,
      columnsStride,
      gradientBefore,
      headStride,
      dk,
      headStride,
      0,
      0,
      0,
    );
    multiply(
      count,
      width,
      headDim,
      k,
      headStride,
      transposed,
      valueStride,
      dv,
      valueStride,
      0,
      0,
      0,
    );
    unpadRows(count, dq, headStride, job.dq + token * headBytes, headBytes);
    unpadRows(count, dk, headStride, job.dk + token * headBytes, headBytes);
    unpadRows(count, dv, valueStride, job.dv + token * valueBytes, valueBytes);
    countProgress();
  }
}

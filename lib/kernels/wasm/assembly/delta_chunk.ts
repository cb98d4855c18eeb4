// What a chunk of the delta rule reads of a state and writes to it (delta.ts).
import { diagonal, headDim, headStride, valueStride } from "./attention";
import { entering, leaving, through, weights } from "./decay";
import {
  beta,
  bordered,
  count,
  k,
  keyScores,
  minusBeta,
  q,
  readings,
  rows,
  scores,
  system,
  transposedK,
  v,
} from "./delta";
import { enterAll, leaveAll, passThrough, scoresOf } from "./delta_diagonal";
import { multiply, multiplyTransposed } from "./gemm";
import { scaleColumns, scaleRows, transpose } from "./matrix";
import { vectorBytes } from "./simd";
import { solveDown } from "./triangular";

/** S, and with queries P. */
export function score(withQueries: bool): void {
  const row = vectorBytes(count);
  if (diagonal) {
    scoresOf(count, k, k, keyScores);
    if (withQueries) scoresOf(count, q, k, scores);
    return;
  }
  transpose(count, headDim, k, headStride, transposedK, row);
  multiply(
    withQueries ? rows + count : count,
    <i32> (row >> 2),
    headDim,
    k,
    headStride,
    transposedK,
    row,
    keyScores,
    row,
    0,
    0,
    0,
  );
  weigh(keyScores);
  if (withQueries) weigh(scores);
}

function weigh(matrix: usize): void {
  const bytes = <usize> count * vectorBytes(count);
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = f32x4.mul(v128.load(matrix + i), v128.load(weights + i));
    v128.store(matrix + i, x);
  }
}

/** readings = K H, and with queries below it Q H. */
export function read(state: usize, withQueries: bool): void {
  let readers = k;
  if (diagonal) {
    readers = bordered;
    enterAll(count, k, bordered);
    if (withQueries) enterAll(count, q, bordered + rows * headStride);
  }
  multiply(
    withQueries ? rows + count : count,
    <i32> (valueStride >> 2),
    headDim,
    readers,
    headStride,
    state,
    valueStride,
    readings,
    valueStride,
    0,
    0,
    0,
  );
}

/** W of {@link readings}, if a state comes to the chunk. */
export function findErrors(hasState: bool, errors: usize): void {
  const row = vectorBytes(count);
  if (hasState) subtractReadings(errors);
  else memory.copy(errors, v, count * valueStride);
  scaleColumns(count, row, minusBeta, keyScores, system);
  solveDown(count, system, row, errors, valueStride);
}

/** target = V - e ∘ readings */
function subtractReadings(target: usize): void {
  let cell = v, reading = readings;
  for (let i = 0; i < count; i++) {
    const decay = v128.load32_splat(entering + 4 * i);
    for (const end = cell + valueStride; cell < end; cell += 16) {
      const known = f32x4.mul(decay, v128.load(reading));
      v128.store(target, f32x4.sub(v128.load(cell), known));
      reading += 16;
      target += 16;
    }
  }
}

/** U, of W. */
export function findWritten(errors: usize, written: usize): void {
  scaleRows(count, valueStride, beta, errors, written);
}

/** to = e_last from + (out ∘ K)ᵀ U; without `from` the second alone. */
export function write(from: usize, to: usize, written: usize): void {
  const keys = keysOut();
  const decay: f32 = from === 0 ? 0 : through(count);
  let old = from;
  if (diagonal && from !== 0) {
    passThrough(from, to);
    old = to;
  }
  multiplyTransposed(
    headDim,
    <i32> (valueStride >> 2),
    count,
    keys,
    headStride,
    written,
    valueStride,
    to,
    valueStride,
    decay,
    old,
    valueStride,
  );
}

/** out ∘ K */
export function keysOut(): usize {
  if (diagonal) leaveAll(count, k, bordered);
  else scaleRows(count, headStride, leaving, k, bordered);
  return bordered;
}

// The products, errors and states of a chunk of the delta rule (delta.ts).
import { diagonal, headDim, headStride, valueStride } from "../chunkwise/sizes";
import { decayFromStart, maskWeights } from "../chunkwise/decay";
import * as operands from "../chunkwise/chunk_operands";
import * as delta from "./delta";
import { decayFromStartAll, decayState, scoresOf } from "./delta_diagonal";
import {
  multiply, multiplyTransposed
} from "../../../../tfjs/wasm/assembly/math/gemm";
import {
  multiplyVectors, scaleRows
} from "../../../../tfjs/wasm/assembly/math/loops";
import {
  scaleColumns, transpose
} from "../../../../tfjs/wasm/assembly/math/matrix";
import { vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";
import { solveDown } from "./triangular";

/** Fills S, and with queries P. */
export function score(withQueries: bool): void {
  const row = vectorBytes(delta.count);
  if (diagonal) {
    scoresOf(delta.count, delta.k, delta.k, delta.keyScores);
    if (withQueries) scoresOf(delta.count, delta.q, delta.k, delta.scores);
    return;
  }
  transpose(delta.count, headDim, delta.k, headStride, delta.transposedK, row);
  multiply(
    withQueries ? delta.rows + delta.count : delta.count,
    <i32> (row >> 2), headDim,
    delta.k, headStride, delta.transposedK, row,
    delta.keyScores, row, 0, 0, 0
  );
  applyMask(delta.keyScores);
  if (withQueries) applyMask(delta.scores);
}

/** matrix *= M */
function applyMask(matrix: usize): void {
  const bytes = <usize> delta.count * vectorBytes(delta.count);
  multiplyVectors(bytes, maskWeights, matrix, matrix);
}

/** stateProducts = K H, and with queries below it Q H. */
export function read(state: usize, withQueries: bool): void {
  let readers = delta.k;
  if (diagonal) {
    readers = delta.decayedRows;
    decayFromStartAll(delta.count, delta.k, delta.decayedRows);
    if (withQueries) {
      const queries = delta.decayedRows + delta.rows * headStride;
      decayFromStartAll(delta.count, delta.q, queries);
    }
  }
  multiply(
    withQueries ? delta.rows + delta.count : delta.count,
    <i32> (valueStride >> 2), headDim,
    readers, headStride, state, valueStride,
    delta.stateProducts, valueStride, 0, 0, 0
  );
}

/** Solves for W, of K H in `stateProducts` where a state reaches the chunk. */
export function findErrors(hasState: bool, errors: usize): void {
  const row = vectorBytes(delta.count);
  if (hasState) subtractStateProducts(errors);
  else memory.copy(errors, delta.v, delta.count * valueStride);
  scaleColumns(
    delta.count, row, delta.minusBeta, delta.keyScores, delta.wyMatrix
  );
  solveDown(delta.count, delta.wyMatrix, row, errors, valueStride);
}

/** target = V - e ∘ K H */
function subtractStateProducts(target: usize): void {
  let cell = delta.v, reading = delta.stateProducts;
  for (let i = 0; i < delta.count; i++) {
    const decay = v128.load32_splat(decayFromStart + 4 * i);
    for (const end = cell + valueStride; cell < end; cell += 16) {
      const known = f32x4.mul(decay, v128.load(reading));
      v128.store(target, f32x4.sub(v128.load(cell), known));
      reading += 16;
      target += 16;
    }
  }
}

/** U = β ∘ W */
export function findVNew(errors: usize, vNew: usize): void {
  scaleRows(delta.count, valueStride, delta.beta, errors, vNew);
}

/** to = e_last from + (out ∘ K)ᵀ U; `from` is 0 where no state reaches the chunk. */
export function write(from: usize, to: usize, vNew: usize): void {
  const keys = operands.keysOut(delta.count, false, delta.k);
  const decay: f32 = from === 0 ? 0 : operands.chunkDecay(delta.count, false);
  let old = from;
  if (diagonal && from !== 0) {
    decayState(from, to);
    old = to;
  }
  multiplyTransposed(
    headDim, <i32> (valueStride >> 2), delta.count,
    keys, headStride, vNew, valueStride,
    to, valueStride, decay, old, valueStride
  );
}

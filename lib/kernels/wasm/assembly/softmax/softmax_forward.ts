// Softmax attention, forward: a running maximum and sum for each query, and a
// running weighted sum of values, scaled down whenever the maximum rises.
import { multiplyTransposed } from "../../../../tfjs/wasm/assembly/math/gemm";
import { softmax as job } from "../jobs";
import { scaleRows } from "../../../../tfjs/wasm/assembly/math/loops";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import { expAndSum } from "../../../../tfjs/wasm/assembly/math/vector_exp";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { exp4, vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";
import { layoutLogMask, openLogMask } from "./log_mask";
import { computeScores } from "./scores";
import * as softmax from "./softmax";
import { countProgress } from "../../../../tfjs/wasm/assembly/runtime/progress";

/** The block's outputs before the division by the sums, `[queries, valueDim]`. */
let rowsY: usize = 0;
let maxima: usize = 0;
let sums: usize = 0;
/** The factor of sums and outputs when maxima rise: e^(old maximum - new maximum). */
let kept: usize = 0;

export function layoutSoftmaxForward(base: usize): usize {
  softmax.layoutShared(base);
  if (job.f !== 0) layoutLogMask();
  const line = vectorBytes(softmax.QUERIES);
  rowsY = allocate(softmax.QUERIES * softmax.valueStride);
  maxima = allocate(line);
  sums = allocate(line);
  kept = allocate(line);
  return allocate(0);
}

/** Computes the output of a block of queries. */
export function attendSoftmax(task: i32): void {
  const blocks = softmax.queryBlocks();
  // The last blocks of a causal sequence read most: they come first.
  const block = blocks - 1 - task % blocks;
  const isOpen = softmax.openQueryBlock(task / blocks, block);
  if (isOpen && job.f !== 0) openLogMask();
  memory.fill(sums, 0, softmax.row);
  const lowest = f32x4.splat(softmax.LOWEST);
  for (let i: usize = 0; i < softmax.row; i += 16) {
    v128.store(maxima + i, lowest);
  }
  let isFirst = true;
  const end = isOpen ? softmax.endBlock() : 0;
  for (let keyBlock = softmax.firstBlock(); keyBlock < end; keyBlock++) {
    if (!softmax.openKeyBlock(keyBlock)) continue;
    computeScores();
    const hasRisen = weigh();
    if (hasRisen && !isFirst) {
      scaleRows(softmax.queries, softmax.valueStride, kept, rowsY, rowsY);
    }
    multiplyTransposed(
      softmax.queries, <i32> (softmax.valueStride >> 2), softmax.keys,
      softmax.scores, softmax.row, softmax.v, softmax.valueStride,
      rowsY, softmax.valueStride, isFirst ? 0 : 1, rowsY, softmax.valueStride
    );
    isFirst = false;
    countProgress();
  }
  finish();
}

/**
 * Turns scores into weights, and adds them to the sums; returns whether a
 * maximum has risen.
 */
function weigh(): bool {
  memory.copy(kept, maxima, softmax.row);
  raiseMaxima();
  let hasRisen = false;
  for (let c: usize = 0; c < softmax.row; c += 16) {
    const old = v128.load(kept + c), maximum = v128.load(maxima + c);
    if (v128.any_true(f32x4.ne(old, maximum))) hasRisen = true;
    const factor = exp4(f32x4.sub(old, maximum));
    v128.store(kept + c, factor);
    v128.store(sums + c, f32x4.mul(v128.load(sums + c), factor));
  }
  expAndSum(softmax.keys, softmax.scores, softmax.row, maxima, sums);
  return hasRisen;
}

function raiseMaxima(): void {
  for (let c: usize = 0; c < softmax.row; c += 32) {
    let m$ = v128.load(maxima + c, 16 * $);
    let cell = softmax.scores + c;
    const end = cell + softmax.keys * softmax.row;
    // The test is at the loop's end for the reason in vector_exp.ts.
    do {
      const x$ = v128.load(cell, 16 * $);
      m$ = f32x4.pmax(m$, x$);
      cell += softmax.row;
    } while (cell < end);
    v128.store(maxima + c, m$, 16 * $);
  }
}

/** Divides the rows by their sums, and stores them with what the gradient needs. */
function finish(): void {
  const token = <usize> (softmax.sequence * job.length + softmax.query);
  const bytes = <usize> softmax.queries << 2;
  memory.copy(job.maxima + (token << 2), maxima, bytes);
  memory.copy(job.sums + (token << 2), sums, bytes);
  for (let i = 0; i < softmax.queries; i++) {
    const y = job.y + (token + i) * softmax.valueBytes;
    if (!softmax.isToken(softmax.sequence, softmax.query + i)) {
      memory.fill(y, 0, softmax.valueBytes);
      continue;
    }
    put(sums, i, 1 / at(sums, i));
    const source = rowsY + i * softmax.valueStride;
    scaleRows(1, softmax.valueStride, sums + 4 * i, source, source);
    memory.copy(y, source, softmax.valueBytes);
  }
}

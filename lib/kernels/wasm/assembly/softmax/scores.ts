// The scores of a block of queries and a block of keys.
import { multiply } from "../../../../tfjs/wasm/assembly/math/gemm";
import { softmax as job } from "../jobs";
import { fillLogMask } from "./log_mask";
import * as softmax from "./softmax";

/** scores = s k qᵀ + log M, and -∞ where a query does not read a key. */
export function computeScores(): void {
  const row = softmax.row, hasDecay = job.f !== 0;
  if (hasDecay) fillLogMask();
  multiply(
    softmax.keys, <i32> (row >> 2), job.headDim,
    softmax.k, softmax.headStride, softmax.transposedQ, row,
    softmax.scores, row, hasDecay ? 1 : 0, softmax.scores, row
  );
  let low = 0, high = 0;
  for (let j = 0; j < softmax.keys; j++) {
    const position = softmax.key + j;
    // In causal attention, the row's first queries come before the key, and
    // do not read it.
    let first = job.causal !== 0 ? max(position - softmax.query, 0) : 0;
    let end = softmax.queries;
    if (job.segments !== 0) {
      const own = softmax.segmentOf(softmax.sequence, position);
      while (low < softmax.queries && segmentAt(low) < own) low++;
      while (high < softmax.queries && segmentAt(high) <= own) high++;
      first = max(first, low);
      end = high;
    }
    if (!softmax.keysComplete && !softmax.isToken(softmax.sequence, position)) {
      first = softmax.queries;
    }
    hide(j, 0, min(first, softmax.queries));
    hide(j, end, softmax.queries);
  }
}

/** The segment of one of the block's queries. */
function segmentAt(i: i32): f32 {
  return softmax.segmentOf(softmax.sequence, softmax.query + i);
}

/** Hides a key from some of the block's queries. */
function hide(j: i32, first: i32, end: i32): void {
  const hidden: f32 = -Infinity, line = softmax.scores + j * softmax.row;
  for (let i = first; i < end; i++) store<f32>(line + (<usize> i << 2), hidden);
}

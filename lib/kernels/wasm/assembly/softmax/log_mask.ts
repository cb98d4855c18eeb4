// The decay of softmax attention: log M_ij, to which the scores s k qᵀ are added. Every
// exponent is the sum of the log decays on its own path, and never a difference of
// longer sums: from a key to the end of its block, over the blocks between, and from
// the beginning of the query's block of keys to the query; within a block token by
// token. Forward decays f are of queries after keys, back ones b of queries before.
import { softmax as job } from "../jobs";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";
import * as softmax from "./softmax";

/** The sequence's log decays, and their sum in each block of keys. */
let f: usize = 0;
let b: usize = 0;
let forwardTotals: usize = 0;
let backTotals: usize = 0;
/** f from the block's first token to each query, and b from each query to its last. */
let fromStart: usize = 0;
let fromEnd: usize = 0;
/** The log decay from the queries' side of a pair of blocks, for each query. */
let ofQueries: usize = 0;
/** f after each key up to its block's end, or b before it down to its beginning. */
let ofKeys: usize = 0;

export function layoutLogMask(): void {
  const line = vectorBytes(softmax.QUERIES);
  const blocks = vectorBytes(softmax.keyBlocks());
  forwardTotals = allocate(blocks);
  backTotals = allocate(blocks);
  fromStart = allocate(line);
  fromEnd = allocate(line);
  ofQueries = allocate(line);
  ofKeys = allocate(vectorBytes(softmax.KEYS));
}

/** Opens the log decays of the open block of queries. */
export function openLogMask(): void {
  const first = <usize> (softmax.sequence * job.length) << 2;
  f = job.f + first;
  b = job.b === 0 ? 0 : job.b + first;
  const start = ownBlock() * softmax.KEYS;
  const last = min(start + softmax.KEYS, job.length) - 1;
  memory.fill(fromStart, 0, softmax.row);
  let sum = sumOf(f, start, softmax.query);
  for (let i = 0; i < softmax.queries; i++) {
    sum += at(f, softmax.query + i);
    put(fromStart, i, sum);
  }
  fillTotals(f, forwardTotals);
  if (b === 0) return;
  memory.fill(fromEnd, 0, softmax.row);
  sum = sumOf(b, softmax.query + softmax.queries, last + 1);
  for (let i = softmax.queries - 1; i >= 0; i--) {
    sum += at(b, softmax.query + i);
    put(fromEnd, i, sum);
  }
  fillTotals(b, backTotals);
}

/** The block of keys that has the open queries' tokens. */
export function ownBlock(): i32 {
  return softmax.query / softmax.KEYS;
}

function sumOf(x: usize, first: i32, end: i32): f32 {
  let sum: f32 = 0;
  for (let i = first; i < end; i++) sum += at(x, i);
  return sum;
}

function fillTotals(x: usize, totals: usize): void {
  for (let block = 0; block < softmax.keyBlocks(); block++) {
    const first = block * softmax.KEYS;
    const end = min(first + softmax.KEYS, job.length);
    put(totals, block, sumOf(x, first, end));
  }
}

/** scores = log M of the open blocks, `[keys, queries]`. */
export function fillLogMask(): void {
  const block = softmax.key / softmax.KEYS, own = ownBlock();
  if (block === own) return fillOwnBlock();
  let sum: f32 = 0;
  if (block < own) {
    for (let j = softmax.keys - 1; j >= 0; j--) {
      put(ofKeys, j, sum);
      sum += at(f, softmax.key + j);
    }
    addTo(fromStart, sumOf(forwardTotals, block + 1, own));
  } else {
    for (let j = 0; j < softmax.keys; j++) {
      put(ofKeys, j, sum);
      sum += at(b, softmax.key + j);
    }
    addTo(fromEnd, sumOf(backTotals, own + 1, block));
  }
  for (let column: usize = 0; column < softmax.row; column += 32) {
    const x$ = v128.load(ofQueries + column, 16 * $);
    let cell = softmax.scores + column, step = ofKeys;
    const end = cell + softmax.keys * softmax.row;
    do {
      const y = v128.load32_splat(step);
      const z$ = f32x4.add(x$, y);
      v128.store(cell, z$, 16 * $);
      cell += softmax.row;
      step += 4;
    } while (cell < end);
  }
}

/** ofQueries = fromBorder + between */
function addTo(fromBorder: usize, between: f32): void {
  const each = f32x4.splat(between);
  for (let c: usize = 0; c < softmax.row; c += 16) {
    v128.store(ofQueries + c, f32x4.add(v128.load(fromBorder + c), each));
  }
}

/** The queries' positions in a vector of a row. */
// @ts-ignore: decorator
@inline
export function placesAt(column: usize): v128 {
  const first = softmax.query + <i32> (column >> 2);
  return i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat(first));
}

/** The keys of the queries' own block, at both sides of the queries. */
function fillOwnBlock(): void {
  for (let column: usize = 0; column < softmax.row; column += 16) {
    const place = placesAt(column);
    const first = softmax.scores + column;
    let sum = f32x4.splat(0);
    for (let j = softmax.keys - 1; j >= 0; j--) {
      const token = softmax.key + j;
      v128.store(first + j * softmax.row, sum);
      const isAfter = i32x4.ge_s(place, i32x4.splat(token));
      const step = v128.load32_splat(f + (<usize> token << 2));
      sum = f32x4.add(sum, v128.and(step, isAfter));
    }
    if (b === 0) continue;
    sum = f32x4.splat(0);
    for (let j = 0; j < softmax.keys; j++) {
      const token = softmax.key + j, cell = first + j * softmax.row;
      v128.store(cell, f32x4.add(v128.load(cell), sum));
      const isBefore = i32x4.le_s(place, i32x4.splat(token));
      const step = v128.load32_splat(b + (<usize> token << 2));
      sum = f32x4.add(sum, v128.and(step, isBefore));
    }
  }
}

// The gradient in the log decays of softmax attention. With t_ij, the gradient in
// log M_ij,
//
//     df_m = Σ_{j < m <= i} t_ij        db_m = Σ_{i <= m < j} t_ij
//
// Only terms are added, and no sums are subtracted, which would leave their roundings
// where terms are small. Of a pair in the block of m, they are added for each m; of
// pairs with one token there, the sums for each token; of those with none, the total of
// each pair of blocks.
import { softmax as job } from "../jobs";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import { sum4, sums4, vectorBytes } from "../../../../tfjs/wasm/assembly/math/simd";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { ownBlock, placesAt } from "./log_mask";
import * as softmax from "./softmax";

/** Bytes that tasks share. */
export function logMaskGradientBytes(): usize {
  return job.f === 0 ? 0 : job.sequences * bytesOfSequence();
}

function bytesOfSequence(): usize {
  const blocks = softmax.keyBlocks();
  return <usize> (2 * (job.parts + 1) * job.length + blocks * blocks) << 2;
}

/** The address of what the tasks of the open sequence share. */
let shared: usize = 0;

function openSequence(base: usize, sequence: i32): void {
  shared = base + sequence * bytesOfSequence();
}

/** Σ_i t_ij of each key, over queries in later blocks, or in earlier ones. */
function ofKeys(isBack: bool): usize {
  return shared + (<usize> (<i32> isBack * job.length) << 2);
}

/** Σ_j t_ij of each query, over a part's keys in earlier blocks, or in later ones. */
function ofQueries(part: i32, isBack: bool): usize {
  return shared + (<usize> ((2 * part + 2 + <i32> isBack) * job.length) << 2);
}

/** The total of each pair of a block of keys and one of queries, `[keys, queries]`. */
function totals(): usize {
  return shared + (<usize> ((2 * job.parts + 2) * job.length) << 2);
}

/** The part of the open task. */
let part: i32 = 0;

/** Clears what a task adds to. */
export function openLogMaskGradient(
  base: usize, ofSequence: i32, ofPart: i32
): void {
  openSequence(base, ofSequence);
  part = ofPart;
  const blocks = softmax.keyBlocks();
  memory.fill(ofQueries(part, false), 0, <usize> job.length << 3);
  for (let block = part; block < blocks; block += job.parts) {
    const first = block * softmax.KEYS;
    const bytes = <usize> min(softmax.KEYS, job.length - first) << 2;
    const token = <usize> (ofSequence * job.length + first) << 2;
    memory.fill(totals() + (<usize> (block * blocks) << 2), 0, blocks << 2);
    memory.fill(ofKeys(false) + (first << 2), 0, bytes);
    memory.fill(ofKeys(true) + (first << 2), 0, bytes);
    memory.fill(job.df + token, 0, bytes);
    if (job.db !== 0) memory.fill(job.db + token, 0, bytes);
  }
}

/** Adds the t_ij of the open blocks, `[keys, queries]`, with zeros beyond the queries. */
export function addLogMaskGradient(t: usize): void {
  const block = softmax.key / softmax.KEYS, own = ownBlock();
  if (block === own) {
    addOwnForward(t);
    if (job.db !== 0) addOwnBack(t);
    return;
  }
  const isBack = block > own;
  const queries = ofQueries(part, isBack) + (softmax.query << 2);
  const keys = ofKeys(isBack) + (softmax.key << 2);
  const total = totals() + ((block * softmax.keyBlocks() + own) << 2);
  store<f32>(total, load<f32>(total) + addSums(t, queries, keys));
}

/** The sums over a block of queries, in whole pairs of vectors. */
let sums: usize = 0;

export function layoutLogMaskGradient(): void {
  sums = allocate(vectorBytes(softmax.QUERIES));
}

/** queries_i += Σ_j t_ij and keys_j += Σ_i t_ij; returns the total. */
function addSums(t: usize, queries: usize, keys: usize): f32 {
  const row = softmax.row;
  let total: f32 = 0, j = 0;
  memory.fill(sums, 0, row);
  for (; j + 4 <= softmax.keys; j += 4) {
    const a = t + j * row, b = a + row, c = b + row, d = c + row;
    let sumA = f32x4.splat(0), sumB = sumA, sumC = sumA, sumD = sumA;
    for (let i: usize = 0; i < row; i += 16) {
      const x = v128.load(a + i), y = v128.load(b + i);
      const z = v128.load(c + i), w = v128.load(d + i);
      sumA = f32x4.add(sumA, x);
      sumB = f32x4.add(sumB, y);
      sumC = f32x4.add(sumC, z);
      sumD = f32x4.add(sumD, w);
      const ofColumn = f32x4.add(f32x4.add(x, y), f32x4.add(z, w));
      v128.store(sums + i, f32x4.add(v128.load(sums + i), ofColumn));
    }
    const each = sums4(sumA, sumB, sumC, sumD);
    const key = keys + (j << 2);
    v128.store(key, f32x4.add(v128.load(key), each));
    total += sum4(each);
  }
  for (; j < softmax.keys; j++) {
    let sum = f32x4.splat(0);
    for (let i: usize = 0; i < row; i += 16) {
      const x = v128.load(t + j * row + i);
      sum = f32x4.add(sum, x);
      v128.store(sums + i, f32x4.add(v128.load(sums + i), x));
    }
    put(keys, j, at(keys, j) + sum4(sum));
    total += sum4(sum);
  }
  for (let i = 0; i < softmax.queries; i++) {
    put(queries, i, at(queries, i) + at(sums, i));
  }
  return total;
}

/** df_m += Σ_{j < m <= i} t_ij of the keys in the queries' block. */
function addOwnForward(t: usize): void {
  const first = <usize> (softmax.sequence * job.length + softmax.key) << 2;
  memory.fill(sums, 0, softmax.row);
  for (let m = 1; m < softmax.keys; m++) {
    const before = t + (m - 1) * softmax.row;
    const place = i32x4.splat(softmax.key + m);
    let total = f32x4.splat(0);
    for (let c: usize = 0; c < softmax.row; c += 16) {
      const sum = f32x4.add(v128.load(sums + c), v128.load(before + c));
      v128.store(sums + c, sum);
      const isAfter = i32x4.ge_s(placesAt(c), place);
      total = f32x4.add(total, v128.and(sum, isAfter));
    }
    put(job.df + first, m, at(job.df + first, m) + sum4(total));
  }
}

/** db_m += Σ_{i <= m < j} t_ij of the keys in the queries' block. */
function addOwnBack(t: usize): void {
  const first = <usize> (softmax.sequence * job.length + softmax.key) << 2;
  memory.fill(sums, 0, softmax.row);
  for (let m = softmax.keys - 2; m >= 0; m--) {
    const after = t + (m + 1) * softmax.row;
    const place = i32x4.splat(softmax.key + m);
    let total = f32x4.splat(0);
    for (let c: usize = 0; c < softmax.row; c += 16) {
      const sum = f32x4.add(v128.load(sums + c), v128.load(after + c));
      v128.store(sums + c, sum);
      const isBefore = i32x4.le_s(placesAt(c), place);
      total = f32x4.add(total, v128.and(sum, isBefore));
    }
    put(job.db + first, m, at(job.db + first, m) + sum4(total));
  }
}

/**
 * Completes the gradient in the log decays of every `parts`-th block of a sequence,
 * when all tasks have added theirs.
 */
export function finishLogMaskGradient(base: usize, task: i32): void {
  const ofSequence = task / job.parts;
  openSequence(base, ofSequence);
  const blocks = softmax.keyBlocks();
  for (let block = task % job.parts; block < blocks; block += job.parts) {
    const first = block * softmax.KEYS, end = min(first + softmax.KEYS, job.length);
    const token = <usize> (ofSequence * job.length) << 2;
    let before = crossing(0, block, block + 1, blocks), after: f32 = 0;
    for (let m = first; m < end; m++) {
      put(job.df + token, m, at(job.df + token, m) + before);
      before += at(ofKeys(false), m);
    }
    for (let m = end - 1; m >= first; m--) {
      after += ofQuery(m, false);
      put(job.df + token, m, at(job.df + token, m) + after);
    }
    if (job.db === 0) continue;
    after = crossing(block + 1, blocks, 0, block);
    for (let m = end - 1; m >= first; m--) {
      put(job.db + token, m, at(job.db + token, m) + after);
      after += at(ofKeys(true), m);
    }
    before = 0;
    for (let m = first; m < end; m++) {
      before += ofQuery(m, true);
      put(job.db + token, m, at(job.db + token, m) + before);
    }
  }
}

/** Σ_j t_ij of a query, of all parts. */
function ofQuery(i: i32, isBack: bool): f32 {
  let sum: f32 = 0;
  for (let part = 0; part < job.parts; part++) {
    sum += at(ofQueries(part, isBack), i);
  }
  return sum;
}

/** The total of pairs of some blocks of keys and some of queries. */
function crossing(
  firstKeys: i32, endKeys: i32, firstQueries: i32, endQueries: i32
): f32 {
  let sum: f32 = 0;
  for (let keys = firstKeys; keys < endKeys; keys++) {
    for (let queries = firstQueries; queries < endQueries; queries++) {
      sum += at(totals(), keys * softmax.keyBlocks() + queries);
    }
  }
  return sum;
}

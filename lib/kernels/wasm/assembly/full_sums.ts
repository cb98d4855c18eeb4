// The partial sums of the full form's backward pass, a record for each task of a
// sequence: gradients in the queries; then for the gradients in f and b, what each
// token reads from the tiles on one side, and what passes each tile on its way
// from keys before it to queries after it.
import * as sizes from "./attention";
import { rowsDq } from "./inside_gradient";
import { attention as job, queue } from "./jobs";
import { at, put, scaleAndAdd, unpadRows } from "./matrix";
import { vectorBytes } from "./simd";

export let readsBefore: usize = 0;
export let readsAfter: usize = 0;
export let passesBefore: usize = 0;
export let passesAfter: usize = 0;

/** Of the gradients in the queries, where any task keeps them here. */
function queryBytes(): usize {
  if (inPlace(sizes.segments - 1)) return 0;
  return <usize> sizes.length * sizes.headStride;
}

/** Bytes of a task's partial sums. */
export function fullRecordBytes(): usize {
  const sums = 2 * (vectorBytes(sizes.length) + vectorBytes(sizes.chunks));
  return (queryBytes() + sums + 63) & ~63;
}

/** Points to a task's partial sums; returns those in the queries. */
export function openRecord(sequence: i32, part: i32): usize {
  const record = queue.extra +
    <usize> (sequence * sizes.segments + part) * fullRecordBytes();
  readsBefore = record + queryBytes();
  readsAfter = readsBefore + vectorBytes(sizes.length);
  passesBefore = readsAfter + vectorBytes(sizes.length);
  passesAfter = passesBefore + vectorBytes(sizes.chunks);
  return inPlace(part)
    ? job.dq + sequence * sizes.length * sizes.headBytes
    : record;
}

/** The first task of a sequence writes where the sum shall be, if rows have no padding. */
function inPlace(part: i32): bool {
  return part === 0 && sizes.headBytes === sizes.headStride;
}

/** Empties a task's partial sums but for those in the queries. */
export function clearRecord(): void {
  memory.fill(
    readsBefore,
    0,
    2 * (vectorBytes(sizes.length) + vectorBytes(sizes.chunks)),
  );
}

/** Adds what queries beyond a tile have read through it. */
export function addPassing(passes: usize, tile: i32, loss: f32): void {
  put(passes, tile, at(passes, tile) + loss);
}

/** Adds up the partial sums for a tile of queries. */
export function finishFull(sequence: i32, tile: i32): void {
  const first = tile * sizes.chunkSize, rows = sizes.countOf(tile);
  const from = sequence * sizes.length + first;
  const target = job.dq + from * sizes.headBytes;
  let passing: f32 = 0, passingBack: f32 = 0;
  for (let part = 0; part < sizes.segments; part++) {
    const dq = openRecord(sequence, part) + <usize> first * sizes.headStride;
    if (part === 0 && !inPlace(0)) {
      memory.copy(rowsDq, dq, rows * sizes.headStride);
    } else if (part > 0) {
      const sum = inPlace(0) ? target : rowsDq;
      scaleAndAdd(rows * sizes.headStride, sum, 1, dq);
    }
    if (!sizes.decays) continue;
    finishReads(rows, from, first);
    passing += at(passesBefore, tile);
    passingBack += at(passesAfter, tile);
  }
  if (!inPlace(0)) {
    unpadRows(rows, rowsDq, sizes.headStride, target, sizes.headBytes);
  }
  if (!sizes.decays) return;
  for (let i = from; i < from + rows; i++) {
    put(job.df, i, at(job.df, i) + passing);
    if (!sizes.causal) put(job.db, i, at(job.db, i) + passingBack);
  }
}

/** A token's log decay is in the exponents of what it and those behind it read. */
function finishReads(rows: i32, from: i32, first: i32): void {
  let fromBefore: f32 = 0, fromAfter: f32 = 0;
  for (let i = rows - 1; i >= 0; i--) {
    fromBefore += at(readsBefore, first + i);
    put(job.df, from + i, at(job.df, from + i) + fromBefore);
  }
  if (sizes.causal) return;
  for (let i = 0; i < rows; i++) {
    fromAfter += at(readsAfter, first + i);
    put(job.db, from + i, at(job.db, from + i) + fromAfter);
  }
}

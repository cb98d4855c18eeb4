// Rows from where indices say.
import { gatherRows as job } from "../jobs";
import { countProgress } from "../runtime/progress";
import { partsAtOnce } from "../runtime/parts";
import { copyBytes } from "./planes";
import { rowOf } from "./tuples";

/** Bytes that hold what an index of each axis is worth. */
export function extraBytes(): usize {
  return <usize> job.depth << 2;
}

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.groups * job.places, job.rowsPerTask);
}

export function perform(_phase: i32, task: i32): void {
  // Rows of a byte each may be 2^32.
  const perTask: u32 = job.rowsPerTask, places: u32 = job.places;
  let first: u32 = task * perTask;
  const end = first + min<u32>(perTask, job.groups * places - first);
  while (first < end) {
    const group = first / places, place = first - group * places;
    const count = min<u32>(places - place, end - first);
    copyPlaces(group, place, count);
    first += count;
  }
  countProgress();
}

/** Copies the rows of some tuples of a group. */
function copyPlaces(group: i32, place: i32, count: i32): void {
  const depth = job.depth, bytes = <usize> job.bytes, places = job.places;
  const x = job.x + <usize> (group * job.rows) * bytes;
  const y = job.y + <usize> (group * places + place) * bytes;
  const first = group / job.groupsPerBatch * places + place;
  const tuple = job.indices + (<usize> (first * depth) << 2);
  const areThere = depth === 1 && bytes === 4
    ? copyWords(count, tuple, job.rows, x, y)
    : copyTuples(count, tuple, depth, job.rows, bytes, x, y);
  if (!areThere && job.wrong !== 0) atomic.store<i32>(job.wrong, 1);
}

/** Copies rows of any size; false if one is not there. */
function copyTuples(
  count: i32, tuple: usize, depth: i32, rows: i32, bytes: usize,
  x: usize, y: usize
): bool {
  const step = <usize> depth << 2;
  for (; count > 0; count--) {
    const row = rowOf(tuple, depth, rows);
    if (row < 0) return false;
    copyBytes(bytes, x + <usize> row * bytes, y);
    tuple += step;
    y += bytes;
  }
  return true;
}

/** Copies rows of a single word, each by one index; false if one is not there. */
function copyWords(
  count: i32, index: usize, rows: u32, x: usize, y: usize
): bool {
  const end = index + (<usize> count << 2);
  for (; index < end; index += 4) {
    const row = load<u32>(index);
    if (row >= rows) return false;
    store<u32>(y, load<u32>(x + (<usize> row << 2)));
    y += 4;
  }
  return true;
}

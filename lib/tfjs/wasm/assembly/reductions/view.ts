// How a tensor [repeats, outer, reduced, inner] is shared out among tasks: into units of
// some neighbouring results, which are columns, or rows where inner is 1; and where
// these are few, or repeats are reduced, too, into parts of what is reduced, whose
// results a second phase joins. Nothing here depends on the number of threads, so that
// no result does.
//
// Elements may be bytes, of which a tensor has up to 2^32.
import { parts as partsOf } from "../runtime/parts";

/** Elements of a task, about as many as a core's cache holds. */
const PIECE = 16384;

/** Units from which on repeats are not divided into parts. */
const MANY = 64;

/** Results a unit at most. */
export const WIDEST = 512;

/** The tensor's sizes. */
let outer: u32 = 0, reduced: u32 = 0, inner: u32 = 0;

/** Results of a unit; the last one has fewer. */
let width: i32 = 0;
/** Units beside one another. */
let blocks: i32 = 0;
/** The number of parts of each repeat. */
let partsEach: i32 = 0;
/** Elements of a part that are reduced; the last one has fewer. */
let partSize: u32 = 0;

/** The parts into which the reduced elements of a result are divided. */
export let parts: i32 = 0;
/** Results of the whole tensor. */
export let results: u32 = 0;

/** The opened unit: its part, its first result, and the number of its results. */
export let part: i32 = 0, result: u32 = 0, count: i32 = 0;
/** How many rows, or elements of rows, the opened unit reduces, and the first of them. */
export let size: i32 = 0, first: u32 = 0;
/** The place of the opened unit's first element in the tensor. */
export let place: u32 = 0;

export function openView(
  repeats: u32, _outer: u32, _reduced: u32, _inner: u32
): void {
  outer = _outer;
  reduced = _reduced;
  inner = _inner;
  results = outer * inner;
  const isRows = inner === 1, columns = min<u32>(inner, WIDEST);
  const few: u32 = repeats * outer * (isRows ? 1 : partsOf(inner, WIDEST));
  partsEach = 1;
  partSize = reduced;
  if (few < <u32> MANY && reduced * columns > <u32> PIECE) {
    const most = min(partsOf(MANY, few), partsOf(reduced * columns, PIECE));
    // Whole vectors, and whole sums of some rows.
    partSize = 32 * partsOf(partsOf(reduced, most), 32);
    partsEach = partsOf(reduced, partSize);
  }
  parts = repeats * partsEach;
  if (!isRows) width = columns;
  else if (partsEach > 1) width = 1;
  else width = min<u32>(WIDEST, max<u32>(1, PIECE / reduced));
  blocks = partsOf(isRows ? outer : inner, width);
}

/** The number of units of all parts. */
export function units(): i32 {
  return (inner === 1 ? 1 : outer) * parts * blocks;
}

/** The number of units of one part. */
export function joinedUnits(): i32 {
  return units() / parts;
}

export function unitsPerTask(): i32 {
  return max<u32>(1, PIECE / (partSize * width));
}

export function openUnit(unit: i32): void {
  part = unit / blocks % parts;
  first = part % partsEach * partSize;
  size = min<u32>(reduced - first, partSize);
  openResults(unit / (blocks * parts), unit % blocks);
  place += part / partsEach * results * reduced;
}

/** Opens the results of all parts of a unit. */
export function openJoined(unit: i32): void {
  first = 0;
  openResults(unit / blocks, unit % blocks);
}

function openResults(sequence: u32, block: i32): void {
  const start: u32 = block * width;
  result = sequence * inner + start;
  count = min<u32>((inner === 1 ? outer : inner) - start, width);
  place = inner === 1
    ? start * reduced + first
    : (sequence * reduced + first) * inner + start;
}

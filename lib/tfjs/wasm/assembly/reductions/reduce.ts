// Reductions: sums, means, products, extremes and their places, and whether all or any
// are true. Results so far are numbers of 64 bits where they are added or multiplied,
// else elements; for each extreme whose place is asked for, there is the place, too.
import { reduce as job } from "../jobs";
import { queue } from "../runtime/queue";
import { addRow } from "../math/loops";
import { parts as partsOf } from "../runtime/parts";
import { allocate, layoutFrom } from "../runtime/scratch";
import * as loops from "./loops";
import * as view from "./view";

/** Rows that are added up in 32 bits, before their sum goes to one in 64. */
const ROWS = 32;

/** Columns up to which several rows are taken for one, and columns of that one. */
const NARROW = 16, FOLDED = 64;

/** The unit's results so far, and their places: in scratch, or where the results of a part are. */
let found: usize = 0, places: usize = 0;
/**
 * Scratch: results, their places, sums of some rows, and results of rows that are taken
 * for one.
 */
let ownFound: usize = 0, ownPlaces: usize = 0, sums: usize = 0, folded: usize = 0;

function isDoubled(): bool {
  return job.kind <= loops.PROD;
}

function isOfBytes(): bool {
  return job.kind === loops.ALL || job.kind === loops.ANY;
}

function hasPlaces(): bool {
  return job.kind >= loops.ARG_MAX;
}

/** Bytes of an element, and of a result so far. */
function elementBytes(): usize {
  return isOfBytes() ? 1 : 4;
}

function foundBytes(): usize {
  return isDoubled() ? 8 : elementBytes();
}

export function layout(base: usize): usize {
  view.openView(job.repeats, job.outer, job.reduced, job.inner);
  layoutFrom(base);
  ownFound = allocate(view.WIDEST * 8);
  ownPlaces = allocate(view.WIDEST * 4);
  sums = allocate(view.WIDEST * 4);
  folded = allocate(FOLDED * 8);
  return allocate(0);
}

/** Bytes of the results of parts, and of their places. */
export function extraBytes(): usize {
  if (view.parts === 1) return 0;
  return partBytes() * view.parts * (hasPlaces() ? 2 : 1);
}

function partBytes(): usize {
  return (view.results * foundBytes() + 15) & ~15;
}

/** The address of the opened unit's results in a part. */
function resultsOf(part: i32): usize {
  return queue.extra + part * partBytes() + view.result * foundBytes();
}

/** The address of the places at which the opened unit's results were found in a part. */
function placesOf(part: i32): usize {
  return resultsOf(part) + view.parts * partBytes();
}

export function tasks(phase: i32): i32 {
  const all = partsOf(view.units(), view.unitsPerTask());
  if (view.parts === 1) return phase === 0 ? 0 : all;
  return phase === 0 ? all : view.joinedUnits();
}

export function perform(phase: i32, task: i32): void {
  if (phase === 1 && view.parts > 1) return join(task);
  const each = view.unitsPerTask();
  const end = min(view.units(), (task + 1) * each);
  for (let unit = task * each; unit < end; unit++) {
    view.openUnit(unit);
    found = phase === 0 ? resultsOf(view.part) : ownFound;
    places = phase === 0 ? placesOf(view.part) : ownPlaces;
    const x = job.x + view.place * elementBytes();
    if (job.inner === 1) reduceRows(x);
    else reduceColumns(x);
    if (phase === 1) finish();
  }
}

/** Finds the results of the unit's rows. */
function reduceRows(x: usize): void {
  const size = view.size, stride = job.reduced * elementBytes();
  switch (job.kind) {
    case loops.SUM:
    case loops.MEAN:
      return loops.sumRows(view.count, size, stride, x, found);
    case loops.PROD:
      return loops.productRows(view.count, size, stride, x, found);
  }
  for (let row: usize = 0, rows = <usize> view.count; row < rows; row++) {
    switch (job.kind) {
      case loops.MAX:
        store<f32>(found + 4 * row, loops.maxRow(size, x, sums));
        break;
      case loops.MIN:
        store<f32>(found + 4 * row, loops.minRow(size, x, sums));
        break;
      case loops.ALL:
        store<u8>(found + row, loops.allRow(size, x));
        break;
      case loops.ANY:
        store<u8>(found + row, loops.anyRow(size, x));
        break;
      default:
        findPlace(x, 4 * row);
    }
    x += stride;
  }
}

/** Finds the extreme of a row, and its place. */
function findPlace(x: usize, offset: usize): void {
  const size = view.size, begin = load<f32>(x);
  // NaN is only ever the extreme as the first of all.
  if (view.first === 0 && begin !== begin) {
    store<f32>(found + offset, begin);
    store<i32>(places + offset, 0);
    return;
  }
  const best = job.kind === loops.ARG_MAX
    ? loops.greatestRow(size, x, sums)
    : loops.leastRow(size, x, sums);
  store<f32>(found + offset, best);
  store<i32>(places + offset, view.first + loops.placeOf(size, x, best));
}

/** Finds the results of the unit's columns. */
function reduceColumns(x: usize): void {
  const rows = view.size, stride = job.inner * elementBytes();
  if (hasPlaces()) return findPlaces(rows, stride, x);
  fillNeutral(view.count, found);
  let together = job.inner > NARROW ? 0 : FOLDED / job.inner;
  // The rows taken together are a multiple of 4, or of 8 if there are 8: whole vectors, or pairs.
  together &= together < 8 ? ~3 : ~7;
  if (together === 0 || rows < 4 * together) {
    return combineRows(rows, view.count, stride, x, found);
  }
  // Narrow rows: `together` rows behind one another are taken as one row.
  const wide = together * job.inner, whole = rows / together;
  fillNeutral(wide, folded);
  combineRows(whole, wide, stride * together, x, folded);
  const rest = rows - whole * together;
  combineRows(1, rest * job.inner, 0, x + stride * (rows - rest), folded);
  const step = job.inner * foundBytes();
  for (let i = 0; i < together; i++) {
    combineResults(job.inner, folded + i * step, found);
  }
}

/** Finds the extremes of columns, and their places. */
function findPlaces(rows: i32, stride: usize, x: usize): void {
  const bytes = <usize> view.count << 2;
  memory.fill(places, 0, bytes);
  let row = 0;
  if (view.first === 0) {
    memory.copy(found, x, bytes);
    row = 1;
  } else fillNeutral(view.count, found);
  for (; row < rows; row++) {
    const place = view.first + row, cell = x + row * stride;
    if (job.kind === loops.ARG_MAX) {
      loops.placeOfGreatest(view.count, place, cell, found, places);
    } else loops.placeOfLeast(view.count, place, cell, found, places);
  }
}

/** Sets results to the result of no elements. */
function fillNeutral(count: i32, results: usize): void {
  switch (job.kind) {
    case loops.SUM:
    case loops.MEAN:
      return memory.fill(results, 0, <usize> count << 3);
    case loops.PROD:
      for (let i = 0; i < count; i++) store<f64>(results + (i << 3), 1);
      return;
    case loops.ALL:
      return memory.fill(results, 255, count);
    case loops.ANY:
      return memory.fill(results, 0, count);
  }
  const isGreatest = job.kind === loops.MAX || job.kind === loops.ARG_MAX;
  const neutral: f32 = isGreatest ? -Infinity : Infinity;
  for (let i = 0; i < count; i++) store<f32>(results + (i << 2), neutral);
}

/** Combines results with rows of elements. */
function combineRows(
  rows: i32, count: i32, stride: usize, x: usize, results: usize
): void {
  switch (job.kind) {
    case loops.SUM:
    case loops.MEAN:
      return addSums(rows, count, stride, x, results);
    case loops.MAX:
      return loops.maxColumns(rows, count, stride, x, results);
    case loops.MIN:
      return loops.minColumns(rows, count, stride, x, results);
  }
  for (; rows > 0; rows--) {
    switch (job.kind) {
      case loops.PROD:
        loops.productFloats(count, x, results);
        break;
      case loops.ALL:
        loops.allBytes(count, x, results);
        break;
      default:
        loops.anyBytes(count, x, results);
    }
    x += stride;
  }
}

/** Adds rows to sums of 64 bits, some at a time in 32. */
function addSums(
  rows: i32, count: i32, stride: usize, x: usize, results: usize
): void {
  while (rows > 0) {
    const most = min(rows, ROWS);
    rows -= most;
    if (most === 1) return loops.sumFloats(count, x, results);
    memory.fill(sums, 0, <usize> count << 2);
    let left = most;
    for (; left >= 8; left -= 8) {
      loops.addEightRows(count, stride, x, sums);
      x += 8 * stride;
    }
    for (; left > 0; left--) {
      addRow(count, x, sums);
      x += stride;
    }
    loops.sumFloats(count, sums, results);
  }
}

function combineResults(count: i32, others: usize, results: usize): void {
  switch (job.kind) {
    case loops.SUM:
    case loops.MEAN:
      return loops.sumResults(count, others, results);
    case loops.PROD:
      return loops.productResults(count, others, results);
  }
  combineRows(1, count, 0, others, results);
}

/** Combines the results of all parts of a unit. */
function join(unit: i32): void {
  view.openJoined(unit);
  found = ownFound;
  places = ownPlaces;
  if (hasPlaces()) joinPlaces();
  else {
    fillNeutral(view.count, found);
    for (let part = 0; part < view.parts; part++) {
      combineResults(view.count, resultsOf(part), found);
    }
  }
  finish();
}

/** The first of the best of all parts; NaN of the first is never worse. */
function joinPlaces(): void {
  const bytes = <usize> view.count << 2;
  memory.copy(found, resultsOf(0), bytes);
  memory.copy(places, placesOf(0), bytes);
  const isGreatest = job.kind === loops.ARG_MAX;
  for (let part = 1; part < view.parts; part++) {
    const others = resultsOf(part), theirs = placesOf(part);
    for (let i: usize = 0; i < bytes; i += 4) {
      const own = load<f32>(found + i), other = load<f32>(others + i);
      if (isGreatest ? other <= own : other >= own) continue;
      if (own !== own) continue;
      store<f32>(found + i, other);
      store<i32>(places + i, load<i32>(theirs + i));
    }
  }
}

/** Stores the results. */
function finish(): void {
  const count = view.count, y = job.y + view.result * elementBytes();
  if (hasPlaces()) return memory.copy(y, places, <usize> count << 2);
  if (isDoubled()) {
    const divisor = <f64> job.repeats * <f64> job.reduced;
    if (job.kind === loops.MEAN) loops.divide(count, divisor, found);
    return loops.storeFloats(count, found, y);
  }
  if (!isOfBytes()) return memory.copy(y, found, <usize> count << 2);
  for (let i = 0; i < count; i++) {
    store<u8>(y + i, <u8> (load<u8>(found + i) !== 0));
  }
}

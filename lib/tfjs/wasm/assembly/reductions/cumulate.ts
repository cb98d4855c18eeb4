// Cumulative sums and products, in 64 bits. Where results are few, a task has a part of
// one: the first phase finds the total of each part, with which the next part begins.
//
// Steps go along what is summed, from its end if the job is reverse. An exclusive
// result is that of the step before: rows of y lie one step off.
import { cumulate as job } from "../jobs";
import { queue } from "../runtime/queue";
import { parts as partsOf } from "../runtime/parts";
import { allocate, layoutFrom } from "../runtime/scratch";
import * as loops from "./loops";
import * as view from "./view";

/** The running results of the unit's columns. */
let ownFound: usize = 0;

export function layout(base: usize): usize {
  view.openView(1, job.outer, job.reduced, job.inner);
  layoutFrom(base);
  ownFound = allocate(view.WIDEST * 8);
  return allocate(0);
}

export function extraBytes(): usize {
  return view.parts === 1 ? 0 : view.parts * view.results * 8;
}

export function tasks(phase: i32): i32 {
  if (view.parts === 1 && phase === 0) return 0;
  return partsOf(view.units(), view.unitsPerTask());
}

export function perform(phase: i32, task: i32): void {
  const each = view.unitsPerTask();
  const end = min(view.units(), (task + 1) * each);
  for (let unit = task * each; unit < end; unit++) {
    view.openUnit(unit);
    if (phase === 0) total();
    else if (job.inner > 1) goDown();
    else goAlong();
  }
}

/** The address of the opened unit's totals in a part. */
function resultsOf(part: i32): usize {
  return queue.extra + <usize> (part * view.results + view.result) * 8;
}

function fillNeutral(found: usize): void {
  const neutral: f64 = job.product !== 0 ? 1 : 0;
  for (let i = 0; i < view.count; i++) store<f64>(found + (i << 3), neutral);
}

/** Finds the totals of the opened unit, which is in a part. */
function total(): void {
  const found = resultsOf(view.part), rows = view.size;
  let x = job.x + (<usize> view.place << 2);
  if (job.inner === 1) {
    const all = job.product !== 0
      ? loops.productRow(rows, x)
      : loops.sumRow(rows, x);
    return store<f64>(found, all);
  }
  const stride = <usize> job.inner << 2;
  fillNeutral(found);
  for (let row = 0; row < rows; row++) {
    if (job.product !== 0) loops.productFloats(view.count, x, found);
    else loops.sumFloats(view.count, x, found);
    x += stride;
  }
}

/** Combines the totals of all parts on the way to the opened one. */
function begin(): usize {
  fillNeutral(ownFound);
  if (job.reverse !== 0) {
    for (let i = view.parts - 1; i > view.part; i--) addTotal(i);
  } else {
    for (let i = 0; i < view.part; i++) addTotal(i);
  }
  return ownFound;
}

function addTotal(part: i32): void {
  const others = resultsOf(part);
  if (job.product !== 0) loops.productResults(view.count, others, ownFound);
  else loops.sumResults(view.count, others, ownFound);
}

/** Whether the unit has the first step, and the last. */
function isBegin(): bool {
  return job.reverse !== 0 ? isAtEnd() : view.first === 0;
}

function isEnd(): bool {
  return job.reverse !== 0 ? view.first === 0 : isAtEnd();
}

function isAtEnd(): bool {
  return view.first + view.size === job.reduced;
}

/** The elements of x whose steps a unit has results of; the last needs no next one. */
function steps(): i32 {
  return job.exclusive !== 0 && isEnd() ? view.size - 1 : view.size;
}

/** Accumulates along rows, whose elements lie side by side. */
function goAlong(): void {
  const before = load<f64>(begin()), count = steps();
  const isExclusive = job.exclusive !== 0;
  for (let row = 0; row < view.count; row++) {
    let at = <usize> (view.place + row * job.reduced) << 2;
    if (job.reverse === 0) {
      if (isExclusive && isBegin()) store<f32>(job.y + at, <f32> before);
      const x = job.x + at, y = job.y + at + (isExclusive ? 4 : 0);
      if (job.product !== 0) loops.productForward(count, before, x, y);
      else loops.sumForward(count, before, x, y);
    } else {
      at += <usize> view.size << 2;
      if (isExclusive && isBegin()) store<f32>(job.y + at - 4, <f32> before);
      const x = job.x + at, y = job.y + at - (isExclusive ? 4 : 0);
      if (job.product !== 0) loops.productBackward(count, before, x, y);
      else loops.sumBackward(count, before, x, y);
    }
  }
}

/** Accumulates down columns, several of which lie side by side. */
function goDown(): void {
  const found = begin(), stride = <usize> job.inner << 2;
  const step = job.reverse !== 0 ? -stride : stride;
  let at = <usize> view.place << 2;
  if (job.reverse !== 0) at += (view.size - 1) * stride;
  let y = job.y + at;
  if (job.exclusive !== 0) {
    if (isBegin()) loops.storeFloats(view.count, found, y);
    y += step;
  }
  let x = job.x + at;
  for (let row = steps(); row > 0; row--) {
    if (job.product !== 0) loops.productDown(view.count, x, found, y);
    else loops.sumDown(view.count, x, found, y);
    x += step;
    y += step;
  }
}

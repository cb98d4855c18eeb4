// Softmax along rows, e^(x - largest) over its sum, and its gradient. Where rows are
// few, a task has a part of one: the first phase finds what the second divides by.
import { softmaxRows as job } from "../jobs";
import { queue } from "../runtime/queue";
import { dotFloats, expBelow, scaleRow, softmaxGradient } from "../math/loops";
import { exp4 } from "../math/simd";
import { prepareExp } from "../math/vector_exp";
import { parts as partsOf } from "../runtime/parts";
import { allocate, layoutFrom } from "../runtime/scratch";
import { greatestRow } from "./loops";
import * as view from "./view";

/** Floats that are added up in 32 bits, before their sum goes to one in 64. */
const BLOCK = 512;

/** Bytes of a part's results: its sum, and the largest element, which the sum is relative to. */
const LEFT = 16;

/** Scratch of {@link greatestRow}. */
let lanes: usize = 0;

export function layout(base: usize): usize {
  view.openView(1, job.rows, job.columns, 1);
  prepareExp();
  layoutFrom(base);
  lanes = allocate(128);
  return allocate(0);
}

export function extraBytes(): usize {
  return view.parts === 1 ? 0 : job.rows * view.parts * LEFT;
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
    let offset = <usize> view.place << 2;
    for (let row = 0; row < view.count; row++) {
      if (job.dy === 0) forward(phase, offset);
      else backward(phase, offset);
      offset += <usize> job.columns << 2;
    }
  }
}

/** The address of the results of a part of the row. */
function left(part: i32): usize {
  return queue.extra + (<usize> (view.result * view.parts + part)) * LEFT;
}

function forward(phase: i32, offset: usize): void {
  const size = view.size, y = job.y + offset;
  if (phase === 1 && view.parts > 1) {
    return scaleRow(size, factorOf(view.part), y, y);
  }
  const x = job.x + offset;
  const largest = greatestRow(size, x, lanes);
  // A part that is -Infinity is 0 beside others.
  const relative: f32 =
    view.parts > 1 && largest === -Infinity ? 0 : largest;
  let sum: f64 = 0;
  for (let i = 0; i < size; i += BLOCK) {
    const at = <usize> i << 2;
    sum += expBelow(min(BLOCK, size - i), relative, x + at, y + at);
  }
  if (phase === 1) return scaleRow(size, <f32> (1 / sum), y, y);
  store<f64>(left(view.part), sum);
  store<f32>(left(view.part), largest, 8);
}

/** The factor of a part of a row, given the sums of all parts. */
function factorOf(part: i32): f32 {
  let largest: f32 = -Infinity;
  for (let i = 0; i < view.parts; i++) {
    largest = max(largest, load<f32>(left(i), 8));
  }
  if (largest === -Infinity) return NaN;
  let sum: f64 = 0;
  for (let i = 0; i < view.parts; i++) {
    sum += load<f64>(left(i)) * <f64> weightOf(i, largest);
  }
  return <f32> (<f64> weightOf(part, largest) / sum);
}

/** e^(largest of a part - largest of the row) */
function weightOf(part: i32, largest: f32): f32 {
  const difference = load<f32>(left(part), 8) - largest;
  return f32x4.extract_lane(exp4(f32x4.splat(difference)), 0);
}

function backward(phase: i32, offset: usize): void {
  const size = view.size, y = job.y + offset, dy = job.dy + offset;
  let sum: f64 = 0;
  if (phase === 1 && view.parts > 1) {
    for (let i = 0; i < view.parts; i++) sum += load<f64>(left(i));
  } else {
    for (let i = 0; i < size; i += BLOCK) {
      const at = <usize> i << 2;
      sum += dotFloats(min(BLOCK, size - i), y + at, dy + at);
    }
  }
  if (phase === 0) store<f64>(left(view.part), sum);
  else softmaxGradient(size, <f32> sum, y, dy, job.dx + offset);
}

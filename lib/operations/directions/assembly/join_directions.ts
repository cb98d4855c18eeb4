// From what heads read in both directions back to rows, with each token's own part
// (split_directions.ts); and the gradient.
import { joinDirections as job } from "./records";
import {
  addWeighted, copyRow, scaleRow
} from "../../../tfjs/wasm/assembly/math/loops";
import {
  firstLanes, loadFirst, multiplyAdd, sum4, vectorBytes
} from "../../../tfjs/wasm/assembly/math/simd";
import { partsAtOnce } from "../../../tfjs/wasm/assembly/runtime/parts";
import {
  layoutFrom, allocate
} from "../../../tfjs/wasm/assembly/runtime/scratch";

/** The tokens of a task. */
const BLOCK = 64;

/** A row of zeros, for a token without a neighbour. */
let zeros: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  layoutFrom(base);
  zeros = allocate(vectorBytes(job.headDim));
  return allocate(0);
}

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.batch * job.length, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  memory.fill(zeros, 0, vectorBytes(job.headDim));
  const end = min(job.batch * job.length, (task + 1) * BLOCK);
  for (let token = task * BLOCK; token < end; token++) joinToken(token);
}

/** Whether two neighbouring tokens are of the same segment. */
function areTogether(token: i32, other: i32): bool {
  const segments = job.segments;
  return segments === 0 ||
    load<f32>(segments + (<usize> token << 2)) ===
      load<f32>(segments + (<usize> other << 2));
}

function joinToken(token: i32): void {
  const length = job.length, headDim = job.headDim;
  const bytes = <usize> headDim << 2;
  const batch = token / length, t = token % length;
  const hasBefore = t > 0 && areTogether(token - 1, token);
  const hasAfter = t < length - 1 && areTogether(token, token + 1);
  // The last reading of each direction belongs to no token, and its gradient is 0.
  const before = t > 0 ? t - 1 : length - 1;
  const after = t < length - 1 ? length - 2 - t : length - 1;
  for (let head = 0; head < job.heads; head++) {
    const forward = (batch * job.heads + head) * length + before;
    const back = ((job.batch + batch) * job.heads + head) * length + after;
    const number = <usize> (token * job.heads + head);
    const x = job.x + number * bytes, own = job.own + (number << 2);
    if (job.dy === 0) {
      const a = hasBefore ? job.read + <usize> forward * bytes : zeros;
      const b = hasAfter ? job.read + <usize> back * bytes : zeros;
      addWeighted(headDim, load<f32>(own), a, b, x, job.y + number * bytes);
    } else {
      const dy = job.dy + number * bytes;
      copyRow(
        headDim, hasBefore ? dy : zeros, job.dread + <usize> forward * bytes
      );
      copyRow(headDim, hasAfter ? dy : zeros, job.dread + <usize> back * bytes);
      scaleRow(headDim, load<f32>(own), dy, job.dx + number * bytes);
      store<f32>(job.down + (number << 2), product(headDim, dy, x));
    }
  }
}

/** x · y of `count` floats. */
function product(count: i32, x: usize, y: usize): f32 {
  let sum = f32x4.splat(0);
  for (; count > 0; count -= 4) {
    const kept = firstLanes(count);
    const own = v128.and(loadFirst(x, count), kept);
    sum = multiplyAdd(own, v128.and(loadFirst(y, count), kept), sum);
    x += 16;
    y += 16;
  }
  return sum4(sum);
}

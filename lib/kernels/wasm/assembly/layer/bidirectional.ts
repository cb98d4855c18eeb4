// What stands around bidirectional attention as two causal ones: from the rows of a
// mixer to the queries, keys and values of its heads in both directions, and from
// what these read back to rows; with gradients. The second half of the sequences is
// in the order of the back direction.
import { joinEnds as joining, splitEnds as splitting } from "../jobs";
import { addWeighted, copyRow, scaleRow } from "../math/loops";
import { layoutFrom, allocate } from "../runtime/scratch";
import {
  firstLanes, loadFirst, multiplyAdd, storeFirst, sum4, vectorBytes,
} from "../math/simd";

/** Tokens a task. */
const BLOCK = 64;

function tasks(batch: i32, length: i32): i32 {
  return (batch * length + BLOCK - 1) / BLOCK;
}

export function splitEndsTasks(phase: i32): i32 {
  return phase === 0 ? 0 : tasks(splitting.batch, splitting.length);
}

export function splitEndsTask(task: i32): void {
  const job = splitting;
  const end = min(job.batch * job.length, (task + 1) * BLOCK);
  for (let token = task * BLOCK; token < end; token++) {
    if (job.dmixed === 0) splitToken(token);
    else splitTokenGradient(token);
  }
}

/** The place of a token among those of all heads, in either direction. */
function placeOf(token: i32, head: i32, isBack: bool): usize {
  const job = splitting;
  const batch = token / job.length, t = token % job.length;
  const sequence = isBack ? job.batch + batch : batch;
  const place = isBack ? job.length - 1 - t : t;
  return <usize> ((sequence * job.heads + head) * job.length + place);
}

/** The place of a token among those of keys and queries, in either direction. */
function keyPlaceOf(token: i32, isBack: bool): usize {
  const job = splitting;
  if (!isBack) return token;
  const t = token % job.length;
  return <usize> (job.batch * job.length + token - t + job.length - 1 - t);
}

function splitToken(token: i32): void {
  const job = splitting, headDim = job.headDim, stateDim = job.stateDim;
  const rowBytes = <usize> (job.heads * headDim) << 2;
  const headBytes = <usize> headDim << 2, stateBytes = <usize> stateDim << 2;
  const row = job.mixed + <usize> token * (rowBytes + 4 * stateBytes);
  copyRow(job.heads * headDim, row, job.x + <usize> token * rowBytes);
  for (let end = 0; end < 2; end++) {
    const key = row + rowBytes + <usize> end * 2 * stateBytes;
    const keyPlace = keyPlaceOf(token, end === 1);
    copyRow(stateDim, key, job.k + keyPlace * stateBytes);
    copyRow(stateDim, key + stateBytes, job.q + keyPlace * stateBytes);
    for (let head = 0; head < job.heads; head++) {
      const place = placeOf(token, head, end === 1);
      const dt = load<f32>(job.dt + (place << 2));
      const x = row + <usize> head * headBytes;
      scaleRow(headDim, dt, x, job.v + place * headBytes);
    }
  }
}

function splitTokenGradient(token: i32): void {
  const job = splitting, headDim = job.headDim, stateDim = job.stateDim;
  const rowBytes = <usize> (job.heads * headDim) << 2;
  const headBytes = <usize> headDim << 2, stateBytes = <usize> stateDim << 2;
  const rows = <usize> token * (rowBytes + 4 * stateBytes);
  const row = job.mixed + rows, drow = job.dmixed + rows;
  const dx = job.dx + <usize> token * rowBytes;
  for (let head = 0; head < job.heads; head++) {
    const column = <usize> head * headBytes;
    const place = placeOf(token, head, false);
    const back = placeOf(token, head, true);
    valueGradients(row + column, dx + column, place, back, drow + column);
  }
  for (let end = 0; end < 2; end++) {
    const place = keyPlaceOf(token, end === 1);
    const dkey = drow + rowBytes + <usize> end * 2 * stateBytes;
    copyRow(stateDim, job.dk + place * stateBytes, dkey);
    copyRow(stateDim, job.dq + place * stateBytes, dkey + stateBytes);
  }
}

/** target = dx + dt dv of both directions; and the gradients in dt, x · dv. */
function valueGradients(
  x: usize, dx: usize, place: usize, back: usize, target: usize
): void {
  const job = splitting, bytes = <usize> job.headDim << 2;
  const dt = v128.load32_splat(job.dt + (place << 2));
  const dtBack = v128.load32_splat(job.dt + (back << 2));
  const dv = job.dv + place * bytes, dvBack = job.dv + back * bytes;
  let inner = f32x4.splat(0), innerBack = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) {
    const count = <i32> ((bytes - at) >> 2), kept = firstLanes(count);
    const own = v128.and(loadFirst(x + at, count), kept);
    const a = loadFirst(dv + at, count), b = loadFirst(dvBack + at, count);
    inner = multiplyAdd(own, v128.and(a, kept), inner);
    innerBack = multiplyAdd(own, v128.and(b, kept), innerBack);
    const sum = multiplyAdd(dt, a, loadFirst(dx + at, count));
    storeFirst(target + at, multiplyAdd(dtBack, b, sum), count);
  }
  store<f32>(job.ddt + (place << 2), sum4(inner));
  store<f32>(job.ddt + (back << 2), sum4(innerBack));
}

/** A row of zeros, for a token without a neighbour. */
let zeros: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutJoinEnds(base: usize): usize {
  layoutFrom(base);
  zeros = allocate(vectorBytes(joining.headDim));
  return allocate(0);
}

export function joinEndsTasks(phase: i32): i32 {
  return phase === 0 ? 0 : tasks(joining.batch, joining.length);
}

export function joinEndsTask(task: i32): void {
  const job = joining;
  memory.fill(zeros, 0, vectorBytes(job.headDim));
  const end = min(job.batch * job.length, (task + 1) * BLOCK);
  for (let token = task * BLOCK; token < end; token++) joinToken(token);
}

/** Whether two neighbouring tokens are of the same segment. */
function areTogether(token: i32, other: i32): bool {
  const segments = joining.segments;
  return segments === 0 ||
    load<f32>(segments + (<usize> token << 2)) ===
      load<f32>(segments + (<usize> other << 2));
}

function joinToken(token: i32): void {
  const job = joining, length = job.length, headDim = job.headDim;
  const bytes = <usize> headDim << 2;
  const batch = token / length, t = token % length;
  const hasBefore = t > 0 && areTogether(token - 1, token);
  const hasAfter = t < length - 1 && areTogether(token, token + 1);
  // The reading that nobody takes is at the last place of either direction.
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

/** x · y, of so many numbers. */
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

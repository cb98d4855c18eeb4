// From the rows of a mixer to the queries, keys and values of its heads in both
// directions, as causal attention of twice the sequences reads them; and the
// gradient. The second half of the sequences is in the order of the back direction.
import { splitDirections as job } from "./records";
import { copyRow, scaleRow } from "../../../tfjs/wasm/assembly/math/loops";
import {
  firstLanes, loadFirst, multiplyAdd, storeFirst, sum4
} from "../../../tfjs/wasm/assembly/math/simd";
import { partsAtOnce } from "../../../tfjs/wasm/assembly/runtime/parts";

/** The tokens of a task. */
const BLOCK = 64;

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.batch * job.length, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  const end = min(job.batch * job.length, (task + 1) * BLOCK);
  for (let token = task * BLOCK; token < end; token++) {
    if (job.dmixed === 0) splitToken(token);
    else splitTokenGradient(token);
  }
}

/** The place of a token in a tensor of all heads, in either direction. */
function placeOf(token: i32, head: i32, isBack: bool): usize {
  const batch = token / job.length, t = token % job.length;
  const sequence = isBack ? job.batch + batch : batch;
  const place = isBack ? job.length - 1 - t : t;
  return <usize> ((sequence * job.heads + head) * job.length + place);
}

/** The place of a token in keys or queries, in either direction. */
function keyPlaceOf(token: i32, isBack: bool): usize {
  if (!isBack) return token;
  const t = token % job.length;
  return <usize> (job.batch * job.length + token - t + job.length - 1 - t);
}

function splitToken(token: i32): void {
  const headDim = job.headDim, stateDim = job.stateDim;
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
  const headDim = job.headDim, stateDim = job.stateDim;
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
  const bytes = <usize> job.headDim << 2;
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

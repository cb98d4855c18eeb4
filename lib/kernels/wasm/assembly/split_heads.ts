// From projected rows to the heads' queries, keys and values, with the feature
// map of queries and keys; and back, for the gradient.
import { splitHeads as job } from "./jobs";
import {
  exp4,
  firstLanes,
  loadFirst,
  multiplyAdd,
  sigmoid4,
  storeFirst,
  sum4,
} from "./simd";

/** Tokens a task. */
const BLOCK = 64;

// The host's numbers for feature maps.
const IDENTITY = 0;
const RELU = 1;
const ELU_PLUS_ONE = 2;

export function splitHeadsTasks(phase: i32): i32 {
  return phase === 0 ? 0 : (job.batch * job.length + BLOCK - 1) / BLOCK;
}

export function splitHeadsTask(task: i32): void {
  const headDim = job.headDim, heads = job.heads;
  const end = min(job.batch * job.length, (task + 1) * BLOCK);
  for (let token = task * BLOCK; token < end; token++) {
    const batch = token / job.length, position = token % job.length;
    for (let head = 0; head < heads; head++) {
      const place = (batch * heads + head) * job.length + position;
      const inHeads = <usize> (place * headDim) << 2;
      for (let part = 0; part < 3; part++) {
        const column = (token * 3 + part) * heads + head;
        const inRows = <usize> (column * headDim) << 2;
        const tensor = part === 0 ? job.q : part === 1 ? job.k : job.v;
        const map = part === 2 ? IDENTITY : job.featureMap;
        const x = job.x + inRows, y = tensor + inHeads;
        if (job.dx === 0) mapRow(map, x, y);
        else gradientOf(map, x, y, job.dx + inRows);
      }
    }
  }
}

function mapRow(map: i32, x: usize, y: usize): void {
  const headDim = job.headDim, zero = f32x4.splat(0);
  let squares = zero;
  for (let i = 0; i < headDim; i += 4) {
    const count = headDim - i, at = <usize> i << 2;
    let value = loadFirst(x + at, count);
    if (map === RELU) value = f32x4.max(value, zero);
    else if (map === ELU_PLUS_ONE) value = eluPlusOne(value);
    else if (map !== IDENTITY) {
      value = shiftedSilu(value);
      // Beyond the row there is nothing, which the map makes 0.5.
      const own = v128.and(value, firstLanes(count));
      squares = multiplyAdd(own, own, squares);
    }
    storeFirst(y + at, value, count);
  }
  if (map <= ELU_PLUS_ONE) return;
  const inverse = f32x4.splat(1 / sqrt<f32>(sum4(squares)));
  for (let i = 0; i < headDim; i += 4) {
    const count = headDim - i, at = y + (<usize> i << 2);
    storeFirst(at, f32x4.mul(loadFirst(at, count), inverse), count);
  }
}

function eluPlusOne(x: v128): v128 {
  const zero = f32x4.splat(0);
  const above = f32x4.add(x, f32x4.splat(1));
  return v128.bitselect(above, exp4(x), f32x4.gt(x, zero));
}

function shiftedSilu(x: v128): v128 {
  return multiplyAdd(x, sigmoid4(x), f32x4.splat(0.5));
}

function gradientOf(map: i32, x: usize, dy: usize, dx: usize): void {
  const headDim = job.headDim, zero = f32x4.splat(0);
  if (map === IDENTITY) return memory.copy(dx, dy, <usize> headDim << 2);
  let squares = zero, inner = zero;
  if (map > ELU_PLUS_ONE) {
    for (let i = 0; i < headDim; i += 4) {
      const count = headDim - i, at = <usize> i << 2;
      const mapped = shiftedSilu(loadFirst(x + at, count));
      const own = v128.and(mapped, firstLanes(count));
      squares = multiplyAdd(own, own, squares);
      inner = multiplyAdd(own, loadFirst(dy + at, count), inner);
    }
  }
  const square = sum4(squares);
  const inverse = f32x4.splat(1 / sqrt<f32>(square));
  const along = f32x4.splat(-sum4(inner) / square);
  for (let i = 0; i < headDim; i += 4) {
    const count = headDim - i, at = <usize> i << 2;
    const value = loadFirst(x + at, count);
    let gradient = loadFirst(dy + at, count);
    const positive = f32x4.gt(value, zero);
    if (map === RELU) gradient = v128.and(gradient, positive);
    else if (map === ELU_PLUS_ONE) {
      const sloped = f32x4.mul(gradient, exp4(value));
      gradient = v128.bitselect(gradient, sloped, positive);
    } else {
      const s = sigmoid4(value), one = f32x4.splat(1);
      const mapped = multiplyAdd(value, s, f32x4.splat(0.5));
      const across = multiplyAdd(mapped, along, gradient);
      // The slope of x s(x): s + x s (1 - s).
      const slope = f32x4.mul(s, multiplyAdd(value, f32x4.sub(one, s), one));
      gradient = f32x4.mul(f32x4.mul(across, inverse), slope);
    }
    storeFirst(dx + at, gradient, count);
  }
}

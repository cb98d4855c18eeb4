// From projected rows to the heads' queries, keys and values, with the feature
// map of queries and keys; and back, for the gradient.
import { splitHeads as job } from "../jobs";
import { logistics, preparePowers } from "../math/vector_exp";
import { layoutFrom, take } from "../runtime/scratch";
import {
  exp4, firstLanes, loadFirst, multiplyAdd, storeFirst, sum4, vectorBytes,
} from "../math/simd";

/** Tokens a task. */
const BLOCK = 64;

// The host's numbers for feature maps.
const IDENTITY = 0;
const RELU = 1;
const ELU_PLUS_ONE = 2;

/** σ of a token's queries and keys. */
let sigmoids: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutSplitHeads(base: usize): usize {
  layoutFrom(base);
  sigmoids = take(vectorBytes(2 * job.heads * job.headDim));
  return take(0);
}

export function splitHeadsTasks(phase: i32): i32 {
  return phase === 0 ? 0 : (job.batch * job.length + BLOCK - 1) / BLOCK;
}

export function splitHeadsTask(task: i32): void {
  const headDim = job.headDim, heads = job.heads;
  const isShifted = job.featureMap > ELU_PLUS_ONE;
  if (isShifted) preparePowers();
  const end = min(job.batch * job.length, (task + 1) * BLOCK);
  for (let token = task * BLOCK; token < end; token++) {
    const batch = token / job.length, position = token % job.length;
    if (isShifted) {
      const row = <usize> (token * 3 * heads * headDim) << 2;
      logistics(2 * heads * headDim, job.x + row, sigmoids);
    }
    for (let head = 0; head < heads; head++) {
      const place = (batch * heads + head) * job.length + position;
      const inHeads = <usize> (place * headDim) << 2;
      for (let part = 0; part < 3; part++) {
        const column = (token * 3 + part) * heads + head;
        const inRows = <usize> (column * headDim) << 2;
        const tensor = part === 0 ? job.q : part === 1 ? job.k : job.v;
        const map = part === 2 ? IDENTITY : job.featureMap;
        const x = job.x + inRows, y = tensor + inHeads;
        const s = sigmoids + (<usize> ((part * heads + head) * headDim) << 2);
        if (job.dx === 0) mapRow(map, x, s, y);
        else gradientOf(map, x, s, y, job.dx + inRows);
      }
    }
  }
}

function mapRow(map: i32, x: usize, s: usize, y: usize): void {
  const headDim = job.headDim, zero = f32x4.splat(0);
  if (map === IDENTITY) return memory.copy(y, x, <usize> headDim << 2);
  if (map > ELU_PLUS_ONE) return shiftedSiluRow(x, s, y);
  for (let i = 0; i < headDim; i += 4) {
    const count = headDim - i, at = <usize> i << 2;
    const value = loadFirst(x + at, count);
    const mapped = map === RELU ? f32x4.max(value, zero) : eluPlusOne(value);
    storeFirst(y + at, mapped, count);
  }
}

function eluPlusOne(x: v128): v128 {
  const zero = f32x4.splat(0);
  const above = f32x4.add(x, f32x4.splat(1));
  return v128.bitselect(above, exp4(x), f32x4.gt(x, zero));
}

// @ts-ignore: decorator
@inline
function shiftedSilu(x: v128, s: v128): v128 {
  return multiplyAdd(x, s, f32x4.splat(0.5));
}

/** Maps a row, of which σ is known, and divides it by its length. */
function shiftedSiluRow(x: usize, s: usize, y: usize): void {
  const bytes = <usize> job.headDim << 2, pairs = bytes & ~31;
  let even = f32x4.splat(0), odd = f32x4.splat(0);
  for (let at: usize = 0; at < pairs; at += 32) {
    const x0 = v128.load(x + at), x1 = v128.load(x + at, 16);
    const y0 = shiftedSilu(x0, v128.load(s + at));
    const y1 = shiftedSilu(x1, v128.load(s + at, 16));
    v128.store(y + at, y0);
    v128.store(y + at, y1, 16);
    even = multiplyAdd(y0, y0, even);
    odd = multiplyAdd(y1, y1, odd);
  }
  for (let at = pairs; at < bytes; at += 16) {
    const count = <i32> (bytes - at >> 2);
    const mapped = shiftedSilu(
      loadFirst(x + at, count),
      loadFirst(s + at, count),
    );
    storeFirst(y + at, mapped, count);
    // Beyond the row there is nothing, which the map makes 0.5.
    const own = v128.and(mapped, firstLanes(count));
    even = multiplyAdd(own, own, even);
  }
  const squares = sum4(f32x4.add(even, odd));
  const inverse = f32x4.splat(1 / sqrt<f32>(squares));
  for (let at: usize = 0; at < pairs; at += 32) {
    const y0 = v128.load(y + at), y1 = v128.load(y + at, 16);
    const scaled0 = f32x4.mul(y0, inverse), scaled1 = f32x4.mul(y1, inverse);
    v128.store(y + at, scaled0);
    v128.store(y + at, scaled1, 16);
  }
  for (let at = pairs; at < bytes; at += 16) {
    const count = <i32> (bytes - at >> 2);
    storeFirst(y + at, f32x4.mul(loadFirst(y + at, count), inverse), count);
  }
}

function gradientOf(map: i32, x: usize, s: usize, dy: usize, dx: usize): void {
  const headDim = job.headDim, zero = f32x4.splat(0);
  if (map === IDENTITY) return memory.copy(dx, dy, <usize> headDim << 2);
  if (map > ELU_PLUS_ONE) return shiftedSiluGradient(x, s, dy, dx);
  for (let i = 0; i < headDim; i += 4) {
    const count = headDim - i, at = <usize> i << 2;
    const value = loadFirst(x + at, count);
    const gradient = loadFirst(dy + at, count);
    const below = map === RELU ? zero : f32x4.mul(gradient, exp4(value));
    const positive = f32x4.gt(value, zero);
    storeFirst(dx + at, v128.bitselect(gradient, below, positive), count);
  }
}

/** (dy - y (y · dy)) / length · slope, with the row y of length 1. */
// @ts-ignore: decorator
@inline
function silu4(x: v128, s: v128, dy: v128, along: v128, inverse: v128): v128 {
  const mapped = shiftedSilu(x, s), one = f32x4.splat(1);
  const across = multiplyAdd(mapped, along, dy);
  // The slope of x s(x): s + x s (1 - s).
  const slope = f32x4.mul(s, multiplyAdd(x, f32x4.sub(one, s), one));
  return f32x4.mul(f32x4.mul(across, inverse), slope);
}

function shiftedSiluGradient(x: usize, s: usize, dy: usize, dx: usize): void {
  const bytes = <usize> job.headDim << 2, pairs = bytes & ~31;
  let even = f32x4.splat(0), odd = f32x4.splat(0);
  let evenInner = f32x4.splat(0), oddInner = f32x4.splat(0);
  for (let at: usize = 0; at < pairs; at += 32) {
    const x0 = v128.load(x + at), x1 = v128.load(x + at, 16);
    const dy0 = v128.load(dy + at), dy1 = v128.load(dy + at, 16);
    const y0 = shiftedSilu(x0, v128.load(s + at));
    const y1 = shiftedSilu(x1, v128.load(s + at, 16));
    even = multiplyAdd(y0, y0, even);
    odd = multiplyAdd(y1, y1, odd);
    evenInner = multiplyAdd(y0, dy0, evenInner);
    oddInner = multiplyAdd(y1, dy1, oddInner);
  }
  for (let at = pairs; at < bytes; at += 16) {
    const count = <i32> (bytes - at >> 2);
    const mapped = shiftedSilu(
      loadFirst(x + at, count),
      loadFirst(s + at, count),
    );
    const own = v128.and(mapped, firstLanes(count));
    even = multiplyAdd(own, own, even);
    evenInner = multiplyAdd(own, loadFirst(dy + at, count), evenInner);
  }
  const square = sum4(f32x4.add(even, odd));
  const inner = sum4(f32x4.add(evenInner, oddInner));
  const inverse = f32x4.splat(1 / sqrt<f32>(square));
  const along = f32x4.splat(-inner / square);
  for (let at: usize = 0; at < pairs; at += 32) {
    const x0 = v128.load(x + at), x1 = v128.load(x + at, 16);
    const dy0 = v128.load(dy + at), dy1 = v128.load(dy + at, 16);
    const dx0 = silu4(x0, v128.load(s + at), dy0, along, inverse);
    const dx1 = silu4(x1, v128.load(s + at, 16), dy1, along, inverse);
    v128.store(dx + at, dx0);
    v128.store(dx + at, dx1, 16);
  }
  for (let at = pairs; at < bytes; at += 16) {
    const count = <i32> (bytes - at >> 2);
    const own = loadFirst(x + at, count), given = loadFirst(dy + at, count);
    const slope = silu4(own, loadFirst(s + at, count), given, along, inverse);
    storeFirst(dx + at, slope, count);
  }
}

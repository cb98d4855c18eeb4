// From projected rows to the heads' queries, keys and values, with the feature
// map of queries and keys; and back, for the gradient.
import { splitHeads as job } from "./records";
import {
  scaleRow, shiftedSilu, shiftedSiluGradient, shiftedSiluSums, sigmoid
} from "../../../tfjs/wasm/assembly/math/loops";
import { prepareExp } from "../../../tfjs/wasm/assembly/math/vector_exp";
import { partsAtOnce } from "../../../tfjs/wasm/assembly/runtime/parts";
import {
  layoutFrom, allocate
} from "../../../tfjs/wasm/assembly/runtime/scratch";
import {
  exp4, loadFirst, storeFirst, vectorBytes
} from "../../../tfjs/wasm/assembly/math/simd";

/** The tokens of a task. */
const BLOCK = 64;

// The host's numbers for feature maps.
const IDENTITY = 0;
const RELU = 1;
const ELU_PLUS_ONE = 2;

/** σ of a token's queries and keys. */
let sigmoids: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  layoutFrom(base);
  sigmoids = allocate(vectorBytes(2 * job.heads * job.headDim));
  return allocate(0);
}

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.batch * job.length, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  const headDim = job.headDim, heads = job.heads;
  const isShifted = job.featureMap > ELU_PLUS_ONE;
  if (isShifted) prepareExp();
  const end = min(job.batch * job.length, (task + 1) * BLOCK);
  for (let token = task * BLOCK; token < end; token++) {
    const batch = token / job.length, position = token % job.length;
    if (isShifted) {
      const row = <usize> (token * 3 * heads * headDim) << 2;
      sigmoid(2 * heads * headDim, job.x + row, sigmoids);
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

/**
 * Maps a row x by the shifted SiLU, given s = σ(x), and divides it by its
 * Euclidean norm.
 */
function shiftedSiluRow(x: usize, s: usize, y: usize): void {
  const squares = shiftedSilu(job.headDim, x, s, y);
  scaleRow(job.headDim, 1 / sqrt<f32>(squares), y, y);
}

function gradientOf(map: i32, x: usize, s: usize, dy: usize, dx: usize): void {
  const headDim = job.headDim, zero = f32x4.splat(0);
  if (map === IDENTITY) return memory.copy(dx, dy, <usize> headDim << 2);
  if (map > ELU_PLUS_ONE) return shiftedSiluRowGradient(x, s, dy, dx);
  for (let i = 0; i < headDim; i += 4) {
    const count = headDim - i, at = <usize> i << 2;
    const value = loadFirst(x + at, count);
    const gradient = loadFirst(dy + at, count);
    const below = map === RELU ? zero : f32x4.mul(gradient, exp4(value));
    const positive = f32x4.gt(value, zero);
    storeFirst(dx + at, v128.bitselect(gradient, below, positive), count);
  }
}

function shiftedSiluRowGradient(
  x: usize, s: usize, dy: usize, dx: usize
): void {
  const sums = shiftedSiluSums(job.headDim, x, s, dy);
  const square = f32x4.extract_lane(sums, 0);
  const along = -f32x4.extract_lane(sums, 1) / square;
  const inverse: f32 = 1 / sqrt<f32>(square);
  shiftedSiluGradient(job.headDim, along, inverse, x, s, dy, dx);
}

// The decays inside a chunk (all exponents are sums of log decays, each <= 0).
import { at, put } from "./matrix";
import { exp4, vectorBytes } from "./simd";

/** From the border before the chunk to the token: exp(f_s + … + f_i). */
export let entering: usize = 0;
/** From the token to the border after the chunk: exp(f_{j+1} + … + f_t). */
export let leaving: usize = 0;
/** From the border after the chunk to the token: exp(b_i + … + b_t). */
export let enteringBack: usize = 0;
/** From the token to the border before the chunk: exp(b_s + … + b_{j-1}). */
export let leavingBack: usize = 0;
/** M_ij of the chunk; rows are whole vectors. */
export let weights: usize = 0;
let running: usize = 0;

/** Lays the results out from `base`; returns the end. */
export function layoutDecay(base: usize, chunkSize: i32): usize {
  const bytes = vectorBytes(chunkSize);
  entering = base;
  leaving = base += bytes;
  enteringBack = base += bytes;
  leavingBack = base += bytes;
  running = base += bytes;
  weights = base += bytes;
  return base + chunkSize * bytes;
}

/** What passes through all of a chunk of `count` tokens, forward. */
export function through(count: i32): f32 {
  return at(entering, count - 1);
}

/** What passes through all of the chunk, backward. */
export function throughBack(): f32 {
  return at(enteringBack, 0);
}

/** Fills the four vectors; `b` is 0 if causal. */
export function bordersOf(count: i32, f: usize, b: usize): void {
  let sum: f32 = 0;
  for (let i = 0; i < count; i++) {
    sum += at(f, i);
    put(entering, i, sum);
  }
  sum = 0;
  for (let i = count - 1; i >= 0; i--) {
    put(leaving, i, sum);
    sum += at(f, i);
  }
  exponentiate(count, entering);
  exponentiate(count, leaving);
  if (b === 0) return;
  sum = 0;
  for (let i = count - 1; i >= 0; i--) {
    sum += at(b, i);
    put(enteringBack, i, sum);
  }
  sum = 0;
  for (let i = 0; i < count; i++) {
    put(leavingBack, i, sum);
    sum += at(b, i);
  }
  exponentiate(count, enteringBack);
  exponentiate(count, leavingBack);
}

/**
 * As {@link leaving}, for a chunk with others between it and the border, of the
 * given log decay; returns the log decay of them all.
 */
export function leavingFrom(count: i32, f: usize, between: f32): f32 {
  let sum: f32 = 0;
  for (let i = count - 1; i >= 0; i--) {
    put(leaving, i, sum + between);
    sum += at(f, i);
  }
  exponentiate(count, leaving);
  return sum + between;
}

/** The same to the border on the left: as {@link leavingBack}. */
export function leavingFromBack(count: i32, b: usize, between: f32): f32 {
  let sum: f32 = 0;
  for (let i = 0; i < count; i++) {
    put(leaving, i, sum + between);
    sum += at(b, i);
  }
  exponentiate(count, leaving);
  return sum + between;
}

/** As {@link entering}, likewise. */
export function enteringFrom(count: i32, f: usize, between: f32): f32 {
  let sum: f32 = 0;
  for (let i = 0; i < count; i++) {
    sum += at(f, i);
    put(entering, i, sum + between);
  }
  exponentiate(count, entering);
  return sum + between;
}

/** As {@link enteringBack}, likewise. */
export function enteringFromBack(count: i32, b: usize, between: f32): f32 {
  let sum: f32 = 0;
  for (let i = count - 1; i >= 0; i--) {
    sum += at(b, i);
    put(entering, i, sum + between);
  }
  exponentiate(count, entering);
  return sum + between;
}

/** The decay itself. */
export function decayOf(logDecay: usize): f32 {
  return f32x4.extract_lane(exp4(v128.load32_splat(logDecay)), 0);
}

function exponentiate(count: i32, vector: usize): void {
  const end = vector + vectorBytes(count);
  for (; vector < end; vector += 16) {
    v128.store(vector, exp4(v128.load(vector)));
  }
}

/**
 * Fills the weights. Row i has the exponents of row i - 1 plus f_i, so that each
 * is a sum over its own tokens, and cancels with nothing.
 */
export function weightsOf(count: i32, f: usize, b: usize): void {
  const stride = vectorBytes(count), vectors = <i32> (stride >> 4);
  const lanes = i32x4(0, 1, 2, 3);
  memory.fill(running, 0, stride);
  for (let i = 0; i < count; i++) {
    const step = f32x4.splat(at(f, i));
    const row = weights + i * stride, own = i >> 2;
    for (let g = 0; g < own; g++) add(row, g, step);
    const before = i32x4.lt_s(lanes, i32x4.splat(i & 3));
    add(row, own, v128.and(step, before));
    if (b !== 0) continue;
    const upToOwn = i32x4.le_s(lanes, i32x4.splat(i & 3));
    const last = row + (own << 4);
    v128.store(last, v128.and(v128.load(last), upToOwn));
    memory.fill(last + 16, 0, stride - (own << 4) - 16);
  }
  if (b === 0) return;
  memory.fill(running, 0, stride);
  for (let i = count - 1; i >= 0; i--) {
    const step = f32x4.splat(at(b, i));
    const row = weights + i * stride, own = i >> 2;
    const after = i32x4.gt_s(lanes, i32x4.splat(i & 3));
    const upToOwn = v128.load(row + (own << 4));
    add(row, own, v128.and(step, after));
    const both = v128.bitselect(v128.load(row + (own << 4)), upToOwn, after);
    v128.store(row + (own << 4), both);
    for (let g = own + 1; g < vectors; g++) add(row, g, step);
  }
}

/** Adds to the g-th vector of running exponents; writes its powers to the row. */
function add(row: usize, g: i32, step: v128): void {
  const exponents = running + (<usize> g << 4);
  const sum = f32x4.add(v128.load(exponents), step);
  v128.store(exponents, sum);
  v128.store(row + (<usize> g << 4), exp4(sum));
}

// The selective scan's backward pass. A block goes through its chunks from the
// last to the first, makes the states of a chunk again from the one before it,
// and carries the gradient in the state. With g that in h_t, from the tokens
// after it and its own output,
//
//     g += c dy, dc = h_t dy, db = g Δ x, du = g b with u = Δ x
//     w = e^{Δ a} h_{t-1} g, dΔ = a w + x du, da = Δ w;  g' = e^{Δ a} g
//
// db and dc are sums over channels: lanes and groups are added up here, and
// blocks in the second phase, as is da over sequences.
import { selectiveScan as job } from "./records";
import { queue } from "../../../tfjs/wasm/assembly/runtime/queue";
import { at, put, sumParts } from "../../../tfjs/wasm/assembly/math/matrix";
import {
  a1, a2, a3, a4, a5, leastExponent, one, fastExp2, prepareExp, rounder
} from "../../../tfjs/wasm/assembly/math/vector_exp";
import * as scan from "./scan";
import { allocate } from "../../../tfjs/wasm/assembly/runtime/scratch";
import {
  multiplyAdd, sigmoid4, sum4
} from "../../../tfjs/wasm/assembly/math/simd";
import { countProgress } from "../../../tfjs/wasm/assembly/runtime/progress";

const LN_2: f32 = 0.69314718;

/**
 * States before each token of the chunk and after the last, and the decays on
 * arriving at each.
 */
let chunkStates: usize = 0, decays: usize = 0;
/** Gradients in the states, the rates and d of all groups of the block. */
let allStateGradients: usize = 0, allDa: usize = 0, allDd: usize = 0;
/** Gradients in b and c of the chunk, a pair for each number. */
let db: usize = 0, dc: usize = 0;
let dy: usize = 0, dx: usize = 0, ddt: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutScanBackward(base: usize): usize {
  scan.layoutScan(base);
  const ofGroups = <usize> (scan.blockChannels() >> 3);
  const ofTokens = <usize> job.chunkSize;
  chunkStates = allocate((ofTokens + 1) * scan.stateBytes);
  decays = allocate(ofTokens * scan.stateBytes);
  allStateGradients = allocate(ofGroups * scan.stateBytes);
  allDa = allocate(ofGroups * scan.stateBytes);
  allDd = allocate(ofGroups * scan.PAIR);
  db = allocate(ofTokens * scan.stateBytes);
  dc = allocate(ofTokens * scan.stateBytes);
  dy = allocate(ofTokens * scan.PAIR);
  dx = allocate(ofTokens * scan.PAIR);
  ddt = allocate(ofTokens * scan.PAIR);
  return allocate(0);
}

/**
 * Bytes that a block leaves for the second phase: its db and dc, [length,
 * stateDim].
 */
function blockBytes(): usize {
  return <usize> job.length * job.stateDim * 8;
}

/**
 * Bytes of a sequence's part of da, `[channels, stateDim]`, and of dd, for the
 * second phase.
 */
function sequenceBytes(): usize {
  return <usize> job.channels * (job.stateDim + 1) * 4;
}

function ofBlock(sequence: i32, block: i32): usize {
  return queue.extra +
    <usize> (sequence * scan.blocks() + block) * blockBytes();
}

function ofSequence(sequence: i32): usize {
  return ofBlock(job.batch, 0) + <usize> sequence * sequenceBytes();
}

/** Bytes that all threads share. */
export function scanExtra(): usize {
  return <usize> job.batch *
    (<usize> scan.blocks() * blockBytes() + sequenceBytes());
}

/** Differentiates a block of channels. */
export function scanBackward(task: i32): void {
  prepareExp();
  scan.openChannels(task);
  const ofGroups = <usize> scan.groups;
  memory.fill(allStateGradients, 0, ofGroups * scan.stateBytes);
  memory.fill(allDa, 0, ofGroups * scan.stateBytes);
  memory.fill(allDd, 0, ofGroups * scan.PAIR);
  for (let chunk = scan.chunksOfScan() - 1; chunk >= 0; chunk--) {
    scan.openScanChunk(chunk);
    memory.fill(db, 0, <usize> scan.count * scan.stateBytes);
    memory.fill(dc, 0, <usize> scan.count * scan.stateBytes);
    for (let group = 0; group < scan.groups; group++) {
      scan.openGroup(group);
      const stateGradient = allStateGradients + <usize> group * scan.stateBytes;
      const da = allDa + <usize> group * scan.stateBytes;
      const dd = allDd + <usize> group * scan.PAIR;
      scan.gatherRows(job.x, scan.x);
      scan.gatherRows(job.dt, scan.dt);
      scan.gatherRows(job.dy, dy);
      memory.copy(chunkStates, scan.keptStates(), scan.stateBytes);
      for (let i = 0; i < scan.count; i++) remember(i);
      if (job.z !== 0) gateGradients();
      for (let i = scan.count - 1; i >= 0; i--) {
        differentiate(i, stateGradient, da, dd);
      }
      scan.scatterRows(dx, job.dx);
      scan.scatterRows(ddt, job.ddt);
    }
    scatterTokens(db, 0);
    scatterTokens(dc, blockBytes() >> 1);
    countProgress();
  }
  for (let group = 0; group < scan.groups; group++) {
    scan.openGroup(group);
    scatterChannels(
      allDa + <usize> group * scan.stateBytes, allDd + <usize> group * scan.PAIR
    );
  }
}

/** Computes a token's decays, the state after it, and y before its gate. */
function remember(i: i32): void {
  const least = f32x4.splat(leastExponent), round = f32x4.splat(rounder);
  const unit = f32x4.splat(one), c1 = f32x4.splat(a1), c2 = f32x4.splat(a2);
  const c3 = f32x4.splat(a3), c4 = f32x4.splat(a4), c5 = f32x4.splat(a5);
  const own = <usize> i * scan.PAIR;
  const dt$ = v128.load(scan.dt + own, 16 * $);
  const x$ = v128.load(scan.x + own, 16 * $);
  const u$ = f32x4.mul(dt$, x$);
  let y$ = f32x4.mul(v128.load(scan.skips, 16 * $), x$);
  const kept = f32x4.splat(scan.begins(i) ? 0 : 1);
  let b = scan.rowOf(job.b, i), c = scan.rowOf(job.c, i), rate = scan.rates;
  let state = chunkStates + <usize> i * scan.stateBytes;
  let decay = decays + <usize> i * scan.stateBytes;
  const width = scan.stateBytes, end = state + width;
  do {
    const r$ = v128.load(rate, 16 * $);
    const h$ = v128.load(state, 16 * $);
    const w = v128.load32_splat(b), v = v128.load32_splat(c);
    const p$ = fastExp2(
      f32x4.mul(dt$, r$), least, round, unit, c1, c2, c3, c4, c5
    );
    const e$ = f32x4.mul(p$, kept);
    const s$ = multiplyAdd(e$, h$, f32x4.mul(u$, w));
    v128.store(decay, e$, 16 * $);
    v128.store(state + width, s$, 16 * $);
    y$ = multiplyAdd(s$, v, y$);
    state += scan.PAIR;
    rate += scan.PAIR;
    decay += scan.PAIR;
    b += 4;
    c += 4;
  } while (state < end);
  v128.store(scan.y + own, y$, 16 * $);
}

/** dz = dy y SiLU'(z), and then dy = dy SiLU(z). */
function gateGradients(): void {
  scan.gatherRows(job.z, scan.z);
  const bytes = <usize> scan.count * scan.PAIR, unit = f32x4.splat(1);
  for (let i: usize = 0; i < bytes; i += 16) {
    const own = v128.load(scan.z + i), gradient = v128.load(dy + i);
    const s = sigmoid4(own), silu = f32x4.mul(own, s);
    // SiLU'(z) = σ + SiLU (1 - σ)
    const derivative = multiplyAdd(silu, f32x4.sub(unit, s), s);
    const read = f32x4.mul(gradient, v128.load(scan.y + i));
    v128.store(scan.z + i, f32x4.mul(read, derivative));
    v128.store(dy + i, f32x4.mul(gradient, silu));
  }
  scan.scatterRows(scan.z, job.dz);
}

/** Computes the gradients of a token, after the gradients of all tokens that follow it. */
function differentiate(i: i32, stateGradient: usize, da: usize, dd: usize): void {
  const own = <usize> i * scan.PAIR, width = scan.stateBytes;
  const dt$ = v128.load(scan.dt + own, 16 * $);
  const x$ = v128.load(scan.x + own, 16 * $);
  const dy$ = v128.load(dy + own, 16 * $);
  const u$ = f32x4.mul(dt$, x$);
  let du$ = f32x4.splat(0);
  let ofDecay$ = f32x4.splat(0);
  let b = scan.rowOf(job.b, i), c = scan.rowOf(job.c, i), rate = scan.rates;
  const offset = <usize> i * width;
  let state = chunkStates + offset, decay = decays + offset;
  let writing = db + offset, reading = dc + offset;
  const end = state + width;
  do {
    const g = v128.load32_splat(c), w = v128.load32_splat(b);
    const h$ = v128.load(state, 16 * $);
    const s$ = v128.load(state + width, 16 * $);
    const e$ = v128.load(decay, 16 * $);
    const k$ = v128.load(stateGradient, 16 * $);
    const g$ = multiplyAdd(dy$, g, k$);
    const m$ = f32x4.mul(g$, e$);
    v128.store(stateGradient, m$, 16 * $);
    const oldC$ = v128.load(reading, 16 * $);
    const newC$ = multiplyAdd(dy$, s$, oldC$);
    v128.store(reading, newC$, 16 * $);
    const oldB$ = v128.load(writing, 16 * $);
    const newB$ = multiplyAdd(u$, g$, oldB$);
    v128.store(writing, newB$, 16 * $);
    du$ = multiplyAdd(g$, w, du$);
    const f$ = f32x4.mul(m$, h$);
    const r$ = v128.load(rate, 16 * $);
    ofDecay$ = multiplyAdd(f$, r$, ofDecay$);
    const oldA$ = v128.load(da, 16 * $);
    const newA$ = multiplyAdd(f$, dt$, oldA$);
    v128.store(da, newA$, 16 * $);
    state += scan.PAIR;
    decay += scan.PAIR;
    stateGradient += scan.PAIR;
    rate += scan.PAIR;
    writing += scan.PAIR;
    reading += scan.PAIR;
    da += scan.PAIR;
    b += 4;
    c += 4;
  } while (state < end);
  const ln2 = f32x4.splat(LN_2);
  v128.store(ddt + own, multiplyAdd(ofDecay$, ln2, f32x4.mul(du$, x$)), 16 * $);
  const d$ = v128.load(scan.skips, 16 * $);
  v128.store(dx + own, multiplyAdd(du$, dt$, f32x4.mul(d$, dy$)), 16 * $);
  v128.store(dd, multiplyAdd(dy$, x$, v128.load(dd, 16 * $)), 16 * $);
}

/** Sums db or dc over the lanes, and stores them for the second phase. */
function scatterTokens(source: usize, offset: usize): void {
  const target = ofBlock(scan.sequence, scan.block) + offset;
  const first = scan.sequence * job.length;
  for (let i = 0; i < scan.count; i++) {
    const row = (scan.tokenOf(i) - first) * job.stateDim;
    for (let n = 0; n < job.stateDim; n++) {
      const sum = f32x4.add(v128.load(source), v128.load(source, 16));
      put(target, row + n, sum4(sum));
      source += scan.PAIR;
    }
  }
}

function scatterChannels(da: usize, dd: usize): void {
  const target = ofSequence(scan.sequence);
  const skips = target + <usize> job.channels * job.stateDim * 4;
  for (let lane = 0; lane < scan.lanes; lane++) {
    const row = (scan.channel + lane) * job.stateDim;
    for (let n = 0; n < job.stateDim; n++) {
      put(target, row + n, at(da, 8 * n + lane));
    }
    put(skips, scan.channel + lane, at(dd, lane));
  }
}

/** Adds up what blocks and sequences have left; a task a sequence, and one for all. */
export function scanSums(task: i32): void {
  const tokens = job.length * job.stateDim;
  if (task < job.batch) {
    const offset = <usize> task * tokens * 4;
    const ofTokens = <usize> tokens * 4;
    const parts = ofBlock(task, 0);
    sumParts(tokens, parts, blockBytes(), scan.blocks(), job.db + offset);
    sumParts(
      tokens, parts + ofTokens, blockBytes(), scan.blocks(), job.dc + offset
    );
    return;
  }
  const parts = ofSequence(0), numbers = job.channels * job.stateDim;
  sumParts(numbers, parts, sequenceBytes(), job.batch, job.da);
  if (job.dd === 0) return;
  const skips = parts + <usize> numbers * 4;
  sumParts(job.channels, skips, sequenceBytes(), job.batch, job.dd);
}

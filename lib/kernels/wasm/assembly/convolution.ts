// A short convolution of each channel along the tokens, and its gradient. A task
// is a block of channels of a sequence.
import { queue, shortConvolution as job } from "./jobs";
import { at, put } from "./matrix";
import { layoutFrom, take } from "./scratch";
import { loadFirst, multiplyAdd, sigmoid4, storeFirst } from "./simd";
import { countProgress } from "./threads";

/** Channels of a block. */
const BLOCK = 64;
/** Bytes of a row of them in scratch. */
const ROW: usize = 4 * BLOCK;
/** Tokens of a piece of the backward pass. */
const PIECE = 64;

/** Taps of the block, a row each, and the biases. */
let weights: usize = 0, biases: usize = 0;
/** Gradients in the sums, of a piece and of what reads it; and those in taps and biases. */
let slopes: usize = 0, dweights: usize = 0;
/** The first token of `slopes`. */
let firstSlope: i32 = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutConvolution(base: usize): usize {
  layoutFrom(base);
  const taps = <usize> job.taps;
  weights = take(taps * ROW);
  biases = take(ROW);
  if (job.dy !== 0) {
    slopes = take((PIECE + 2 * taps) * ROW);
    dweights = take((taps + 1) * ROW);
  }
  return take(0);
}

function blocks(): i32 {
  return (job.channels + BLOCK - 1) / BLOCK;
}

export function convolutionTasks(phase: i32): i32 {
  if (phase === 0) return job.batch * blocks();
  return job.dy === 0 ? 0 : 1;
}

/** Bytes of what a sequence leaves: the gradients of each channel's taps and bias. */
function partBytes(): usize {
  return <usize> (job.taps + 1) * job.channels * 4;
}

export function convolutionExtra(): usize {
  return job.dy === 0 ? 0 : job.batch * partBytes();
}

export function convolutionTask(phase: i32, task: i32): void {
  if (phase === 1) return sumParts();
  openBlock(task);
  if (job.dy === 0) convolve();
  else differentiate();
}

let sequence: i32 = 0;
/** The block's first channel, and how many it has. */
let channel: i32 = 0, lanes: i32 = 0;

function openBlock(task: i32): void {
  sequence = task / blocks();
  channel = (task % blocks()) * BLOCK;
  lanes = min(BLOCK, job.channels - channel);
  memory.fill(weights, 0, <usize> job.taps * ROW);
  memory.fill(biases, 0, ROW);
  for (let lane = 0; lane < lanes; lane++) {
    for (let tap = 0; tap < job.taps; tap++) {
      const weight = at(job.weight, (channel + lane) * job.taps + tap);
      put(weights, tap * BLOCK + lane, weight);
    }
    if (job.bias !== 0) put(biases, lane, at(job.bias, channel + lane));
  }
}

/** Where the block's channels of a token begin. */
function rowOf(tensor: usize, token: i32): usize {
  const row = <usize> (sequence * job.length + token) * job.channels;
  return tensor + (row + channel) * 4;
}

/** Whether what one token holds is read at another one. */
function isRead(from: i32, to: i32): bool {
  if (from < 0 || from >= job.length) return false;
  if (job.segments === 0) return true;
  const first = sequence * job.length;
  return at(job.segments, first + from) === at(job.segments, first + to);
}

/** The taps by which a token reads tokens of its segment, or by which these read it: from one to before another. */
let firstTap: i32 = 0, lastTap: i32 = 0;

function openTaps(token: i32, first: i32, step: i32): void {
  firstTap = 0;
  lastTap = job.taps;
  while (firstTap < lastTap && !isRead(token + first + step * firstTap, token)) {
    firstTap++;
  }
  while (firstTap < lastTap && !isRead(token + first + step * (lastTap - 1), token)) {
    lastTap--;
  }
}

/** Four sums over a token's taps: `row` is what the first of them reads, and `next` from tap to tap. */
// @ts-ignore: decorator
@inline
function sumOfTaps(sum: v128, row: usize, next: usize, c: usize, count: i32): v128 {
  let weight = weights + <usize> firstTap * ROW + c;
  for (let tap = firstTap; tap < lastTap; tap++) {
    sum = multiplyAdd(v128.load(weight), loadFirst(row + c, count), sum);
    weight += ROW;
    row += next;
  }
  return sum;
}

function bytesBetween(step: i32, width: usize): usize {
  return step < 0 ? 0 - width : width;
}

function convolve(): void {
  const next = bytesBetween(job.step, <usize> job.channels * 4);
  for (let token = 0; token < job.length; token++) {
    openTaps(token, job.first, job.step);
    const y = rowOf(job.y, token);
    const row = rowOf(job.x, token + job.first + job.step * firstTap);
    for (let lane = 0; lane < lanes; lane += 4) {
      const c = <usize> lane * 4, count = lanes - lane;
      let sum = sumOfTaps(v128.load(biases + c), row, next, c, count);
      if (job.silu !== 0) sum = f32x4.mul(sum, sigmoid4(sum));
      storeFirst(y + c, sum, count);
    }
    if ((token & 63) === 0) countProgress();
  }
}

/** dx_t = Σ_k w_k ds_{t - first - step k}, dw_k = Σ_t ds_t x_{t + first + step k}, db = Σ_t ds_t */
function differentiate(): void {
  memory.fill(dweights, 0, <usize> (job.taps + 1) * ROW);
  const reach = job.taps - 1;
  for (let start = 0; start < job.length; start += PIECE) {
    const end = min(job.length, start + PIECE);
    firstSlope = max(0, start - reach);
    findSlopes(min(job.length, end + reach));
    for (let token = start; token < end; token++) {
      giveInput(token);
      addWeights(token);
    }
    countProgress();
  }
  const part = queue.extra + <usize> sequence * partBytes();
  for (let tap = 0; tap <= job.taps; tap++) {
    const target = part + <usize> (tap * job.channels + channel) * 4;
    memory.copy(target, dweights + <usize> tap * ROW, <usize> lanes * 4);
  }
}

function slopeOf(token: i32): usize {
  // What is before the first is not read, though its address is made.
  return slopes + <usize> (token - firstSlope) * ROW;
}

/** Gradients in the sums of the tokens before `end`. */
function findSlopes(end: i32): void {
  const next = bytesBetween(job.step, <usize> job.channels * 4);
  const unit = f32x4.splat(1);
  for (let token = firstSlope; token < end; token++) {
    openTaps(token, job.first, job.step);
    const row = rowOf(job.x, token + job.first + job.step * firstTap);
    const dy = rowOf(job.dy, token), target = slopeOf(token);
    for (let lane = 0; lane < lanes; lane += 4) {
      const c = <usize> lane * 4, count = lanes - lane;
      let slope = loadFirst(dy + c, count);
      if (job.silu !== 0) {
        const sum = sumOfTaps(v128.load(biases + c), row, next, c, count);
        const s = sigmoid4(sum), silu = f32x4.mul(sum, s);
        // SiLU' = σ + SiLU (1 - σ)
        const steep = multiplyAdd(silu, f32x4.sub(unit, s), s);
        slope = f32x4.mul(slope, steep);
      }
      v128.store(target + c, slope);
    }
  }
}

function giveInput(token: i32): void {
  openTaps(token, -job.first, -job.step);
  const next = bytesBetween(-job.step, ROW);
  const row = slopeOf(token - job.first - job.step * firstTap);
  const dx = rowOf(job.dx, token);
  for (let lane = 0; lane < lanes; lane += 4) {
    const c = <usize> lane * 4;
    const sum = sumOfTaps(f32x4.splat(0), row, next, c, BLOCK);
    storeFirst(dx + c, sum, lanes - lane);
  }
}

function addWeights(token: i32): void {
  openTaps(token, job.first, job.step);
  const slope = slopeOf(token);
  for (let tap = firstTap; tap < lastTap; tap++) {
    const row = rowOf(job.x, token + job.first + job.step * tap);
    const target = dweights + <usize> tap * ROW;
    for (let lane = 0; lane < lanes; lane += 4) {
      const c = <usize> lane * 4;
      const x = loadFirst(row + c, lanes - lane);
      const sum = multiplyAdd(v128.load(slope + c), x, v128.load(target + c));
      v128.store(target + c, sum);
    }
  }
  const target = dweights + <usize> job.taps * ROW;
  for (let lane = 0; lane < lanes; lane += 4) {
    const c = <usize> lane * 4;
    v128.store(target + c, f32x4.add(v128.load(target + c), v128.load(slope + c)));
  }
}

/** Adds up what sequences have left. */
function sumParts(): void {
  for (let tap = 0; tap <= job.taps; tap++) {
    const isBias = tap === job.taps;
    if (isBias && job.dbias === 0) continue;
    for (let c = 0; c < job.channels; c++) {
      let part = queue.extra + <usize> (tap * job.channels + c) * 4;
      let sum = load<f32>(part);
      for (let i = 1; i < job.batch; i++) {
        part += partBytes();
        sum += load<f32>(part);
      }
      if (isBias) put(job.dbias, c, sum);
      else put(job.dweight, c * job.taps + tap, sum);
    }
  }
}

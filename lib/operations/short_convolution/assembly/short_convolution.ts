// A short convolution of each channel along the tokens, and its gradient. A task
// is a block of channels of a sequence.
import { shortConvolution as job } from "./records";
import { queue } from "../../../tfjs/wasm/assembly/runtime/queue";
import { addRowSum, at, put } from "../../../tfjs/wasm/assembly/math/matrix";
import { silu, siluGradient } from "../../../tfjs/wasm/assembly/math/loops";
import { prepareExp } from "../../../tfjs/wasm/assembly/math/vector_exp";
import {
  layoutFrom, allocate
} from "../../../tfjs/wasm/assembly/runtime/scratch";
import {
  loadFirst, multiplyAdd, storeFirst
} from "../../../tfjs/wasm/assembly/math/simd";
import { countProgress } from "../../../tfjs/wasm/assembly/runtime/progress";

/** Channels of a block. */
const BLOCK = 64;
/** Bytes of a row in scratch: one float for each channel of a block. */
const ROW: usize = 4 * BLOCK;
/** Tokens that a task takes at a time. */
const PIECE = 64;
/** Tokens whose sums are made at once, in eight vectors. */
const TOKENS = 4;

/** Weights of the block's taps, a row each, and its biases. */
let weights: usize = 0, biases: usize = 0;
/**
 * Gradients in the sums of the current tokens and of those that read them; and
 * in weights and biases.
 */
let gradients: usize = 0, dweights: usize = 0;
/** A row of zeros, from which sums of input gradients begin. */
let zeros: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  layoutFrom(base);
  const taps = <usize> job.taps;
  weights = allocate(taps * ROW);
  biases = allocate(ROW);
  if (job.dy !== 0) {
    gradients = allocate((PIECE + 2 * taps) * ROW);
    dweights = allocate((taps + 1) * ROW);
    zeros = allocate(ROW);
  }
  return allocate(0);
}

function blocks(): i32 {
  return (job.channels + BLOCK - 1) / BLOCK;
}

export function tasks(phase: i32): i32 {
  if (phase === 0) return job.batch * blocks();
  return job.dy === 0 ? 0 : 1;
}

/**
 * Bytes that a sequence leaves for the second phase: gradients of each channel's
 * weights and bias.
 */
function partBytes(): usize {
  return <usize> (job.taps + 1) * job.channels * 4;
}

export function extraBytes(): usize {
  return job.dy === 0 ? 0 : job.batch * partBytes();
}

export function perform(phase: i32, task: i32): void {
  if (phase === 1) return sumParts();
  openBlock(task);
  prepareExp();
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

/** The address of the block's channels of a token. */
function rowOf(tensor: usize, token: i32): usize {
  const row = <usize> (sequence * job.length + token) * job.channels;
  return tensor + (row + channel) * 4;
}

/**
 * Whether one token is read at another: it is in the sequence, and of the same
 * segment.
 */
function isRead(from: i32, to: i32): bool {
  if (from < 0 || from >= job.length) return false;
  if (job.segments === 0) return true;
  const first = sequence * job.length;
  return at(job.segments, first + from) === at(job.segments, first + to);
}

/**
 * The taps by which a token reads its segment, or by which its segment reads it:
 * the first, and the one after the last.
 */
let firstTap: i32 = 0, lastTap: i32 = 0;

function openTaps(token: i32, first: i32, step: i32): void {
  firstTap = 0;
  lastTap = job.taps;
  while (
    firstTap < lastTap && !isRead(token + first + step * firstTap, token)
  ) {
    firstTap++;
  }
  while (
    firstTap < lastTap && !isRead(token + first + step * (lastTap - 1), token)
  ) {
    lastTap--;
  }
}

/** Whether each of some tokens reads by all taps. */
function areWhole(token: i32, tokens: i32, first: i32, step: i32): bool {
  for (let i = token; i < token + tokens; i++) {
    openTaps(i, first, step);
    if (lastTap - firstTap < job.taps) return false;
  }
  return true;
}

/**
 * Sums over all taps of {@link TOKENS} tokens, and of `bytes` bytes of each, in whole
 * pairs of vectors. `row` is what the first tap of the first token reads, `width`
 * lies between the rows of tokens, and `next` from tap to tap. Tests are at the
 * loops' ends, for the reason in vector_exp.ts.
 */
function convolveTokens(
  bytes: usize, start: usize, row: usize, width: usize, next: usize,
  target: usize, targetWidth: usize
): void {
  const taps = <usize> job.taps * ROW;
  for (let c: usize = 0; c < bytes; c += 32) {
    const start$ = v128.load(start + c, 16 * $);
    each4: {
      let sum$i_$ = start$;
    }
    let weight = weights + c, x0 = row + c;
    const end = weight + taps;
    do {
      const w$ = v128.load(weight, 16 * $);
      const x1 = x0 + width, x2 = x1 + width, x3 = x2 + width;
      each4: {
        sum$i_$ = multiplyAdd(w$, v128.load(x$i, 16 * $), sum$i_$);
      }
      weight += ROW;
      x0 += next;
    } while (weight < end);
    let y = target + c;
    each4: {
      v128.store(y, sum$i_$, 16 * $);
      y += targetWidth;
    }
  }
}

/**
 * Sums over a token's taps, from one channel of the block to before another; see
 * {@link convolveTokens}.
 */
function convolveToken(
  from: i32, to: i32, start: usize, row: usize, next: usize, target: usize
): void {
  for (let lane = from; lane < to; lane += 4) {
    const c = <usize> lane * 4, count = to - lane;
    let sum = v128.load(start + c);
    let weight = weights + <usize> firstTap * ROW + c, x = row + c;
    for (let tap = firstTap; tap < lastTap; tap++) {
      sum = multiplyAdd(v128.load(weight), loadFirst(x, count), sum);
      weight += ROW;
      x += next;
    }
    storeFirst(target + c, sum, count);
  }
}

/**
 * Sums over the taps of the tokens from one to before another, a row of the
 * block's channels each; `x` and `target` are the rows of the first.
 */
function convolveRows(
  token: i32, end: i32, first: i32, step: i32, start: usize, x: usize,
  width: usize, target: usize, targetWidth: usize
): void {
  const next = bytesBetween(step, width), offset = bytesBetween(first, width);
  const pairs = lanes & ~7;
  while (token < end) {
    const isWhole = end - token >= TOKENS &&
      areWhole(token, TOKENS, first, step);
    if (isWhole) {
      const bytes = <usize> pairs * 4, row = x + offset;
      convolveTokens(bytes, start, row, width, next, target, targetWidth);
    }
    const tokens = isWhole ? TOKENS : 1, done = isWhole ? pairs : 0;
    for (let i = 0; i < tokens; i++) {
      if (done < lanes) {
        if (!isWhole) openTaps(token, first, step);
        const row = x + offset + bytesBetween(step * firstTap, width);
        convolveToken(done, lanes, start, row, next, target);
      }
      x += width;
      target += targetWidth;
    }
    token += tokens;
  }
}

/** The bytes of `rows` rows; both may be negative. */
function bytesBetween(rows: i32, width: usize): usize {
  return <usize> (<isize> rows * <isize> width);
}

function convolve(): void {
  const width = <usize> job.channels * 4;
  for (let start = 0; start < job.length; start += PIECE) {
    const end = min(job.length, start + PIECE);
    const x = rowOf(job.x, start), y = rowOf(job.y, start);
    convolveRows(start, end, job.first, job.step, biases, x, width, y, width);
    if (job.silu !== 0) {
      for (let i = start; i < end; i++) silu(lanes, rowOf(job.y, i));
    }
    countProgress();
  }
}

/**
 * dx_t = Σ_k w_k ds_{t - first - step k}, dw_k = Σ_t ds_t x_{t + first + step k},
 * db = Σ_t ds_t
 */
function differentiate(): void {
  memory.fill(dweights, 0, <usize> (job.taps + 1) * ROW);
  memory.fill(zeros, 0, ROW);
  const reach = job.taps - 1, width = <usize> job.channels * 4;
  for (let start = 0; start < job.length; start += PIECE) {
    const end = min(job.length, start + PIECE);
    const firstGradient = max(0, start - reach);
    findGradients(firstGradient, min(job.length, end + reach));
    const own = gradients + <usize> (start - firstGradient) * ROW;
    const dx = rowOf(job.dx, start);
    convolveRows(start, end, -job.first, -job.step, zeros, own, ROW, dx, width);
    for (let tap = 0; tap < job.taps; tap++) addWeights(tap, start, end, own);
    const dbiases = dweights + <usize> job.taps * ROW;
    addRowSum(end - start, ROW, <usize> lanes * 4, own, dbiases);
    countProgress();
  }
  const part = queue.extra + <usize> sequence * partBytes();
  for (let tap = 0; tap <= job.taps; tap++) {
    const target = part + <usize> (tap * job.channels + channel) * 4;
    memory.copy(target, dweights + <usize> tap * ROW, <usize> lanes * 4);
  }
}

/** Computes the gradients in the sums of the tokens from `start` to before `end`. */
function findGradients(start: i32, end: i32): void {
  const width = <usize> job.channels * 4;
  const x = rowOf(job.x, start);
  if (job.silu !== 0) {
    convolveRows(start, end, job.first, job.step, biases, x, width, gradients, ROW);
  }
  let gradient = gradients, dy = rowOf(job.dy, start);
  for (let token = start; token < end; token++) {
    if (job.silu !== 0) siluGradient(lanes, gradient, dy);
    else memory.copy(gradient, dy, <usize> lanes * 4);
    gradient += ROW;
    dy += width;
  }
}

/**
 * Adds the current tokens' part to the gradient in a tap; `own` is the gradient
 * in the first one's sums.
 */
function addWeights(tap: i32, start: i32, end: i32, own: usize): void {
  const offset = job.first + job.step * tap;
  const target = dweights + <usize> tap * ROW;
  for (let token = start; token < end;) {
    if (!isRead(token + offset, token)) {
      token++;
      continue;
    }
    let after = token + 1;
    while (after < end && isRead(after + offset, after)) after++;
    const gradient = own + <usize> (token - start) * ROW;
    addProducts(after - token, gradient, rowOf(job.x, token + offset), target);
    token = after;
  }
}

/**
 * target += Σ_i g_i x_i, over rows of the block's channels; gradients are
 * gradients in sums.
 */
function addProducts(rows: i32, gradient: usize, x: usize, target: usize): void {
  const width = <usize> job.channels * 4;
  const pairs = <usize> (lanes & ~7) * 4;
  for (let c: usize = 0; c < pairs; c += 32) {
    each4: {
      let sum$i_$ = f32x4.splat(0);
    }
    sum0_$ = v128.load(target + c, 16 * $);
    let s = gradient + c, row = x + c;
    const fours = s + <usize> (rows & ~3) * ROW, end = s + <usize> rows * ROW;
    if (s < fours) {
      do {
        each4: {
          const s$i_$ = v128.load(s, 16 * $ + $i * ROW);
          sum$i_$ = multiplyAdd(s$i_$, v128.load(row, 16 * $), sum$i_$);
          row += width;
        }
        s += 4 * ROW;
      } while (s < fours);
    }
    if (s < end) {
      do {
        const s$ = v128.load(s, 16 * $);
        sum0_$ = multiplyAdd(s$, v128.load(row, 16 * $), sum0_$);
        s += ROW;
        row += width;
      } while (s < end);
    }
    const sum$ = f32x4.add(
      f32x4.add(sum0_$, sum1_$), f32x4.add(sum2_$, sum3_$)
    );
    v128.store(target + c, sum$, 16 * $);
  }
  for (let lane = lanes & ~7; lane < lanes; lane += 4) {
    const c = <usize> lane * 4;
    let sum = v128.load(target + c), s = gradient + c, row = x + c;
    for (let i = 0; i < rows; i++) {
      sum = multiplyAdd(v128.load(s), loadFirst(row, lanes - lane), sum);
      s += ROW;
      row += width;
    }
    v128.store(target + c, sum);
  }
}

/** Sums the gradients in weights and biases over the sequences. */
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

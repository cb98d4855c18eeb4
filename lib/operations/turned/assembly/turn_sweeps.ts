// Vectors as sweeps read them: queries and keys turned by the sum of the angles up to
// each token, and values with a weight each, from the first token on and, if tokens
// have weights for that, from the last one back; and the gradient.
import { turnSweeps as job } from "./records";
import {
  addRow, addScaledRow, copyRow, dotFloats, scaleRow
} from "../../../tfjs/wasm/assembly/math/loops";
import { at, put } from "../../../tfjs/wasm/assembly/math/matrix";
import {
  loadFirst, multiplyAdd, storeFirst, vectorBytes
} from "../../../tfjs/wasm/assembly/math/simd";
import { partsAtOnce } from "../../../tfjs/wasm/assembly/runtime/parts";
import {
  layoutFrom, allocate
} from "../../../tfjs/wasm/assembly/runtime/scratch";

/** The sums of the angles so far, without whole turns, in 64 bits. */
let sums: usize = 0;

/**
 * A cosine and a signed sine for each channel, as a token's vectors are turned on the
 * way from the first one, and from the last one: by less the angle of the token before.
 */
let cosines: usize = 0, sines: usize = 0;
let backCosines: usize = 0, backSines: usize = 0;

/** The gradients of the angles by which a token's vectors are turned. */
let angleGradients: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layout(base: usize): usize {
  layoutFrom(base);
  const bytes = channelBytes();
  sums = allocate(bytes);
  cosines = allocate(bytes);
  sines = allocate(bytes);
  backCosines = allocate(bytes);
  backSines = allocate(bytes);
  angleGradients = allocate(bytes);
  return allocate(0);
}

/** Bytes of a row of channels, two for each of whole vectors of angles. */
function channelBytes(): usize {
  return max(vectorBytes(job.headDim), 2 * vectorBytes(job.angles));
}

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.batch * job.heads, 1);
}

export function perform(_phase: i32, sequence: i32): void {
  const length = job.length;
  const segments = job.segments + (<usize> (sequence / job.heads * length) << 2);
  const isGradient = job.dq !== 0;
  memory.fill(sines, 0, channelBytes());
  for (let channel = 0; channel < job.headDim; channel++) put(cosines, channel, 1);
  let first = 0;
  for (let t = 0; t < length; t++) {
    const isFirst = t === 0 ||
      job.segments !== 0 && at(segments, t) !== at(segments, t - 1);
    const token = sequence * length + t;
    if (isFirst) {
      first = token;
      begin();
    } else if (job.angles > 0) turnBackwards();
    if (job.angles > 0) advance(job.phase + rowOf(token, job.angles));
    if (isGradient) gradientOf(token, t, first);
    else turnToken(token, t);
  }
  if (isGradient && job.angles > 0) sumAngles(sequence * length, segments);
}

/** The offset of a token's row of so many floats. */
// @ts-ignore: decorator
@inline
function rowOf(token: i32, columns: i32): usize {
  return <usize> token * (<usize> columns << 2);
}

/** The place of a token of a sequence in the sweep from the last one back. */
function backPlace(token: i32, t: i32): i32 {
  return job.batch * job.heads * job.length + token - t + job.length - 1 - t;
}

/** Before a sequence's first token, nothing is turned. */
function begin(): void {
  const bytes = channelBytes();
  memory.fill(sums, 0, bytes);
  memory.fill(backSines, 0, bytes);
  for (let channel = 0; channel < job.headDim; channel++) {
    put(backCosines, channel, 1);
  }
}

/** The way from the last token is that of the token before, reversed. */
function turnBackwards(): void {
  const end = cosines + channelBytes();
  let sine = sines, backCosine = backCosines, backSine = backSines;
  for (let cosine = cosines; cosine < end; cosine += 16) {
    v128.store(backCosine, v128.load(cosine));
    v128.store(backSine, f32x4.neg(v128.load(sine)));
    sine += 16;
    backCosine += 16;
    backSine += 16;
  }
}

/** Adds a token's angles to the sums, and computes their cosines and sines. */
function advance(phase: usize): void {
  let sum = sums, cosine = cosines, sine = sines;
  for (let count = job.angles; count > 0; count -= 4) {
    const angles = loadFirst(phase, count);
    const first = advanced(sum, f64x2.promote_low_f32x4(angles));
    const others = i32x4.shuffle(angles, angles, 2, 3, 2, 3);
    const second = advanced(sum + 16, f64x2.promote_low_f32x4(others));
    turnsOf(first, second, cosine, sine);
    phase += 16;
    sum += 32;
    cosine += 32;
    sine += 32;
  }
}

const TURN: f64 = 6.283185307179586, QUARTER: f64 = 1.5707963267948966;

/** Adds two angles to a sum, without whole turns, at most half a one. */
function advanced(sum: usize, angles: v128): v128 {
  const all = f64x2.add(v128.load(sum), angles);
  const turns = f64x2.nearest(f64x2.mul(all, f64x2.splat(1 / TURN)));
  const rest = f64x2.sub(all, f64x2.mul(turns, f64x2.splat(TURN)));
  v128.store(sum, rest);
  return rest;
}

/**
 * Stores cosines and signed sines of four angles, each for two channels. Cephes' sinf
 * and cosf, from the nearest quarter of a turn on.
 */
function turnsOf(first: v128, second: v128, cosine: usize, sine: usize): void {
  const perQuarter = f64x2.splat(1 / QUARTER), quarter = f64x2.splat(QUARTER);
  const n = f64x2.nearest(f64x2.mul(first, perQuarter));
  const m = f64x2.nearest(f64x2.mul(second, perQuarter));
  const r = i32x4.shuffle(
    f32x4.demote_f64x2_zero(f64x2.sub(first, f64x2.mul(n, quarter))),
    f32x4.demote_f64x2_zero(f64x2.sub(second, f64x2.mul(m, quarter))),
    0, 1, 4, 5
  );
  const quarters = i32x4.shuffle(
    i32x4.trunc_sat_f64x2_s_zero(n), i32x4.trunc_sat_f64x2_s_zero(m), 0, 1, 4, 5
  );
  const square = f32x4.mul(r, r);
  let p = f32x4.splat(-1.9515295891e-4);
  p = multiplyAdd(p, square, f32x4.splat(8.3321608736e-3));
  p = multiplyAdd(p, square, f32x4.splat(-1.6666654611e-1));
  const sinR = multiplyAdd(f32x4.mul(p, square), r, r);
  p = f32x4.splat(2.443315711809948e-5);
  p = multiplyAdd(p, square, f32x4.splat(-1.388731625493765e-3));
  p = multiplyAdd(p, square, f32x4.splat(4.166664568298827e-2));
  p = multiplyAdd(p, square, f32x4.splat(-0.5));
  const cosR = multiplyAdd(p, square, f32x4.splat(1));
  const one = i32x4.splat(1), two = i32x4.splat(2);
  const isOdd = i32x4.eq(v128.and(quarters, one), one);
  const sinSign = i32x4.shl(v128.and(quarters, two), 30);
  const cosSign = i32x4.shl(v128.and(i32x4.add(quarters, one), two), 30);
  const s = v128.xor(v128.bitselect(cosR, sinR, isOdd), sinSign);
  const c = v128.xor(v128.bitselect(sinR, cosR, isOdd), cosSign);
  const signs = i32x4(0x80000000, 0, 0x80000000, 0);
  v128.store(cosine, i32x4.shuffle(c, c, 0, 0, 1, 1));
  v128.store(cosine, i32x4.shuffle(c, c, 2, 2, 3, 3), 16);
  v128.store(sine, v128.xor(i32x4.shuffle(s, s, 0, 0, 1, 1), signs));
  v128.store(sine, v128.xor(i32x4.shuffle(s, s, 2, 2, 3, 3), signs), 16);
}

/** The channels of each pair in the other order. */
// @ts-ignore: decorator
@inline
function swapped(x: v128): v128 {
  return i32x4.shuffle(x, x, 1, 0, 3, 2);
}

function turnToken(token: i32, t: i32): void {
  const headDim = job.headDim, channels = rowOf(token, headDim);
  const b = job.b + channels, c = job.c + channels;
  turnRows(b, c, cosines, sines, token);
  scaleValues(token, job.after, token);
  put(job.products, token, dotFloats(headDim, b, c));
  if (job.before === 0) return;
  const back = backPlace(token, t);
  turnRows(b, c, backCosines, backSines, back);
  scaleValues(token, job.before, back);
}

function scaleValues(token: i32, weights: usize, place: i32): void {
  const columns = job.valueDim, x = job.x + rowOf(token, columns);
  scaleRow(columns, at(weights, token), x, job.v + rowOf(place, columns));
}

/** Turns a token's two vectors, and puts them in their place in a sweep. */
function turnRows(
  b: usize, c: usize, cosine: usize, sine: usize, place: i32
): void {
  let q = job.q + rowOf(place, job.headDim);
  let k = job.k + rowOf(place, job.headDim);
  if (job.angles === 0) {
    copyRow(job.headDim, c, q);
    return copyRow(job.headDim, b, k);
  }
  for (let count = job.headDim; count > 0; count -= 4) {
    const cosines = v128.load(cosine), sines = v128.load(sine);
    const key = loadFirst(b, count), query = loadFirst(c, count);
    const turnedKey = multiplyAdd(swapped(key), sines, f32x4.mul(key, cosines));
    const turnedQuery =
      multiplyAdd(swapped(query), sines, f32x4.mul(query, cosines));
    storeFirst(k, turnedKey, count);
    storeFirst(q, turnedQuery, count);
    b += 16;
    c += 16;
    cosine += 16;
    sine += 16;
    k += 16;
    q += 16;
  }
}

/** Computes the gradients of a token; its segment begins at the token `first`. */
function gradientOf(token: i32, t: i32, first: i32): void {
  const columns = job.valueDim, row = rowOf(token, columns);
  const x = job.x + row, dx = job.dx + row, dv = job.dv + row;
  scaleRow(columns, at(job.after, token), dv, dx);
  put(job.dafter, token, dotFloats(columns, x, dv));
  const channels = rowOf(token, job.headDim), dproduct = at(job.dproducts, token);
  scaleRow(job.headDim, dproduct, job.c + channels, job.db + channels);
  scaleRow(job.headDim, dproduct, job.b + channels, job.dc + channels);
  const angles = job.angles, dangles = job.dphase + rowOf(token, angles);
  memory.fill(dangles, 0, <usize> angles << 2);
  addGradients(token, token, cosines, sines);
  if (token > first) {
    addRow(angles, angleGradients, dangles);
    // Turning all vectors changes nothing: the first one's angle has no gradient.
    addScaledRow(angles, -1, angleGradients, job.dphase + rowOf(first, angles));
  }
  if (job.before === 0) return;
  const back = backPlace(token, t), dback = job.dv + rowOf(back, columns);
  addScaledRow(columns, at(job.before, token), dback, dx);
  put(job.dbefore, token, dotFloats(columns, x, dback));
  addGradients(token, back, backCosines, backSines);
  if (token > first) {
    addScaledRow(angles, -1, angleGradients, job.dphase + rowOf(token - 1, angles));
  }
}

/**
 * Adds the gradients of a token's two vectors from its place in a sweep, turned back,
 * and notes those of the angles by which they were turned.
 */
function addGradients(
  token: i32, place: i32, cosine: usize, sine: usize
): void {
  const headDim = job.headDim, channels = rowOf(token, headDim);
  let b = job.b + channels, db = job.db + channels;
  let c = job.c + channels, dc = job.dc + channels;
  let dk = job.dk + rowOf(place, headDim), dq = job.dq + rowOf(place, headDim);
  let target = angleGradients;
  for (let count = headDim; count > 0; count -= 4) {
    const cosines = v128.load(cosine), sines = v128.load(sine);
    const key = loadFirst(dk, count), query = loadFirst(dq, count);
    const ofKey = f32x4.sub(
      f32x4.mul(key, cosines), f32x4.mul(swapped(key), sines)
    );
    const ofQuery = f32x4.sub(
      f32x4.mul(query, cosines), f32x4.mul(swapped(query), sines)
    );
    storeFirst(db, f32x4.add(loadFirst(db, count), ofKey), count);
    storeFirst(dc, f32x4.add(loadFirst(dc, count), ofQuery), count);
    const crossed = multiplyAdd(
      loadFirst(b, count), swapped(ofKey),
      f32x4.mul(loadFirst(c, count), swapped(ofQuery))
    );
    const difference = f32x4.sub(crossed, swapped(crossed));
    v128.store64_lane(target, i32x4.shuffle(difference, difference, 0, 2, 0, 2), 0);
    target += 8;
    b += 16;
    c += 16;
    cosine += 16;
    sine += 16;
    dk += 16;
    dq += 16;
    db += 16;
    dc += 16;
  }
}

/** The gradient of an angle is the sum of those of its own sums, up to its segment's last. */
function sumAngles(first: i32, segments: usize): void {
  const angles = job.angles;
  for (let t = job.length - 2; t >= 0; t--) {
    if (job.segments !== 0 && at(segments, t) !== at(segments, t + 1)) continue;
    let row = job.dphase + rowOf(first + t, angles), next = row + (<usize> angles << 2);
    for (let count = angles; count > 0; count -= 4) {
      storeFirst(row, f32x4.add(loadFirst(row, count), loadFirst(next, count)), count);
      row += 16;
      next += 16;
    }
  }
}

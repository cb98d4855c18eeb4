// The recurrent form's backward pass. Each sweep keeps a state for every
// √length tokens; then it goes back, recomputes those between, piece by piece,
// and carries the gradient in the state. As in the forward pass the sweeps meet
// in the middle, and then add to what the other wrote.
import {
  causal,
  chunkSize,
  columnsStride,
  decays,
  headBytes,
  length,
  valueBytes,
} from "./attention";
import { gradientRow } from "./inside_gradient";
import { attention as job } from "./jobs";
import { put } from "./matrix";
import {
  back,
  decay,
  k,
  layoutSweep,
  lineBytes,
  lines,
  middle,
  openSweep,
  openToken,
  ownScore,
  q,
  sweepBytes,
  sweepRecord,
  token,
  values,
  write,
} from "./recurrent";
import { multiplyAdd, sum4 } from "./simd";
import { countProgress } from "./threads";

/** The states before the tokens of a piece. */
let states: usize = 0;
/** The loss gradient in the token's sums, a number for each line. */
let gradients: usize = 0;
let dq: usize = 0;
let dk: usize = 0;
let dv: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutRecurrentBackward(base: usize): usize {
  gradients = (layoutSweep(base) + 63) & ~63;
  dv = gradients + columnsStride;
  dq = (dv + <usize> lines * 4 + 31) & ~31;
  dk = dq + lineBytes;
  states = (dk + lineBytes + 63) & ~63;
  return states + <usize> chunkSize * sweepBytes;
}

/** Pieces between states that are kept. */
function pieces(): i32 {
  return (length + chunkSize - 1) / chunkSize;
}

/** What a sweep keeps: the gradient in its state, and the states before its pieces. */
export function recurrentBackwardRecordBytes(): usize {
  return <usize> (1 + pieces()) * sweepBytes;
}

/** One phase of a sweep. */
export function differentiateRecurrent(
  sequence: i32,
  isBack: bool,
  phase: i32,
): void {
  openSweep(sequence, isBack);
  memory.fill(gradients, 0, columnsStride);
  const bytes = recurrentBackwardRecordBytes();
  const carried = sweepRecord(sequence, isBack, bytes);
  const kept = carried + sweepBytes;
  if (phase === 0) {
    memory.fill(carried, 0, sweepBytes);
    keepStates(kept);
  }
  const meet = causal ? 0 : middle();
  const first = phase === 0 ? meet : 0, end = phase === 0 ? length : meet;
  for (let piece = pieces() - 1; piece >= 0; piece--) {
    const from = piece * chunkSize, to = min(end, from + chunkSize);
    if (to <= first || from >= end) continue;
    memory.copy(states, kept + <usize> piece * sweepBytes, sweepBytes);
    for (let position = from; position < to - 1; position++) {
      openToken(position);
      const state = states + <usize> (position - from) * sweepBytes;
      write(state, state + sweepBytes);
    }
    for (let position = to - 1; position >= max(from, first); position--) {
      openToken(position);
      differentiate(states + <usize> (position - from) * sweepBytes, carried);
      storeRows(phase);
    }
    countProgress();
  }
}

/** Sweeps once to keep the states before each piece. */
function keepStates(kept: usize): void {
  memory.fill(states, 0, sweepBytes);
  const last = (pieces() - 1) * chunkSize;
  for (let position = 0; position <= last; position++) {
    if (position % chunkSize === 0) {
      memory.copy(kept, states, sweepBytes);
      kept += sweepBytes;
      countProgress();
    }
    openToken(position);
    write(states, states);
  }
}

/**
 * A token's gradients. With the state S before it, the gradient C in the state
 * after it, and g in its sums (all but the forward sweep's own part):
 *
 *     dq = a Sᵀ g, dk = Cᵀ v, dv = C k; E = C + g qᵀ; dlog(a) = a ⟨S, E⟩; C' = a E
 */
function differentiate(state: usize, carried: usize): void {
  gradientRow(token, gradients);
  memory.fill(dq, 0, 2 * lineBytes);
  const a = f32x4.splat(decay);
  let inner0 = f32x4.splat(0), inner1 = inner0;
  for (let line = 0; line < lines; line += 2) {
    const v0 = v128.load32_splat(values + 4 * line);
    const v1 = v128.load32_splat(values + 4 * line, 4);
    const g0 = v128.load32_splat(gradients + 4 * line);
    const g1 = v128.load32_splat(gradients + 4 * line, 4);
    let sum00 = f32x4.splat(0), sum01 = sum00, sum10 = sum00, sum11 = sum00;
    for (let c: usize = 0; c < lineBytes; c += 32) {
      const q0 = v128.load(q + c), q1 = v128.load(q + c, 16);
      const k0 = v128.load(k + c), k1 = v128.load(k + c, 16);
      let dq0 = v128.load(dq + c), dq1 = v128.load(dq + c, 16);
      let dk0 = v128.load(dk + c), dk1 = v128.load(dk + c, 16);
      const s = state + c, t = s + lineBytes;
      const x = carried + c, y = x + lineBytes;
      const s0 = v128.load(s), s1 = v128.load(s, 16);
      const x0 = v128.load(x), x1 = v128.load(x, 16);
      dq0 = multiplyAdd(s0, g0, dq0);
      dq1 = multiplyAdd(s1, g0, dq1);
      dk0 = multiplyAdd(x0, v0, dk0);
      dk1 = multiplyAdd(x1, v0, dk1);
      sum00 = multiplyAdd(x0, k0, sum00);
      sum01 = multiplyAdd(x1, k1, sum01);
      const e0 = multiplyAdd(q0, g0, x0), e1 = multiplyAdd(q1, g0, x1);
      inner0 = multiplyAdd(s0, e0, inner0);
      inner1 = multiplyAdd(s1, e1, inner1);
      const u0 = f32x4.mul(e0, a), u1 = f32x4.mul(e1, a);
      v128.store(x, u0);
      v128.store(x, u1, 16);
      const t0 = v128.load(t), t1 = v128.load(t, 16);
      const y0 = v128.load(y), y1 = v128.load(y, 16);
      dq0 = multiplyAdd(t0, g1, dq0);
      dq1 = multiplyAdd(t1, g1, dq1);
      dk0 = multiplyAdd(y0, v1, dk0);
      dk1 = multiplyAdd(y1, v1, dk1);
      sum10 = multiplyAdd(y0, k0, sum10);
      sum11 = multiplyAdd(y1, k1, sum11);
      const f0 = multiplyAdd(q0, g1, y0), f1 = multiplyAdd(q1, g1, y1);
      inner0 = multiplyAdd(t0, f0, inner0);
      inner1 = multiplyAdd(t1, f1, inner1);
      const w0 = f32x4.mul(f0, a), w1 = f32x4.mul(f1, a);
      v128.store(y, w0);
      v128.store(y, w1, 16);
      v128.store(dq + c, dq0);
      v128.store(dq + c, dq1, 16);
      v128.store(dk + c, dk0);
      v128.store(dk + c, dk1, 16);
    }
    put(dv, line, sum4(f32x4.add(sum00, sum01)));
    put(dv, line + 1, sum4(f32x4.add(sum10, sum11)));
    state += 2 * lineBytes;
    carried += 2 * lineBytes;
  }
  if (decays) {
    const inner = decay * sum4(f32x4.add(inner0, inner1));
    put(back ? job.db : job.df, token, inner);
  }
  for (let c: usize = 0; c < lineBytes; c += 16) {
    v128.store(dq + c, f32x4.mul(v128.load(dq + c), a));
  }
  if (!back) addOwn();
}

/** The token's own part: dq += (g · v) k, dk += (g · v) q, dv += (q · k) g. */
function addOwn(): void {
  let product = f32x4.splat(0);
  const score = f32x4.splat(ownScore()), bytes = <usize> lines * 4;
  for (let i: usize = 0; i < bytes; i += 16) {
    const g = v128.load(gradients + i);
    product = multiplyAdd(g, v128.load(values + i), product);
    v128.store(dv + i, multiplyAdd(g, score, v128.load(dv + i)));
  }
  const own = f32x4.splat(sum4(product));
  for (let c: usize = 0; c < lineBytes; c += 16) {
    const ofQ = multiplyAdd(v128.load(k + c), own, v128.load(dq + c));
    const ofK = multiplyAdd(v128.load(q + c), own, v128.load(dk + c));
    v128.store(dq + c, ofQ);
    v128.store(dk + c, ofK);
  }
}

function storeRows(phase: i32): void {
  const head = <usize> token * headBytes, adds = phase === 1;
  storeRow(dq, job.dq + head, headBytes, adds);
  storeRow(dk, job.dk + head, headBytes, adds);
  storeRow(dv, job.dv + <usize> token * valueBytes, valueBytes, adds);
}

function storeRow(source: usize, to: usize, bytes: usize, adds: bool): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const x = v128.load(source + i);
    v128.store(to + i, adds ? f32x4.add(x, v128.load(to + i)) : x);
  }
  for (; i < bytes; i += 4) {
    const x = load<f32>(source + i);
    store<f32>(to + i, adds ? x + load<f32>(to + i) : x);
  }
}

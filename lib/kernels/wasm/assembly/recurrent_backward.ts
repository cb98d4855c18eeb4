// The recurrent form's backward pass. Each sweep keeps a state for every
// √length tokens; then it goes back, recomputes those between, piece by piece,
// and carries the gradient in the state. As in the forward pass the sweeps meet
// in the middle, and then add to what the other wrote.
import * as sizes from "./attention";
import { gradientRow } from "./inside_gradient";
import { attention as job } from "./jobs";
import { put } from "./matrix";
import * as sweep from "./recurrent";
import { multiplyAdd, sum4 } from "./simd";
import { countProgress } from "./progress";

/** The states before the tokens of a piece. */
let states: usize = 0;
/** The loss gradient in the token's sums, a number for each line. */
let gradients: usize = 0;
let dq: usize = 0;
let dk: usize = 0;
let dv: usize = 0;

/** Lays out a thread's scratch; returns its end. */
export function layoutRecurrentBackward(base: usize): usize {
  gradients = (sweep.layoutSweep(base) + 63) & ~63;
  dv = gradients + sizes.columnsStride;
  dq = (dv + <usize> sweep.lines * 4 + 31) & ~31;
  dk = dq + sweep.lineBytes;
  states = (dk + sweep.lineBytes + 63) & ~63;
  return states + <usize> sizes.chunkSize * sweep.sweepBytes;
}

/** Pieces between states that are kept. */
function pieces(): i32 {
  return (sizes.length + sizes.chunkSize - 1) / sizes.chunkSize;
}

/** What a sweep keeps: the gradient in its state, and the states before its pieces. */
export function recurrentBackwardRecordBytes(): usize {
  return <usize> (1 + pieces()) * sweep.sweepBytes;
}

/** One phase of a sweep. */
export function differentiateRecurrent(
  sequence: i32,
  isBack: bool,
  phase: i32,
): void {
  sweep.openSweep(sequence, isBack);
  memory.fill(gradients, 0, sizes.columnsStride);
  const bytes = recurrentBackwardRecordBytes();
  const carried = sweep.sweepRecord(sequence, isBack, bytes);
  const kept = carried + sweep.sweepBytes;
  if (phase === 0) {
    memory.fill(carried, 0, sweep.sweepBytes);
    keepStates(kept);
  }
  const meet = sizes.causal ? 0 : sweep.middle();
  const first = phase === 0 ? meet : 0, end = phase === 0 ? sizes.length : meet;
  for (let piece = pieces() - 1; piece >= 0; piece--) {
    const from = piece * sizes.chunkSize, to = min(end, from + sizes.chunkSize);
    if (to <= first || from >= end) continue;
    memory.copy(
      states,
      kept + <usize> piece * sweep.sweepBytes,
      sweep.sweepBytes,
    );
    for (let position = from; position < to - 1; position++) {
      sweep.openToken(position);
      const state = states + <usize> (position - from) * sweep.sweepBytes;
      sweep.write(state, state + sweep.sweepBytes);
    }
    for (let position = to - 1; position >= max(from, first); position--) {
      sweep.openToken(position);
      differentiate(
        states + <usize> (position - from) * sweep.sweepBytes,
        carried,
      );
      storeRows(phase);
    }
    countProgress();
  }
}

/** Sweeps once to keep the states before each piece. */
function keepStates(kept: usize): void {
  memory.fill(states, 0, sweep.sweepBytes);
  const last = (pieces() - 1) * sizes.chunkSize;
  for (let position = 0; position <= last; position++) {
    if (position % sizes.chunkSize === 0) {
      memory.copy(kept, states, sweep.sweepBytes);
      kept += sweep.sweepBytes;
      countProgress();
    }
    sweep.openToken(position);
    sweep.write(states, states);
  }
}

/**
 * A token's gradients. With the state S before it, the gradient C in the state
 * after it, and g in its sums (all but the forward sweep's own part):
 *
 *     dq = a Sᵀ g, dk = Cᵀ v, dv = C k; E = C + g qᵀ; dlog(a) = a ⟨S, E⟩; C' = a E
 */
function differentiate(state: usize, carried: usize): void {
  gradientRow(sweep.token, gradients);
  memory.fill(dq, 0, 2 * sweep.lineBytes);
  const a = f32x4.splat(sweep.decay);
  let inner0 = f32x4.splat(0), inner1 = inner0;
  for (let line = 0; line < sweep.lines; line += 2) {
    const v0 = v128.load32_splat(sweep.values + 4 * line);
    const v1 = v128.load32_splat(sweep.values + 4 * line, 4);
    const g0 = v128.load32_splat(gradients + 4 * line);
    const g1 = v128.load32_splat(gradients + 4 * line, 4);
    let sum00 = f32x4.splat(0), sum01 = sum00, sum10 = sum00, sum11 = sum00;
    for (let c: usize = 0; c < sweep.lineBytes; c += 32) {
      const q0 = v128.load(sweep.q + c), q1 = v128.load(sweep.q + c, 16);
      const k0 = v128.load(sweep.k + c), k1 = v128.load(sweep.k + c, 16);
      let dq0 = v128.load(dq + c), dq1 = v128.load(dq + c, 16);
      let dk0 = v128.load(dk + c), dk1 = v128.load(dk + c, 16);
      const s = state + c, t = s + sweep.lineBytes;
      const x = carried + c, y = x + sweep.lineBytes;
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
    state += 2 * sweep.lineBytes;
    carried += 2 * sweep.lineBytes;
  }
  if (sizes.decays) {
    const inner = sweep.decay * sum4(f32x4.add(inner0, inner1));
    put(sweep.back ? job.db : job.df, sweep.token, inner);
  }
  for (let c: usize = 0; c < sweep.lineBytes; c += 16) {
    v128.store(dq + c, f32x4.mul(v128.load(dq + c), a));
  }
  if (!sweep.back) addOwn();
}

/** The token's own part: dq += (g · v) k, dk += (g · v) q, dv += (q · k) g. */
function addOwn(): void {
  let product = f32x4.splat(0);
  const score = f32x4.splat(sweep.ownScore()), bytes = <usize> sweep.lines * 4;
  for (let i: usize = 0; i < bytes; i += 16) {
    const g = v128.load(gradients + i);
    product = multiplyAdd(g, v128.load(sweep.values + i), product);
    v128.store(dv + i, multiplyAdd(g, score, v128.load(dv + i)));
  }
  const own = f32x4.splat(sum4(product));
  for (let c: usize = 0; c < sweep.lineBytes; c += 16) {
    const ofQ = multiplyAdd(v128.load(sweep.k + c), own, v128.load(dq + c));
    const ofK = multiplyAdd(v128.load(sweep.q + c), own, v128.load(dk + c));
    v128.store(dq + c, ofQ);
    v128.store(dk + c, ofK);
  }
}

function storeRows(phase: i32): void {
  const head = <usize> sweep.token * sizes.headBytes, adds = phase === 1;
  storeRow(dq, job.dq + head, sizes.headBytes, adds);
  storeRow(dk, job.dk + head, sizes.headBytes, adds);
  storeRow(
    dv,
    job.dv + <usize> sweep.token * sizes.valueBytes,
    sizes.valueBytes,
    adds,
  );
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

// The selective scan's forward pass.
import { selectiveScan as job } from "./records";
import {
  a1, a2, a3, a4, a5, leastExponent, one, fastExp2, prepareExp, rounder
} from "../../../tfjs/wasm/assembly/math/vector_exp";
import * as scan from "./scan";
import { allocate } from "../../../tfjs/wasm/assembly/runtime/scratch";
import {
  multiplyAdd, sigmoid4
} from "../../../tfjs/wasm/assembly/math/simd";
import { countProgress } from "../../../tfjs/wasm/assembly/runtime/progress";

/** Lays out a thread's scratch; returns its end. */
export function layoutScanForward(base: usize): usize {
  scan.layoutScan(base);
  return allocate(0);
}

/** Scans a block of channels. */
export function scanForward(task: i32): void {
  prepareExp();
  scan.openChannels(task);
  for (let chunk = 0; chunk < scan.chunksOfScan(); chunk++) {
    scan.openScanChunk(chunk);
    for (let group = 0; group < scan.groups; group++) {
      scan.openGroup(group);
      if (job.states !== 0) {
        memory.copy(scan.keptStates(), scan.states, scan.stateBytes);
      }
      scan.gatherRows(job.x, scan.x);
      scan.gatherRows(job.dt, scan.dt);
      for (let first = 0; first < scan.count;) {
        const end = scan.endOfRun(first);
        if (scan.begins(first)) memory.fill(scan.states, 0, scan.stateBytes);
        scanTokens(first, end);
        first = end;
      }
      if (job.z !== 0) {
        scan.gatherRows(job.z, scan.z);
        gate();
      }
      scan.scatterRows(scan.y, job.y);
    }
    countProgress();
  }
}

/** h = e^{Δ a} h + Δ x b and y = c · h + d x, token by token. */
function scanTokens(first: i32, end: i32): void {
  const least = f32x4.splat(leastExponent), round = f32x4.splat(rounder);
  const unit = f32x4.splat(one), c1 = f32x4.splat(a1), c2 = f32x4.splat(a2);
  const c3 = f32x4.splat(a3), c4 = f32x4.splat(a4), c5 = f32x4.splat(a5);
  const next = scan.nextRow(),
    from = scan.states,
    to = scan.states + scan.stateBytes,
    rates = scan.rates;
  const d$ = v128.load(scan.skips, 16 * $);
  let own = <usize> first * scan.PAIR, writing = scan.rowOf(job.b, first);
  let reading = scan.rowOf(job.c, first);
  const last = <usize> end * scan.PAIR;
  do {
    const dt$ = v128.load(scan.dt + own, 16 * $);
    const x$ = v128.load(scan.x + own, 16 * $);
    const u$ = f32x4.mul(dt$, x$);
    let y$ = f32x4.mul(d$, x$);
    let state = from, rate = rates, b = writing, c = reading;
    do {
      const r$ = v128.load(rate, 16 * $);
      const h$ = v128.load(state, 16 * $);
      const w = v128.load32_splat(b), v = v128.load32_splat(c);
      const e$ = fastExp2(
        f32x4.mul(dt$, r$), least, round, unit, c1, c2, c3, c4, c5
      );
      const s$ = multiplyAdd(e$, h$, f32x4.mul(u$, w));
      v128.store(state, s$, 16 * $);
      y$ = multiplyAdd(s$, v, y$);
      state += scan.PAIR;
      rate += scan.PAIR;
      b += 4;
      c += 4;
    } while (state < to);
    v128.store(scan.y + own, y$, 16 * $);
    own += scan.PAIR;
    writing += next;
    reading += next;
  } while (own < last);
}

/** y = y z σ(z) */
function gate(): void {
  const bytes = <usize> scan.count * scan.PAIR;
  for (let i: usize = 0; i < bytes; i += 16) {
    const own = v128.load(scan.z + i);
    const weight = f32x4.mul(own, sigmoid4(own));
    v128.store(scan.y + i, f32x4.mul(v128.load(scan.y + i), weight));
  }
}

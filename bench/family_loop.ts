/**
 * Linear transformers as loops over their recurrence in float64: the reference
 * that the results of all contenders are compared with.
 *
 *     S_i = (I - β_i k_i k_iᵀ) diag(e^{g_i}) S_{i-1} + β_i k_i v_iᵀ    y_i = S_iᵀ q_i
 *
 * from both ends, what a token has written itself counted once. Without the
 * delta rule it is S_i = diag(e^{g_i}) S_{i-1} + k_i v_iᵀ.
 *
 * @module
 */
import type { FamilyProblem } from "./family_problem.ts";

/** Tokens whose states are kept at once; otherwise only those between such blocks are. */
const BLOCK = 64;

/** The output and the gradients of the inputs, as flat as these. */
export type FamilyResult =
  & Readonly<Record<"y" | "q" | "k" | "v" | "logDecay", Float64Array>>
  & { readonly beta: Float64Array | null };

/** Solves a problem. */
export function familyLoop(problem: FamilyProblem): FamilyResult {
  const zeros = (like: Float32Array) => new Float64Array(like.length);
  const { q, k, v, beta, logDecay } = problem;
  const result: FamilyResult = {
    y: zeros(v),
    q: zeros(q),
    k: zeros(k),
    v: zeros(v),
    logDecay: zeros(logDecay),
    beta: beta && zeros(beta),
  };
  for (let head = 0; head < problem.heads; head++) {
    sweep(problem, head, false, result);
    sweep(problem, head, true, result);
  }
  takeOwnOnce(problem, result);
  return result;
}

function sweep(
  problem: FamilyProblem,
  head: number,
  reversed: boolean,
  result: FamilyResult,
): void {
  const { length, dim } = problem;
  const tokenAt = (step: number) =>
    head * length + (reversed ? length - 1 - step : step);
  const state = new Float64Array(dim * dim);
  const borders: Float64Array[] = [];
  for (let step = 0; step < length; step++) {
    if (step % BLOCK === 0) borders.push(state.slice());
    pass(problem, tokenAt(step), state);
    read(problem, tokenAt(step), state, result.y);
  }
  const slope = new Float64Array(dim * dim);
  for (let block = borders.length - 1; block >= 0; block--) {
    const state = borders[block]!;
    const before: Float64Array[] = [];
    const end = Math.min(length, (block + 1) * BLOCK);
    for (let step = block * BLOCK; step < end; step++) {
      before.push(state.slice());
      pass(problem, tokenAt(step), state);
    }
    for (let step = end - 1; step >= block * BLOCK; step--) {
      passBack(problem, tokenAt(step), before.pop()!, slope, result);
    }
  }
}

/** A token fades the state and writes; what it wrote, before β, which is 1 without the rule. */
function pass(problem: FamilyProblem, token: number, state: Float64Array) {
  const { k, v, dim } = problem;
  const { fades, rate, delta } = tokenOf(problem, token);
  const at = token * dim;
  const fresh = Float64Array.from(v.subarray(at, at + dim));
  for (let n = 0; n < dim; n++) {
    const [fade, taken] = [fades[n]!, delta ? k[at + n]! : 0];
    for (let e = 0; e < dim; e++) {
      const faded = fade * state[n * dim + e]!;
      state[n * dim + e] = faded;
      fresh[e]! -= taken * faded;
    }
  }
  for (let n = 0; n < dim; n++) {
    const key = rate * k[at + n]!;
    for (let e = 0; e < dim; e++) state[n * dim + e]! += key * fresh[e]!;
  }
  return fresh;
}

/** Adds what a token reads. */
function read(
  { q, dim }: FamilyProblem,
  token: number,
  state: Float64Array,
  y: Float64Array,
): void {
  const at = token * dim;
  for (let n = 0; n < dim; n++) {
    const query = q[at + n]!;
    for (let e = 0; e < dim; e++) y[at + e]! += query * state[n * dim + e]!;
  }
}

/** Adds a token's gradients; `slope`, that of the state after it, becomes that of the state before it. */
function passBack(
  problem: FamilyProblem,
  token: number,
  before: Float64Array,
  slope: Float64Array,
  { q: dq, k: dk, v: dv, beta: dBeta, logDecay: dLogDecay }: FamilyResult,
): void {
  const { q, k, dy, dim, diagonal } = problem;
  const { fades, rate, delta } = tokenOf(problem, token);
  const at = token * dim;
  const after = before.slice();
  const fresh = pass(problem, token, after);
  const dWritten = new Float64Array(dim);
  for (let n = 0; n < dim; n++) {
    const [query, key] = [q[at + n]!, k[at + n]!];
    let [ofQuery, ofKey] = [0, 0];
    for (let e = 0; e < dim; e++) {
      const i = n * dim + e;
      slope[i]! += query * dy[at + e]!;
      ofQuery += after[i]! * dy[at + e]!;
      ofKey += slope[i]! * fresh[e]!;
      dWritten[e]! += slope[i]! * key;
    }
    dq[at + n]! += ofQuery;
    dk[at + n]! += rate * ofKey;
  }
  for (let e = 0; e < dim; e++) {
    dv[at + e]! += rate * dWritten[e]!;
    if (dBeta) dBeta[token]! += dWritten[e]! * fresh[e]!;
  }
  for (let n = 0; n < dim; n++) {
    const [fade, taken] = [fades[n]!, delta ? k[at + n]! : 0];
    let [ofKey, ofDecay] = [0, 0];
    for (let e = 0; e < dim; e++) {
      const i = n * dim + e;
      const faded = fade * before[i]!;
      const found = rate * dWritten[e]!;
      ofKey += found * faded;
      slope[i]! -= found * taken;
      ofDecay += slope[i]! * faded;
      slope[i]! *= fade;
    }
    if (delta) dk[at + n]! -= ofKey;
    dLogDecay[diagonal ? at + n : token]! += ofDecay;
  }
}

/** What a token does to the state beside its key and value. */
function tokenOf(
  { logDecay, beta, diagonal, dim }: FamilyProblem,
  token: number,
) {
  const logFade = (_: unknown, n: number) =>
    logDecay[diagonal ? token * dim + n : token]!;
  const fades = Float64Array.from({ length: dim }, logFade).map(Math.exp);
  return { fades, rate: beta?.[token] ?? 1, delta: beta !== null };
}

/** Both ends have read what a token has written itself. */
function takeOwnOnce(problem: FamilyProblem, result: FamilyResult): void {
  const { q, k, v, beta, dy, heads, length, dim } = problem;
  for (let token = 0; token < heads * length; token++) {
    const rate = beta?.[token] ?? 1;
    let [product, slope] = [0, 0];
    for (let at = token * dim; at < (token + 1) * dim; at++) {
      product += q[at]! * k[at]!;
      slope += dy[at]! * v[at]!;
    }
    for (let at = token * dim; at < (token + 1) * dim; at++) {
      result.y[at]! -= rate * product * v[at]!;
      result.q[at]! -= rate * slope * k[at]!;
      result.k[at]! -= rate * slope * q[at]!;
      result.v[at]! -= rate * product * dy[at]!;
    }
    if (result.beta) result.beta[token]! -= product * slope;
  }
}

/**
 * Attention as loops over Float32Array, on one thread: the linear recurrent
 * form as one would write it without a library. It is timed, and it is the
 * reference that the results of all others are compared with.
 *
 * With u = (v, 1), the sums z_i = Σ_j M_ij (q_i · k_j) u_j hold the output and
 * its normaliser. Their gradients are sums of the same kind, so that one sweep
 * over the tokens is all there is.
 *
 * @module
 */
import {
  type AttentionProblem,
  type AttentionResult,
  EPSILON,
  HEAD_DIM,
} from "./attention_problem.ts";
import type { Pass } from "./measure/tensors.ts";

/** Columns of u. */
const COLUMNS = HEAD_DIM + 1;

/** Computes one pass of a problem. */
export function attentionLoop(
  problem: AttentionProblem,
  pass: Pass,
): AttentionResult {
  const { q, k, v, logDecay, dy, heads, length } = problem;
  const results = [
    new Float32Array(v.length),
    ...(pass === "forward" ? [] : [q, k, v, ...(logDecay ? [logDecay] : [])])
      .map((array) => new Float32Array(array.length)),
  ];
  for (let head = 0; head < heads; head++) {
    const part = (array: Float32Array) => {
      const size = array.length / heads;
      return array.subarray(head * size, (head + 1) * size);
    };
    const logDecays = logDecay ? part(logDecay) : Float32Array.of(0);
    const [q1, k1, v1, dy1] = [q, k, v, dy].map(part) as Four;
    const head1 = { length, q: q1, k: k1, u: withOnes(v1), logDecays };
    const [y, ...gradients] = results.map(part) as [Float32Array, ...Four];
    if (pass === "forward") forward(head1, y);
    else backward(head1, dy1, y, gradients);
  }
  return results;
}

type Four = [Float32Array, Float32Array, Float32Array, Float32Array];

/** One head; `logDecays` has a number for each token or one for all. */
interface Head {
  readonly length: number;
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly u: Float32Array;
  readonly logDecays: Float32Array;
}

function withOnes(v: Float32Array): Float32Array {
  const length = v.length / HEAD_DIM;
  const u = new Float32Array(length * COLUMNS).fill(1);
  for (let t = 0; t < length; t++) {
    u.set(v.subarray(t * HEAD_DIM, (t + 1) * HEAD_DIM), t * COLUMNS);
  }
  return u;
}

/** What a state is multiplied by on arriving at each token. */
function factors(
  { length, logDecays }: Head,
  from: (t: number) => number,
): Float32Array {
  return Float32Array.from(
    { length },
    (_, t) =>
      Math.exp(
        logDecays.length === 1 ? logDecays[0]! : logDecays[from(t)] ?? 0,
      ),
  );
}

interface Sweep {
  /** `[length, rows]` */
  readonly queries: Float32Array;
  /** `[length, rows]` */
  readonly keys: Float32Array;
  /** `[length, columns]` */
  readonly values: Float32Array;
  readonly decay: Float32Array;
  /** Whether tokens are read from the last to the first. */
  readonly reversed: boolean;
  /** Whether a token reads itself. */
  readonly inclusive: boolean;
}

/** Adds to `sums` what each token reads of those before it, `[length, columns]`. */
function sweep(
  { queries, keys, values, decay, reversed, inclusive }: Sweep,
  sums: Float32Array,
): Float32Array {
  const length = decay.length;
  const rows = keys.length / length;
  const columns = values.length / length;
  const state = new Float32Array(rows * columns);
  for (let step = 0; step < length; step++) {
    const t = reversed ? length - 1 - step : step;
    const factor = decay[t]!;
    for (let row = 0; row < rows; row++) {
      const query = queries[t * rows + row]!;
      const key = keys[t * rows + row]!;
      const own = inclusive ? key : 0;
      const ofRow = row * columns;
      const ofToken = t * columns;
      for (let column = 0; column < columns; column++) {
        const value = values[ofToken + column]!;
        const decayed = factor * state[ofRow + column]!;
        sums[ofToken + column]! += query * (decayed + own * value);
        state[ofRow + column] = decayed + key * value;
      }
    }
  }
  return sums;
}

/** Both sweeps of the output; each token is in its own past. */
function sweepsOf(head: Head) {
  const { q, k, u } = head;
  const operands = { queries: q, keys: k, values: u };
  return {
    past: {
      ...operands,
      decay: factors(head, (t) => t - 1),
      reversed: false,
      inclusive: true,
    },
    future: {
      ...operands,
      decay: factors(head, (t) => t + 1),
      reversed: true,
      inclusive: false,
    },
  };
}

function forward(head: Head, y: Float32Array): void {
  const { past, future } = sweepsOf(head);
  const sums = sweep(past, new Float32Array(head.u.length));
  normalise(sweep(future, sums), y);
}

function normalise(sums: Float32Array, y: Float32Array): void {
  for (let t = 0; t < sums.length / COLUMNS; t++) {
    const weight = sums[t * COLUMNS + HEAD_DIM]! + EPSILON;
    for (let column = 0; column < HEAD_DIM; column++) {
      y[t * HEAD_DIM + column] = sums[t * COLUMNS + column]! / weight;
    }
  }
}

function backward(
  head: Head,
  dy: Float32Array,
  y: Float32Array,
  [dq, dk, dv, dLogDecays]: readonly Float32Array[],
): void {
  const { length, q, k, u } = head;
  const { past, future } = sweepsOf(head);
  const zeros = () => new Float32Array(u.length);
  const [ofPast, ofFuture] = [sweep(past, zeros()), sweep(future, zeros())];
  const sums = ofPast.map((sum, i) => sum + ofFuture[i]!);
  normalise(sums, y);

  const dz = zeros();
  for (let t = 0; t < length; t++) {
    const weight = sums[t * COLUMNS + HEAD_DIM]! + EPSILON;
    for (let column = 0; column < HEAD_DIM; column++) {
      const gradient = dy[t * HEAD_DIM + column]! / weight;
      dz[t * COLUMNS + column] = gradient;
      dz[t * COLUMNS + HEAD_DIM]! -= gradient * y[t * HEAD_DIM + column]!;
    }
  }

  const ofQuery = { queries: dz, keys: u, values: k };
  sweep({ ...past, ...ofQuery }, dq!);
  sweep({ ...future, ...ofQuery }, dq!);

  // What went from j to i comes back from i to j, over the same tokens.
  const back = (one: Sweep, by: 1 | -1): Sweep => ({
    ...one,
    decay: Float32Array.from({ length }, (_, t) => one.decay[t + by] ?? 1),
    reversed: !one.reversed,
  });
  const [backOfPast, backOfFuture] = [back(past, 1), back(future, -1)];
  const ofKey = { queries: u, keys: dz, values: q };
  sweep({ ...backOfPast, ...ofKey }, dk!);
  sweep({ ...backOfFuture, ...ofKey }, dk!);
  const ofValue = { queries: k, keys: q, values: dz };
  const duPast = sweep({ ...backOfPast, ...ofValue }, zeros());
  const duFuture = sweep({ ...backOfFuture, ...ofValue }, zeros());
  for (let t = 0; t < length; t++) {
    for (let column = 0; column < HEAD_DIM; column++) {
      const at = t * COLUMNS + column;
      dv![t * HEAD_DIM + column] = duPast[at]! + duFuture[at]!;
    }
  }
  if (dLogDecays) {
    decayGradient(
      rowDots(dz, ofPast, u, duPast),
      rowDots(dz, ofFuture, u, duFuture),
      dLogDecays,
    );
  }
}

/** For each token, what all pairs that it reads in give less those it is read in. */
function rowDots(
  dz: Float32Array,
  z: Float32Array,
  u: Float32Array,
  du: Float32Array,
): Float64Array {
  const dots = new Float64Array(u.length / COLUMNS);
  for (let t = 0; t < dots.length; t++) {
    for (let at = t * COLUMNS; at < (t + 1) * COLUMNS; at++) {
      dots[t]! += dz[at]! * z[at]! - u[at]! * du[at]!;
    }
  }
  return dots;
}

/**
 * A decay on arriving at t is in all pairs from before t to t or after:
 * those that t and its successors read in, less those among these.
 */
function decayGradient(
  past: Float64Array,
  future: Float64Array,
  gradient: Float32Array,
): void {
  const length = past.length;
  const add = (from: number, sum: number) => {
    const at = gradient.length === 1 ? 0 : from;
    gradient[at]! += sum;
  };
  let sum = 0;
  for (let t = length - 1; t >= 1; t--) add(t - 1, sum += past[t]!);
  sum = 0;
  for (let t = 0; t <= length - 2; t++) add(t + 1, sum += future[t]!);
}

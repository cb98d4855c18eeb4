/** Problems for the forms, and their comparison with the oracle. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  type BackendName,
  bidirectionalDecay,
  type Decay,
  fixedDecay,
  lionAttention,
  noDecay,
  selectiveDecay,
} from "../../mod.ts";
import { TOLERANCE } from "../backends.ts";
import {
  largest,
  outputAndGradients,
  type Result,
  shaped,
  solvedOnce,
  tokenOptions,
} from "../comparison.ts";
import type { Differentiated, Sum } from "../float64.ts";
import { type OracleDecay, type Problem, solve } from "../oracle.ts";
import { array, uniform } from "../random.ts";

/** What varies from case to case. */
export interface Case {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly decay: OracleDecay["kind"];
  readonly causal: boolean;
  readonly normalize: boolean;
  readonly padded: boolean;
  /** Whether sequences are packed: segments of a few tokens, or of one. @default false */
  readonly packed?: boolean;
  /** @default 6 */
  readonly headDim?: number;
  /** @default 5 */
  readonly valueDim?: number;
}

/** The kinds of decay. */
export const DECAYS: readonly OracleDecay["kind"][] = [
  "none",
  "fixed",
  "source",
  "arrival",
  "two-sided",
];

/**
 * Log decays by sequence: mixed, of 1, of 0.5, of e^-60, partly of 0,
 * and ordinary ones.
 */
export const LOG_DECAYS: readonly ((u: number) => number)[] = [
  (u) => u < 0.2 ? -60 : u < 0.4 ? 0 : Math.log(u),
  () => 0,
  () => Math.log(0.5),
  () => -60,
  (u) => u < 0.5 ? -Infinity : Math.log(u),
  (u) => Math.log(0.8 + 0.2 * u),
];

/** A case in words, for messages. */
export function describe(c: Case): string {
  return `B=${c.batch} H=${c.heads} L=${c.length} decay=${c.decay}` +
    (c.causal ? " causal" : "") + (c.normalize ? " normalize" : "") +
    (c.padded ? " mask" : "") + (c.packed ? " segments" : "") +
    (c.headDim ? ` d=${c.headDim}` : "") +
    (c.valueDim ? ` e=${c.valueDim}` : "");
}

/** Fills a case with seeded numbers; headDim and valueDim differ. */
export function problemOf(c: Case): Problem {
  const random = uniform(c.length * 1009 + c.batch * 31 + c.heads);
  const { headDim = 6, valueDim = 5 } = c;
  const tokens = c.batch * c.heads * c.length;
  // The normaliser needs positive features, as the feature maps make them.
  const feature = (u: number) => c.normalize ? 0.1 + u : 2 * u - 1;
  const logDecay = (perSequence: number, sequences = c.batch * c.heads) => {
    const values: number[] = [];
    for (let s = 0; s < sequences; s++) {
      values.push(
        ...array(perSequence, random, LOG_DECAYS[s % LOG_DECAYS.length]),
      );
    }
    return Float32Array.from(values);
  };
  const q = array(tokens * headDim, random, feature);
  const k = array(tokens * headDim, random, feature);
  const v = array(tokens * valueDim, random);
  const dy = array(tokens * valueDim, random);
  const decay: OracleDecay = c.decay === "none"
    ? { kind: "none" }
    : c.decay === "fixed"
    ? { kind: "fixed", logDecay: logDecay(1, c.heads) }
    : c.decay === "two-sided"
    ? {
      kind: "two-sided",
      forward: logDecay(c.length),
      backward: logDecay(c.length),
    }
    : { kind: c.decay, logDecay: logDecay(c.length) };
  const mask = array(c.batch * c.length, random, (u) => u < 0.3 ? 0 : 1);
  // A sequence of padding alone has no meaning.
  for (let b = 0; b < c.batch; b++) mask[b * c.length] = 1;
  if (c.padded) {
    for (const x of [q, k, v, dy]) spoilPadding(x, mask, c);
  }
  const segments = segmentsOf(c, random);
  return {
    ...c,
    headDim,
    valueDim,
    q,
    k,
    v,
    dy,
    decay,
    scale: 0.4,
    epsilon: 1e-6,
    ...(c.padded ? { mask } : {}),
    ...(c.packed ? { segments } : {}),
  };
}

/** Makes and solves a case. */
export const solvedCase = solvedOnce(problemOf, solve);

/** Segments of each row: two numbers take turns, so that each comes back. */
export function segmentsOf(
  { batch, length }: Pick<Case, "batch" | "length">,
  random: () => number,
): Int32Array {
  let number = 0;
  return Int32Array.from({ length: batch * length }, () => {
    if (random() < 0.15) number = 1 - number;
    return number;
  });
}

/** What padding may hold, and nothing may read. */
const JUNK = [NaN, Infinity, -Infinity, 3e38];

/** Fills the rows of padding of a `[batch, heads, length, columns]` array. */
export function spoilPadding(
  x: Float32Array,
  mask: Float32Array,
  { batch, heads, length }: Pick<Case, "batch" | "heads" | "length">,
): void {
  const columns = x.length / (batch * heads * length);
  for (let i = 0; i < x.length; i++) {
    const token = Math.floor(i / columns);
    const entry = Math.floor(token / (heads * length));
    if (mask[entry * length + token % length] !== 0) continue;
    x[i] = JUNK[i % JUNK.length]!;
  }
}

/** Solves a problem with a form of the library, on the current backend; of chunks as it chooses, if no size is given. */
export function run(
  problem: Problem,
  form: AttentionForm,
  chunkSize: number | undefined,
  { kernel = true }: { kernel?: boolean } = {},
): Promise<Result> {
  const { batch, heads, length, headDim, valueDim } = problem;
  const { q, k, v, dy, scale, epsilon, normalize, causal } = problem;
  const { kind, ...logDecays } = problem.decay;
  const shape = [batch, heads, length];
  const tokens = tokenOptions(problem);
  return outputAndGradients(
    {
      ...shaped({ q, k }, () => [...shape, headDim]),
      v: { values: v, shape: [...shape, valueDim] },
      ...shaped(logDecays, () => kind === "fixed" ? [heads] : shape),
    },
    { values: dy, shape: [...shape, valueDim] },
    tokens,
    ({ q, k, v, ...decays }) =>
      lionAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, {
        decay: decayOf(kind, Object.values(decays)),
        ...{ form, kernel, chunkSize, scale, epsilon, normalize, causal },
        ...tokens,
      }),
  );
}

/** The decay of a kind, from the tensors of a problem. */
export function decayOf(kind: string, tensors: tf.Tensor[]): Decay {
  const [first, second] = tensors as tf.Tensor3D[];
  switch (kind) {
    case "none":
      return noDecay();
    case "fixed":
      return fixedDecay(first as unknown as tf.Tensor1D);
    case "two-sided":
      return bidirectionalDecay(first!, second!);
    default:
      return selectiveDecay(first!, {
        convention: kind as "source" | "arrival",
      });
  }
}

/**
 * What is wrong with a result, one line for each array that is off.
 *
 * Each array is judged twice: as a whole against its largest value, and
 * sequence by sequence against the largest sum of absolute terms there, so
 * that a sequence of strong decays is not hidden by one of weak ones.
 */
export function differences(
  problem: Problem,
  actual: Result,
  expected: Differentiated,
  backend: BackendName,
): string[] {
  const found: string[] = [];
  const judge = (
    name: string,
    got: Float32Array,
    wanted: Float64Array,
    bound: number,
  ) => {
    const error = largestDifference(got, wanted);
    if (error <= bound) return;
    found.push(
      `${name}: error ${error.toExponential(2)} > ${bound.toExponential(2)}`,
    );
  };
  const compare = (
    name: string,
    got: Float32Array,
    { values, magnitudes }: Sum,
    tolerance: number,
    reference = largest(values),
  ) => {
    judge(name, got, values, tolerance * reference);
    const perHead = name === "logDecay" && problem.decay.kind === "fixed";
    const parts = perHead ? problem.heads : problem.batch * problem.heads;
    const size = values.length / parts;
    for (let s = 0; s < parts; s++) {
      const range = [s * size, (s + 1) * size] as const;
      judge(
        `${name} of ${perHead ? "head" : "sequence"} ${s}`,
        got.subarray(...range),
        values.subarray(...range),
        tolerance * largest(magnitudes.subarray(...range)),
      );
    }
  };

  const { forward, gradient } = TOLERANCE[backend];
  compare("y", actual.y, expected.y, forward);
  const { q, k, v, ...logDecays } = expected.gradients;
  // Where one key is left in a row, the gradients in q and k cancel to ~ε;
  // what is rounded then is of the size of the gradient in v.
  const ofVectors = largest(q!.values, k!.values, v!.values);
  for (const [name, wanted] of Object.entries({ q, k, v })) {
    compare(name, actual.gradients[name]!, wanted!, gradient, ofVectors);
  }
  for (const [name, wanted] of Object.entries(logDecays)) {
    // A fixed decay has one number for all pairs of tokens, and two tokens
    // have one for each of theirs: terms that may cancel to a hundredth of
    // their size and less, with no larger value beside them.
    const few = problem.decay.kind === "fixed" || problem.length <= 2;
    const reference = largest(few ? wanted.magnitudes : wanted.values);
    compare(name, actual.gradients[name]!, wanted, gradient, reference);
  }
  return found;
}

function largestDifference(a: Float32Array, b: Float64Array): number {
  let max = 0;
  for (let i = 0; i < b.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (Number.isNaN(difference)) return NaN;
    max = Math.max(max, difference);
  }
  return max;
}

/** Some rows of softmax attention in float64, since all would take minutes. @module */
import { type AttentionProblem, HEAD_DIM } from "./attention_problem.ts";

const ROWS = 8;

/** One row of the output and of the gradient in q. */
export interface SoftmaxRow {
  /** Where it begins in the flat array. */
  readonly at: number;
  readonly y: Float64Array;
  readonly dq: Float64Array;
}

/** Rows that are spread over all heads and tokens, and over the lanes of vectors. */
export function softmaxRows(problem: AttentionProblem): SoftmaxRow[] {
  const rows = problem.heads * problem.length;
  return Array.from(
    { length: ROWS },
    (_, i) => softmaxRow(problem, (Math.floor(i * rows / ROWS) + i) % rows),
  );
}

function softmaxRow(
  { q, k, v, dy, length }: AttentionProblem,
  row: number,
): SoftmaxRow {
  const at = row * HEAD_DIM;
  const first = Math.floor(row / length) * length * HEAD_DIM;
  const y = new Float64Array(HEAD_DIM), dq = new Float64Array(HEAD_DIM);
  const keyAt = (j: number) => first + j * HEAD_DIM;
  const weights = Array.from(
    { length },
    (_, j) => Math.exp(dot(q, at, k, keyAt(j))),
  );
  const sum = weights.reduce((a, b) => a + b);
  weights.forEach((weight, j) => addTo(y, v, keyAt(j), weight / sum));
  const ofSum = dot(dy, at, y, 0);
  weights.forEach((weight, j) =>
    addTo(dq, k, keyAt(j), weight / sum * (dot(dy, at, v, keyAt(j)) - ofSum))
  );
  return { at, y, dq };
}

type Numbers = Float32Array | Float64Array;

function dot(a: Numbers, aAt: number, b: Numbers, bAt: number): number {
  let sum = 0;
  for (let i = 0; i < HEAD_DIM; i++) sum += a[aAt + i]! * b[bAt + i]!;
  return sum;
}

function addTo(
  sum: Float64Array,
  x: Numbers,
  at: number,
  factor: number,
): void {
  for (let i = 0; i < HEAD_DIM; i++) sum[i]! += factor * x[at + i]!;
}

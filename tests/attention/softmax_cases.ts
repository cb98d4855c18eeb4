/** Problems of softmax attention, and their comparison with the oracle. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { alibiSlopes, type BackendName, softmaxAttention } from "../../mod.ts";
import { TOLERANCE } from "../backends.ts";
import {
  beyond,
  type Deviation,
  deviation,
  largest,
  outputAndGradients,
  type Result,
  shaped,
  solvedOnce,
  tokenOptions,
} from "../comparison.ts";
import type { Differentiated, Sum } from "../float64.ts";
import { array, uniform } from "../random.ts";
import { segmentsOf } from "./cases.ts";
import { type SoftmaxProblem, solveSoftmax } from "../softmax_oracle.ts";

/** What varies from case to case. */
export interface SoftmaxCase {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly causal: boolean;
  /** Tokens here and there, or in the first sequence none. */
  readonly mask: "none" | "some" | "none of the first";
  /** Whether sequences are packed. @default false */
  readonly packed?: boolean;
  /** Whether scores fall with distance. @default false */
  readonly alibi?: boolean;
}

/** A case in words, for messages. */
export function describe(c: SoftmaxCase): string {
  return `B=${c.batch} H=${c.heads} L=${c.length} d=${c.headDim} ` +
    `e=${c.valueDim}${c.causal ? " causal" : ""} mask=${c.mask}` +
    (c.packed ? " segments" : "") + (c.alibi ? " ALiBi" : "");
}

/** Fills a case with seeded numbers. */
export function problemOf(c: SoftmaxCase): SoftmaxProblem {
  const random = uniform(c.length * 1009 + c.batch * 31 + c.heads);
  const tokens = c.batch * c.heads * c.length;
  const kept = array(c.batch * c.length, random, (u) => u < 0.3 ? 0 : 1);
  if (c.mask === "none of the first") kept.fill(0, 0, c.length);
  return {
    batch: c.batch,
    heads: c.heads,
    length: c.length,
    headDim: c.headDim,
    valueDim: c.valueDim,
    causal: c.causal,
    q: array(tokens * c.headDim, random),
    k: array(tokens * c.headDim, random),
    v: array(tokens * c.valueDim, random),
    dy: array(tokens * c.valueDim, random),
    scale: 0.7,
    ...(c.mask === "none" ? {} : { mask: kept }),
    ...(c.packed ? { segments: segmentsOf(c, random) } : {}),
    ...(c.alibi ? { slopes: alibiSlopes(c.heads) } : {}),
  };
}

/** Solves a problem on the current backend, by its kernel or in tfjs operations. */
export function run(
  problem: SoftmaxProblem,
  kernel: boolean,
): Promise<Result> {
  const { batch, heads, length, headDim, valueDim } = problem;
  const { q, k, v, dy, scale, causal, slopes } = problem;
  const shape = [batch, heads, length];
  const tokens = tokenOptions(problem);
  return outputAndGradients(
    {
      ...shaped({ q, k }, () => [...shape, headDim]),
      v: { values: v, shape: [...shape, valueDim] },
    },
    { values: dy, shape: [...shape, valueDim] },
    tokens,
    ({ q, k, v }) =>
      softmaxAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, {
        ...{ scale, causal, kernel, slopes, ...tokens },
      }),
  );
}

/**
 * How far each array of a result is off, relative to the largest output, and of
 * gradients to the largest of all.
 */
export function deviations(
  problem: SoftmaxProblem,
  { y, gradients }: Result,
  expected: Differentiated = solveSoftmax(problem),
): Deviation[] {
  const { q, k, v } = expected.gradients as Record<"q" | "k" | "v", Sum>;
  // Of few keys the gradients in q and k cancel; what is rounded then is of the
  // size of the gradient in v.
  const ofVectors = largest(q.values, k.values, v.values);
  const scaled = ({ values }: Sum, scale: number): Sum => ({
    values,
    magnitudes: values.map(() => scale),
  });
  return [
    deviation("y", y, scaled(expected.y, largest(expected.y.values))),
    ...Object.entries({ q, k, v }).map(([name, wanted]) =>
      deviation(
        `d${name}`,
        gradients[name]!,
        scaled(wanted, ofVectors),
      )
    ),
  ];
}

/** What is wrong with a result, a line for each array that is off. */
export function differences(
  problem: SoftmaxProblem,
  result: Result,
  backend: BackendName,
): string[] {
  return beyond(deviations(problem, result), TOLERANCE[backend]);
}

const solvedCase = solvedOnce(problemOf, solveSoftmax);

/** Runs a case and returns what differs from the oracle. */
export async function failuresOf(
  c: SoftmaxCase,
  kernel: boolean,
  backend: BackendName,
): Promise<string[]> {
  const { problem, solution } = solvedCase(c);
  const found = deviations(problem, await run(problem, kernel), solution);
  return beyond(found, TOLERANCE[backend])
    .map((line) => `${describe(c)} kernel=${kernel}: ${line}`);
}

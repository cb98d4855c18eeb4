/** Problems of decays of each channel, and how the library solves them. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  bidirectionalDecay,
  type Decay,
  diagonalDecay,
  lionAttention,
} from "../../mod.ts";
import {
  outputAndGradients,
  type Result,
  shaped,
  solvedOnce,
  tokenOptions,
} from "../comparison.ts";
import { type DiagonalProblem, solveDiagonal } from "../diagonal_oracle.ts";
import { array, uniform } from "../random.ts";
import { LOG_DECAYS, segmentsOf, spoilPadding } from "./cases.ts";

/** Which token pays which decay. */
export const KINDS = ["source", "arrival", "two-sided"] as const;

/** What varies from case to case. */
export interface DiagonalCase {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly kind: typeof KINDS[number];
  readonly causal: boolean;
  readonly normalize: boolean;
  readonly padded: boolean;
  readonly packed: boolean;
}

/** Fills a case with seeded numbers. */
export function problemOf(c: DiagonalCase): DiagonalProblem {
  const random = uniform(c.length * 1009 + c.batch * 31 + c.heads);
  const tokens = c.batch * c.heads * c.length;
  // The normaliser needs positive features, as the feature maps make them.
  const feature = (u: number) => c.normalize ? 0.1 + u : 2 * u - 1;
  const decay = () =>
    Float32Array.from(
      Array.from({ length: c.batch * c.heads }, (_, sequence) => {
        const make = LOG_DECAYS[sequence % LOG_DECAYS.length]!;
        return [...array(c.length * c.headDim, random, make)];
      }).flat(),
    );
  const q = array(tokens * c.headDim, random, feature);
  const k = array(tokens * c.headDim, random, feature);
  const v = array(tokens * c.valueDim, random);
  const dy = array(tokens * c.valueDim, random);
  const mask = array(c.batch * c.length, random, (u) => u < 0.3 ? 0 : 1);
  // A sequence of padding alone has no meaning.
  for (let b = 0; b < c.batch; b++) mask[b * c.length] = 1;
  if (c.padded) { for (const x of [q, k, v, dy]) spoilPadding(x, mask, c); }
  const segments = segmentsOf(c, random);
  return {
    ...c,
    q,
    k,
    v,
    dy,
    decays: c.kind === "two-sided"
      ? { forward: decay(), backward: decay() }
      : { logDecay: decay() },
    scale: 0.4,
    epsilon: 1e-6,
    ...c.padded ? { mask } : {},
    ...c.packed ? { segments } : {},
  };
}

/** Makes and solves a case. */
export const solvedCase = solvedOnce(problemOf, solveDiagonal);

/** The decay that a problem's log decays make. */
export function decayOf(
  kind: DiagonalProblem["kind"],
  [first, second]: readonly tf.Tensor[],
): Decay {
  return kind === "two-sided"
    ? bidirectionalDecay(first as tf.Tensor4D, second as tf.Tensor4D)
    : diagonalDecay(first as tf.Tensor4D, { convention: kind });
}

/** Solves a problem with a form of the library, on the current backend. */
export function run(
  problem: DiagonalProblem,
  form: AttentionForm,
  chunkSize?: number,
  kernel = true,
): Promise<Result> {
  const { kind, scale, epsilon, normalize, causal } = problem;
  return solveBy(
    problem,
    ({ q, k, v, decays }, tokens) =>
      lionAttention(q, k, v, {
        decay: decayOf(kind, decays),
        ...{ form, kernel, scale, epsilon, normalize, causal, chunkSize },
        ...tokens,
      }),
  );
}

/** Solves a problem in a way of the caller's, on the current backend. */
export function solveBy(
  problem: DiagonalProblem,
  read: (
    inputs: Record<"q" | "k" | "v", tf.Tensor4D> & { decays: tf.Tensor4D[] },
    tokens: { mask?: tf.Tensor2D; segments?: tf.Tensor2D },
  ) => tf.Tensor4D,
): Promise<Result> {
  const { batch, heads, length, headDim, valueDim } = problem;
  const { q, k, v, decays, dy } = problem;
  const shape = [batch, heads, length];
  const tokens = tokenOptions(problem);
  return outputAndGradients(
    {
      ...shaped({ q, k, ...decays }, () => [...shape, headDim]),
      v: { values: v, shape: [...shape, valueDim] },
    },
    { values: dy, shape: [...shape, valueDim] },
    tokens,
    (tensors) => {
      const { q, k, v, ...decays } = tensors as Record<string, tf.Tensor4D>;
      const inputs = { q: q!, k: k!, v: v!, decays: Object.values(decays) };
      return read(inputs, tokens);
    },
  );
}

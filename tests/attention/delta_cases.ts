/** Problems of the delta rule, and their comparison with the oracle. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  type Decay,
  deltaAttention,
  type DeltaAttentionOptions,
  diagonalDecay,
  noDecay,
  selectiveDecay,
} from "../../mod.ts";
import {
  outputAndGradients,
  type Result,
  shaped,
  tokenOptions,
} from "../comparison.ts";
import type { DeltaProblem } from "../delta_oracle.ts";
import { array, uniform } from "../random.ts";
import { LOG_DECAYS, segmentsOf, spoilPadding } from "./cases.ts";

/** The kinds of gate. */
export const GATES = [
  "none",
  "arrival",
  "two-sided",
  "diagonal",
  "two-sided diagonal",
] as const;

/** What varies from case to case. */
export interface DeltaCase {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly gate: typeof GATES[number];
  readonly causal: boolean;
  readonly padded: boolean;
  readonly packed: boolean;
  /** @default 6 */
  readonly headDim?: number;
  /** @default 5 */
  readonly valueDim?: number;
}

/** A case in words, for messages. */
export function describe(c: DeltaCase): string {
  return `B=${c.batch} H=${c.heads} L=${c.length} gate=${c.gate}` +
    (c.causal ? " causal" : "") + (c.padded ? " mask" : "") +
    (c.packed ? " segments" : "");
}

/** Fills a case with seeded numbers: keys of length one, β from 0 to 2. */
export function problemOf(c: DeltaCase): DeltaProblem {
  const random = uniform(c.length * 1009 + c.batch * 31 + c.heads);
  const { batch, heads, length, headDim = 6, valueDim = 5 } = c;
  const tokens = batch * heads * length;
  const decays = (columns = 1) =>
    Float32Array.from(
      Array.from({ length: batch * heads }, (_, s) => {
        const make = LOG_DECAYS[s % LOG_DECAYS.length]!;
        return [...array(length * columns, random, make)];
      }).flat(),
    );
  const gates: DeltaProblem["gates"] = {
    none: () => ({}),
    arrival: () => ({ forward: decays() }),
    "two-sided": () => ({
      forward: decays(),
      backward: decays(),
    }),
    diagonal: () => ({ forward: decays(headDim) }),
    "two-sided diagonal": () => ({
      forward: decays(headDim),
      backward: decays(headDim),
    }),
  }[c.gate]();
  const q = array(tokens * headDim, random);
  const k = unitRows(array(tokens * headDim, random), headDim);
  const v = array(tokens * valueDim, random);
  const beta = array(tokens, random, (u) => u < 0.1 ? 0 : 2 * u);
  const dy = array(tokens * valueDim, random);
  const mask = array(batch * length, random, (u) => u < 0.3 ? 0 : 1);
  const segments = segmentsOf(c, random);
  if (c.padded) {
    for (const x of [q, k, v, dy, beta, ...Object.values(gates)]) {
      spoilPadding(x, mask, c);
    }
  }
  return {
    batch,
    heads,
    length,
    headDim,
    valueDim,
    q,
    k,
    v,
    beta,
    gates,
    isDiagonal: c.gate.includes("diagonal"),
    dy,
    scale: 0.4,
    causal: c.causal,
    ...(c.padded ? { mask } : {}),
    ...(c.packed ? { segments } : {}),
  };
}

/** The rows of a matrix, each divided by its length. */
export function unitRows(x: Float32Array, columns: number): Float32Array {
  return x.map((value, i) => {
    const start = i - i % columns;
    return value / Math.hypot(...x.subarray(start, start + columns));
  });
}

/** A problem's tensors, as the delta rule takes them. */
export interface Inputs {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
  readonly beta: tf.Tensor3D;
  readonly decays: tf.Tensor[];
}

/** Solves a problem with the library, on the current backend. */
export function run(
  problem: DeltaProblem,
  options: Pick<DeltaAttentionOptions, "form" | "chunkSize" | "kernel">,
): Promise<Result> {
  const { scale, causal } = problem;
  return solveBy(
    problem,
    ({ q, k, v, beta, decays }, more) =>
      deltaAttention(q, k, v, beta, {
        ...options,
        scale,
        causal,
        decay: decayOf(decays),
        ...more,
      }),
  );
}

/** Solves a problem in a way of the caller's, on the current backend. */
export function solveBy(
  problem: DeltaProblem,
  attend: (
    inputs: Inputs,
    more: Pick<DeltaAttentionOptions, "mask" | "segments">,
  ) => tf.Tensor4D,
): Promise<Result> {
  const { batch, heads, length, headDim, valueDim, gates } = problem;
  const { q, k, v, beta, dy } = problem;
  const shape = [batch, heads, length];
  const ofGates = problem.isDiagonal ? [...shape, headDim] : shape;
  const more = tokenOptions(problem);
  return outputAndGradients(
    {
      ...shaped({ q, k }, () => [...shape, headDim]),
      v: { values: v, shape: [...shape, valueDim] },
      beta: { values: beta, shape },
      ...shaped({ ...gates }, () => ofGates),
    },
    { values: dy, shape: [...shape, valueDim] },
    more,
    ({ q, k, v, beta, ...decays }) =>
      attend({ q, k, v, beta, decays: Object.values(decays) } as Inputs, more),
  );
}

function decayOf([forward, backward]: tf.Tensor[]): Decay {
  if (!forward) return noDecay();
  if (backward) {
    return bidirectionalDecay(forward as tf.Tensor4D, backward as tf.Tensor4D);
  }
  return forward.rank === 4
    ? diagonalDecay(forward as tf.Tensor4D, { convention: "arrival" })
    : selectiveDecay(forward as tf.Tensor3D, { convention: "arrival" });
}

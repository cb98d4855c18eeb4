/** Problems of the delta rule with any decay, as the oracle takes them, and as the library does. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  type Decay,
  diagonalDecay,
  fixedDecay,
  noDecay,
  selectiveDecay,
} from "../../mod.ts";
import { spoilPadding } from "../attention/cases.ts";
import { unitRows } from "../attention/delta_cases.ts";
import type { Input } from "../comparison.ts";
import { type DeltaProblem, solveDelta } from "../delta_oracle.ts";
import type { Differentiated, Sum } from "../float64.ts";
import { array, uniform } from "../random.ts";
import {
  keptOf,
  logDecays,
  type Padding,
  type Segmentation,
  segmentNumbers,
} from "./draw.ts";

/** All kinds of decay: the state pays on arrival. */
export const DELTA_DECAYS = [
  ...["none", "fixed", "arrival", "two-sided"] as const,
  ...["arrival of channels", "two-sided of channels"] as const,
];

/** What a problem follows from. */
export interface DeltaShape {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly decay: typeof DELTA_DECAYS[number];
  readonly causal: boolean;
  readonly scale: number | null;
  readonly padding: Padding;
  /** @default null */
  readonly segments?: Segmentation;
  /** The seed of the numbers. */
  readonly values: number;
}

const isOfChannels = (decay: DeltaShape["decay"]) => decay.endsWith("channels");

/** What the oracle has to do: of 3 million it is about half a second. */
export function deltaWork(
  { batch, heads, length, headDim, valueDim }: DeltaShape,
): number {
  return 20 * batch * heads * length * headDim ** 2 * (valueDim + 3);
}

/** A case's numbers, as the oracle takes them, and as the library does. */
export function deltaProblemOf(c: DeltaShape) {
  const { batch, heads, length, headDim, valueDim, causal } = c;
  const random = uniform(c.values);
  const rows = batch * heads * length;
  const q = array(rows * headDim, random);
  const k = unitRows(array(rows * headDim, random), headDim);
  const v = array(rows * valueDim, random);
  const beta = array(rows, random, (u) => u < 0.1 ? 0 : 2 * u);
  const dy = array(rows * valueDim, random);
  const isDiagonal = isOfChannels(c.decay);
  const log = () =>
    logDecays(batch * heads, length * (isDiagonal ? headDim : 1), random);
  const perHead = c.decay === "fixed" ? logDecays(heads, 1, random) : undefined;
  const gates: DeltaProblem["gates"] = c.decay === "none" ? {} : perHead
    ? {
      forward: Float32Array.from(
        { length: rows },
        (_, i) => perHead[Math.floor(i / length) % heads]!,
      ),
    }
    : c.decay.startsWith("two-sided")
    ? { forward: log(), backward: log() }
    : { forward: log() };
  const mask = c.padding ? keptOf(c.padding, c, random) : undefined;
  const segments = c.segments
    ? segmentNumbers(c.segments, c, random)
    : undefined;
  if (mask) {
    const gated = perHead ? [] : Object.values(gates);
    for (const x of [q, k, v, beta, dy, ...gated]) spoilPadding(x, mask, c);
  }
  const tokens = [batch, heads, length];
  const inputs: Record<string, Input> = {
    q: { values: q, shape: [...tokens, headDim] },
    k: { values: k, shape: [...tokens, headDim] },
    v: { values: v, shape: [...tokens, valueDim] },
    beta: { values: beta, shape: tokens },
    ...perHead
      ? { forward: { values: perHead, shape: [heads] } }
      : Object.fromEntries(
        Object.entries(gates).map(([name, values]) => [name, {
          values,
          shape: [...tokens, ...isDiagonal ? [headDim] : []],
        }]),
      ),
  };
  const problem: DeltaProblem = {
    ...{ batch, heads, length, headDim, valueDim, causal },
    ...{ q, k, v, beta, gates, isDiagonal, dy },
    scale: c.scale ?? 1 / Math.sqrt(headDim),
    ...mask ? { mask } : {},
    ...segments ? { segments } : {},
  };
  const slope: Input = { values: dy, shape: [...tokens, valueDim] };
  return { problem, inputs, dy: slope, random };
}

/** The truth: outputs, and gradients as the library's inputs have them. */
export function deltaSolutionOf(
  { decay, heads, length }: DeltaShape,
  problem: DeltaProblem,
): Differentiated {
  const solution = solveDelta(problem);
  if (decay !== "fixed") return solution;
  const { values, magnitudes } = solution.gradients["forward"]!;
  const forward: Sum = {
    values: new Float64Array(heads),
    magnitudes: new Float64Array(heads),
  };
  values.forEach((x, i) => {
    const head = Math.floor(i / length) % heads;
    forward.values[head]! += x;
    forward.magnitudes[head]! += magnitudes[i]!;
  });
  return { ...solution, gradients: { ...solution.gradients, forward } };
}

/** A decay of the library's. */
export function decayOf(
  kind: DeltaShape["decay"],
  { forward, backward }: Record<string, tf.Tensor>,
): Decay {
  const convention = "arrival";
  if (kind === "none") return noDecay();
  if (kind === "fixed") return fixedDecay(forward as tf.Tensor1D);
  if (backward) {
    return bidirectionalDecay(forward as tf.Tensor4D, backward as tf.Tensor4D);
  }
  return isOfChannels(kind)
    ? diagonalDecay(forward as tf.Tensor4D, { convention })
    : selectiveDecay(forward as tf.Tensor3D, { convention });
}

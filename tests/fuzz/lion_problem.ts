/** Problems of lionAttention with any decay, as the oracle takes them, and as the library does. @module */
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
import type { Input } from "../comparison.ts";
import type { Differentiated, Sum } from "../float64.ts";
import { type OracleDecay, solve } from "../oracle.ts";
import { array, uniform } from "../random.ts";
import {
  type RecurrentProblem,
  solveRecurrently,
} from "../recurrent_oracle.ts";
import {
  keptOf,
  logDecays,
  type Padding,
  type Segmentation,
  segmentNumbers,
} from "./draw.ts";

/** All kinds of decay. */
export const DECAYS = [
  ...["none", "fixed", "source", "arrival", "two-sided"] as const,
  ...["source of channels", "arrival of channels"] as const,
  "two-sided of channels" as const,
];

/** What a problem follows from. */
export interface LionShape {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly decay: typeof DECAYS[number];
  readonly causal: boolean;
  readonly normalize: boolean;
  readonly epsilon: number | null;
  readonly scale: number | null;
  readonly padding: Padding;
  /** @default null */
  readonly segments?: Segmentation;
  /** Whether one head of q and k is that of all. @default false */
  readonly sharedKeys?: boolean;
  /** Whether one row of log decays is that of all. @default false */
  readonly sharedDecay?: boolean;
  /** Whether q, k and v are int32. @default false */
  readonly integers?: boolean;
  /** The seed of the numbers. */
  readonly values: number;
}

/** Whether each channel has a decay of its own. */
export const isOfChannels = (decay: LionShape["decay"]) =>
  decay.endsWith("channels");

/** The sizes that an oracle's work depends on. */
type Sizes = Pick<
  LionShape,
  "batch" | "heads" | "length" | "headDim" | "valueDim"
>;

/** What the definition's loops have to do: of 3 million it is about half a second. */
function definitionWork(
  { batch, heads, length, headDim, valueDim }: Sizes,
): number {
  return batch * heads * length ** 2 * (headDim + valueDim + 4);
}

/** What the recurrence has to do. */
function recurrenceWork(
  { batch, heads, length, headDim, valueDim }: Sizes,
): number {
  return 60 * batch * heads * length * headDim * (valueDim + 1);
}

/** What the oracle has to do. */
export function work(c: LionShape): number {
  return isOfChannels(c.decay)
    ? recurrenceWork(c)
    : Math.min(definitionWork(c), recurrenceWork(c));
}

/** The truth: outputs, and gradients as the library's inputs have them. */
export function solutionOf(
  { problem, inputs }: Pick<ReturnType<typeof problemOf>, "problem" | "inputs">,
): Differentiated {
  return folded(solved(problem), inputs, problem);
}

/** By the loops that are quicker. */
function solved(problem: RecurrentProblem): Differentiated {
  const { kind, isDiagonal, decays, ...others } = problem;
  const isDefined = !isDiagonal &&
    definitionWork(problem) <= recurrenceWork(problem);
  return isDefined
    ? solve({ ...others, decay: { kind, ...decays } as OracleDecay })
    : solveRecurrently(problem);
}

/** A case's numbers, as the oracle takes them, and as the library does. */
export function problemOf(c: LionShape) {
  const { batch, heads, length, headDim, valueDim, causal, normalize } = c;
  const random = uniform(c.values);
  const keyHeads = c.sharedKeys ? 1 : heads;
  const rows = c.sharedDecay ? 1 : batch;
  // The normaliser needs positive features, as the feature maps make them. No
  // integer is 0: of what a token reads, only its own is sure not to have faded.
  const features = normalize ? [1, 2, 3, 4] : [-2, -1, 1, 2];
  const integers = [-3, -2, -1, 1, 2, 3];
  const feature = (u: number) =>
    c.integers
      ? features[Math.floor(u * features.length)]!
      : normalize
      ? 0.1 + u
      : 2 * u - 1;
  const value = (u: number) =>
    c.integers ? integers[Math.floor(u * integers.length)]! : 2 * u - 1;
  const keys = () =>
    array(batch * keyHeads * length * headDim, random, feature);
  const q = keys(), k = keys();
  const v = array(batch * heads * length * valueDim, random, value);
  const dy = array(batch * heads * length * valueDim, random);
  const mask = c.padding ? keptOf(c.padding, c, random) : undefined;
  if (mask) {
    const junk = c.integers ? [] : [q, k].map((x) => [x, keyHeads] as const);
    for (const [x, heads] of [...junk, [dy, c.heads] as const]) {
      spoilPadding(x, mask, { batch, heads, length });
    }
    if (!c.integers) spoilPadding(v, mask, c);
  }
  const segments = c.segments
    ? segmentNumbers(c.segments, c, random)
    : undefined;
  const kind = c.decay.split(" ")[0] as RecurrentProblem["kind"];
  const isDiagonal = isOfChannels(c.decay);
  const shape = kind === "fixed"
    ? [heads]
    : [rows, heads, length, ...isDiagonal ? [headDim] : []];
  const log = () =>
    kind === "fixed"
      ? logDecays(heads, 1, random)
      : logDecays(rows * heads, length * (isDiagonal ? headDim : 1), random);
  const decays: Record<string, Float32Array> = kind === "none"
    ? {}
    : kind === "two-sided"
    ? { forward: log(), backward: log() }
    : { logDecay: log() };
  const dtype = c.integers ? "int32" : "float32";
  const inputs: Record<string, Input> = {
    q: { values: q, shape: [batch, keyHeads, length, headDim], dtype },
    k: { values: k, shape: [batch, keyHeads, length, headDim], dtype },
    v: { values: v, shape: [batch, heads, length, valueDim], dtype },
    ...Object.fromEntries(
      Object.entries(decays).map(([name, values]) => [name, { values, shape }]),
    ),
  };
  const whole = (name: string) => spread(inputs[name]!, [batch, heads]);
  const problem: RecurrentProblem = {
    ...{ batch, heads, length, headDim, valueDim, causal, normalize, dy },
    ...{ kind, isDiagonal, q: whole("q"), k: whole("k"), v },
    decays: Object.fromEntries(
      Object.keys(decays).map((name) => [name, whole(name)]),
    ),
    scale: c.scale ?? 1 / Math.sqrt(headDim),
    epsilon: c.epsilon ?? 1e-6,
    ...mask ? { mask } : {},
    ...segments ? { segments } : {},
  };
  return { problem, inputs, random };
}

/** A decay of the library's. */
export function decayOf(
  kind: LionShape["decay"],
  { logDecay, forward, backward }: Record<string, tf.Tensor>,
): Decay {
  const convention = kind.startsWith("source") ? "source" : "arrival";
  if (kind === "none") return noDecay();
  if (kind === "fixed") return fixedDecay(logDecay as tf.Tensor1D);
  if (kind.startsWith("two-sided")) {
    return bidirectionalDecay(forward as tf.Tensor4D, backward as tf.Tensor4D);
  }
  return isOfChannels(kind)
    ? diagonalDecay(logDecay as tf.Tensor4D, { convention })
    : selectiveDecay(logDecay as tf.Tensor3D, { convention });
}

/** Of each number of the whole array, where the input has it, whose first axes may be 1. */
function placesOf(
  { shape }: Input,
  whole: readonly number[],
): (at: number) => number {
  const [rows, columns] = shape as readonly [number, number];
  const rest = shape.slice(2).reduce((size, axis) => size * axis, 1);
  return (at) => {
    const column = Math.floor(at / rest) % whole[1]!;
    const row = Math.floor(at / rest / whole[1]!);
    return ((row % rows) * columns + column % columns) * rest + at % rest;
  };
}

/** The input with its first axes as the whole has them; vectors stay as they are. */
function spread(input: Input, whole: readonly number[]): Float32Array {
  if (input.shape.length === 1) return input.values;
  const place = placesOf(input, whole);
  const rest = input.shape.slice(2).reduce((size, axis) => size * axis, 1);
  return Float32Array.from(
    { length: whole[0]! * whole[1]! * rest },
    (_, at) => input.values[place(at)]!,
  );
}

/** Gradients of whole arrays, summed where inputs have an axis of 1. */
function folded(
  { y, gradients }: Differentiated,
  inputs: Readonly<Record<string, Input>>,
  { batch, heads }: Pick<RecurrentProblem, "batch" | "heads">,
): Differentiated {
  const fold = (input: Input, { values, magnitudes }: Sum): Sum => {
    if (input.shape.length === 1) return { values, magnitudes };
    const place = placesOf(input, [batch, heads]);
    const sum = {
      values: new Float64Array(input.values.length),
      magnitudes: new Float64Array(input.values.length),
    };
    values.forEach((x, at) => {
      sum.values[place(at)]! += x;
      sum.magnitudes[place(at)]! += magnitudes[at]!;
    });
    return sum;
  };
  return {
    y,
    gradients: Object.fromEntries(
      Object.entries(gradients).map((
        [name, sum],
      ) => [name, fold(inputs[name]!, sum)]),
    ),
  };
}

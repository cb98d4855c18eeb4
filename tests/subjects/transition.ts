/** Transitions of rank one: their problems, and their truth in float64. @module */
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  deltaAttention,
  transitionAttention,
  transitionStep,
} from "../../mod.ts";
import { deviations, type Input } from "../comparison.ts";
import { constant, dot, exp, minus, plus, times } from "../float64.ts";
import {
  type Axes,
  type Recurrence,
  solveRecurrence,
  type State,
  type Token,
} from "../family/recurrence.ts";
import { array, uniform, unitRows } from "../random.ts";
import { anyWay, WAYS } from "./delta.ts";
import { headSizes, logDecays, spoilPadding, upTo } from "./draw.ts";
import { decayOf, isOfChannels } from "./lion.ts";
import { cut, type Pieces } from "./pieces.ts";
import {
  hidingOf,
  type Problem,
  type Subject,
  type Tensors,
  type TokenCase,
  valuesOf,
} from "./subject.ts";

/** What states read: nothing, by their keys, by a and at k, or by a and at b. */
export const READS = ["none", "delta", "tied", "untied"] as const;

/** The kinds of decay: the state decays on arrival, alike from both sides. */
export const TRANSITION_DECAYS = [
  ...["none", "fixed", "arrival", "arrival of channels"] as const,
];

/** What varies from case to case. */
export interface TransitionCase extends TokenCase {
  readonly heads: number;
  readonly reads: typeof READS[number];
  readonly decay: typeof TRANSITION_DECAYS[number];
  readonly causal: boolean;
  /** @default 1 */
  readonly steps?: number;
  /** Whether there is an initial state, if causal. @default false */
  readonly hasState?: boolean;
  /** @default 6 */
  readonly headDim?: number;
  /** @default 5 */
  readonly valueDim?: number;
}

/** A problem, as the oracle has it. */
export interface TransitionProblem extends Problem {
  readonly reads: TransitionCase["reads"];
  readonly decay: TransitionCase["decay"];
  readonly causal: boolean;
  readonly heads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly steps: number;
}

const SCALE = 0.4;

/** What the oracle has to do: of 3 million it is about half a second. */
export const transitionWork = (
  { batch, heads, length, headDim, valueDim, steps }:
    & Required<
      Omit<TransitionCase, keyof TokenCase | "hasState">
    >
    & { batch: number; length: number },
) => 40 * batch * heads * length * steps * headDim * (valueDim + 3);

const STEP: Axes = ["batch", "heads", "length", "steps"];
const KEYS: Axes = [...STEP, "headDim"];
const VALUES: Axes = [...STEP, "valueDim"];

/** The recurrence of a problem. */
function recurrenceOf(
  { reads, decay }: Pick<TransitionCase, "reads" | "decay">,
): Recurrence {
  const columns: Axes = isOfChannels(decay) ? ["headDim"] : [];
  const inSteps = (faded: State, token: Token, before: State): State => {
    const { q, k, v, a, b, beta } = token;
    const steps = k!.length / q!.length, valueDim = v!.length / steps;
    const row = (x: Token[string] | undefined, step: number, size: number) =>
      x?.slice(step * size, (step + 1) * size);
    let state = faded;
    for (let step = 0; step < steps; step++) {
      const key = row(k, step, q!.length)!, value = row(v, step, valueDim)!;
      const reader = beta ? key : row(a, step, q!.length);
      const place = row(b, step, q!.length) ?? key;
      // Later steps have no decay before them.
      const read = step === 0 && !beta ? before : state;
      const found = value.map((_, e) =>
        reader ? dot(reader, read.map((x) => x[e]!)) : constant(0)
      );
      state = state.map((x, n) =>
        x.map((s, e) => {
          if (beta) {
            const news = times(beta[step]!, minus(value[e]!, found[e]!));
            return plus(s, times(key[n]!, news));
          }
          const written = times(key[n]!, value[e]!);
          return plus(s, times(place[n]!, found[e]!), written);
        })
      );
    }
    return state;
  };
  const readBy = (state: State, { q }: Token) =>
    state[0]!.map((_, e) => dot(q!, state.map((x) => x[e]!)));
  return {
    inputs: {
      ...{ q: ["batch", "heads", "length", "headDim"], k: KEYS, v: VALUES },
      ...reads === "tied" || reads === "untied" ? { a: KEYS } : {},
      ...reads === "untied" ? { b: KEYS } : {},
      ...reads === "delta" ? { beta: STEP } : {},
      ...decay === "none" ? {} : {
        logDecay: decay === "fixed"
          ? ["heads"]
          : ["batch", "heads", "length", ...columns],
      },
    },
    state: ({ headDim, valueDim }) => [headDim, valueDim],
    fade: (state, { logDecay }) =>
      state.map((x, n) =>
        logDecay
          ? x.map((s) => times(exp(logDecay[n % logDecay.length]!), s))
          : x
      ),
    turnsStates: true,
    leavesOutPadding: true,
    write: inSteps,
    read: readBy,
    own: (token) => {
      const { q, k, v } = token;
      const valueDim = v!.length / (k!.length / q!.length);
      const nothing = q!.map(() => Array(valueDim).fill(constant(0)));
      return readBy(inSteps(nothing, token, nothing), token);
    },
    output: (read) => read.map((x) => times(constant(SCALE), x)),
  };
}

/**
 * Seeded numbers: what reads is nearly what was written, with gates of channels, so that
 * states stay bounded.
 */
function problemOf(c: TransitionCase): TransitionProblem {
  const { batch, heads, length, reads, decay, causal, hasState } = c;
  const { steps = 1, headDim = 6, valueDim = 5 } = c;
  const isDrawn = c.values !== undefined;
  const random = uniform(c.values ?? length * 1009 + batch * 31 + heads);
  const rows = batch * heads * length;
  const q = array(rows * headDim, random);
  const k = unitRows(array(rows * steps * headDim, random), headDim);
  const v = array(rows * steps * valueDim, random);
  const place = reads === "untied"
    ? unitRows(array(rows * steps * headDim, random), headDim)
    : k;
  // Of numbers from 0 to 1, both of which they reach.
  const gates = array(
    rows * steps * headDim,
    random,
    (u) => u < 0.1 ? 0 : u > 0.9 ? 1 : u,
  );
  const a = place.map((x, i) => reads === "untied" ? -x : -x * gates[i]!);
  const b = place.map((x, i) => x * gates[i]!);
  const beta = array(rows * steps, random, (u) => u < 0.1 ? 0 : 2 * u);
  const columns = isOfChannels(decay) ? headDim : 1;
  const logDecay = decay === "fixed"
    ? logDecays(heads, 1, random, isDrawn)
    : logDecays(batch * heads, length * columns, random, isDrawn);
  const outputGradient = array(rows * valueDim, random);
  const hiding = hidingOf(c, random);
  if (hiding.mask) {
    for (const x of [q, k, v, a, b, beta, outputGradient]) {
      spoilPadding(x, hiding.mask, c);
    }
    if (decay !== "fixed") spoilPadding(logDecay, hiding.mask, c);
  }
  const tokens = [batch, heads, length],
    ofSteps = [batch, heads, length * steps];
  const shapes = {
    ...{ q: [...tokens, headDim], k: [...ofSteps, headDim] },
    ...{ v: [...ofSteps, valueDim], a: [...ofSteps, headDim] },
    ...{ b: [...ofSteps, headDim], beta: ofSteps },
    logDecay: decay === "fixed"
      ? [heads]
      : isOfChannels(decay)
      ? [...tokens, headDim]
      : tokens,
  };
  const values = { q, k, v, a, b, beta, logDecay };
  const { inputs: names } = recurrenceOf({ reads, decay });
  const inputs: Record<string, Input> = Object.fromEntries(
    Object.keys(names).map((key) => {
      const name = key as keyof typeof values;
      return [name, { values: values[name], shape: shapes[name] }];
    }),
  );
  if (hasState && causal) {
    const size = batch * heads * headDim * valueDim;
    const shape = [batch, heads, headDim, valueDim];
    inputs["initialState"] = { values: array(size, random), shape };
  }
  return {
    ...{ batch, heads, length, headDim, valueDim, steps, reads, decay, causal },
    ...{
      inputs,
      outputGradient: { values: outputGradient, shape: [...tokens, valueDim] },
    },
    ...{ ...hiding, random },
  };
}

/** What takes turns while the lengths, decays and reads are all met. */
const VARIANTS = [
  { batch: 1, heads: 1, steps: 1, padded: false, packed: false },
  { batch: 2, heads: 1, steps: 2, padded: true, packed: false },
  { batch: 1, heads: 3, steps: 1, padded: false, packed: true },
  { batch: 1, heads: 2, steps: 3, padded: true, packed: true },
  { batch: 2, heads: 2, steps: 1, padded: true, packed: true },
];

/** The subject. */
export const TRANSITION: Subject<TransitionCase, TransitionProblem> = {
  name: "transitionAttention",
  // Software WebGPU compiles the shaders of a case for ten seconds.
  every: 61,
  cases: [1, 2, 67].flatMap((length, l) =>
    READS.flatMap((reads, r) =>
      TRANSITION_DECAYS.flatMap((decay, g) =>
        [false, true].map((causal, c) => {
          const variant = VARIANTS[(l + r + g + 2 * c) % VARIANTS.length]!;
          return {
            ...{
              ...variant,
              reads,
              decay,
              causal,
              hasState: (r + g) % 2 === 0,
            },
            // As many steps: token by token each takes its time.
            length: Math.ceil(length / variant.steps),
          };
        })
      )
    )
  ),
  ...WAYS,
  random: (backend) =>
    fc.tuple(
      fc.record({
        ...{ batch: upTo(2), heads: upTo(3), length: upTo(24) },
        reads: fc.constantFrom(...READS),
        decay: fc.constantFrom(...TRANSITION_DECAYS),
        steps: upTo(4),
        ...{ causal: fc.boolean(), hasState: fc.boolean() },
        ...{ padded: fc.boolean(), packed: fc.boolean() },
      }),
      headSizes(backend, { headDim: 9, valueDim: 9, chunkSize: 26 }),
      anyWay(),
    ).map(([c, { chunkSize, ...dims }, way]) =>
      [{ ...c, ...dims }, { ...way, chunkSize }] as const
    ),
  problemOf,
  solve: ({ inputs, outputGradient, ...problem }) =>
    solveRecurrence(recurrenceOf(problem), {
      ...{ ...problem, inputs: valuesOf(inputs), dy: outputGradient.values },
    }),
  run(inputs, { decay, causal, steps }, options) {
    const { q, k, v, a, b, beta, initialState, ...gates } = inputs;
    const given = {
      ...{ decay: decayOf(decay, gates), causal, steps, scale: SCALE },
      ...{ initialState, ...options as object },
    };
    return beta
      ? deltaAttention(q, k, v, beta, given)
      : transitionAttention(q, k, v, a ?? null, b ?? null, given);
  },
  // Gates of channels let terms grow where states do not.
  tolerance: { forward: 2e-6, gradient: 5e-5 },
};

/** The rows of some tokens, of all their steps. */
function piece(
  inputs: Tensors,
  length: number,
  start: number,
  count: number,
): Tensors {
  const rows = Object.entries<tf.Tensor | undefined>(inputs);
  return Object.fromEntries(rows.flatMap(([name, x]) => {
    if (!x) return [];
    const steps = x.rank < 3 ? 1 : x.shape[2]! / length;
    const { x: part } = cut({ x }, steps * start, steps * count);
    return [[name, part]];
  }));
}

/** Steps of transitions. */
export const TRANSITION_STEP: Subject<
  TransitionCase & Pieces,
  TransitionProblem & Pieces
> = {
  ...TRANSITION,
  name: "transitionStep",
  // On WebGPU gradients in decays are sums of differences of those in vectors; elsewhere
  // those in a head's only decay may be as small beside its terms.
  deviations: (problem, actual, expected, backend) => {
    const isSum = problem.decay === "fixed";
    const share = backend === "webgpu" ? 1e-3 : isSum ? 1e-4 : 0;
    return deviations(problem, actual, expected, share);
  },
  ways: [{ kernel: true }, { kernel: false }],
  isPlain: ({ kernel }) => kernel === false,
  hasUntaped: true,
  cases: [[1], [13], Array(13).fill(1), [4, 1, 6, 2], [40, 1, 26]].flatMap(
    (pieces, p) =>
      (["none", "tied", "untied"] as const).flatMap((reads, r) =>
        TRANSITION_DECAYS.map((decay, g) => ({
          ...{ batch: 1 + (p + g) % 2, heads: 2, pieces, reads, decay },
          length: pieces.reduce((sum, x) => sum + x),
          ...{ steps: 1 + (r + g) % 3, padded: (p + r + g) % 2 === 1 },
          ...{ causal: true, hasState: g % 2 === 0 },
        }))
      ),
  ),
  random: (backend) =>
    fc.tuple(TRANSITION.random(backend), upTo(9)).map(([[c, way], size]) => {
      const pieces = Array(Math.ceil(c.length / size)).fill(size)
        .with(-1, c.length % size || Math.min(size, c.length));
      const reads = c.reads === "delta" ? "tied" : c.reads;
      const { kernel = true } = way;
      const given = { ...c, reads, pieces, causal: true, packed: false };
      return [given, { kernel }] as const;
    }),
  problemOf: ({ pieces, ...c }) => ({ ...problemOf(c), pieces }),
  run(inputs, { pieces, length }, { kernel, mask }) {
    const { a = null, b = null, initialState = null, ...others } = inputs;
    let state: tf.Tensor | null = initialState, start = 0;
    const answers = pieces.map((count) => {
      const given = { ...others, a: a ?? undefined, b: b ?? undefined, mask };
      const part = piece(given, length, start, count);
      const step = transitionStep(
        state,
        { a: null, b: null, ...part } as Parameters<typeof transitionStep>[1],
        { scale: SCALE, kernel },
      );
      start += count;
      state = step.state;
      return step.y;
    });
    return tf.concat(answers, 2);
  },
};

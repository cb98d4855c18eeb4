/** Softmax attention: its problems, and their truth in float64. @module */
import fc from "fast-check";
import { alibiSlopes, softmaxAttention } from "../../mod.ts";
import { type Input, wholeDeviations } from "../comparison.ts";
import type { OracleDecay } from "../oracle.ts";
import { array, uniform } from "../random.ts";
import {
  type SoftmaxProblem as Oracle,
  solveSoftmax,
} from "../softmax_oracle.ts";
import { logDecays, spoilPadding, upTo } from "./draw.ts";
import { decayOf, DECAYS, folded, spread } from "./lion.ts";
import {
  hidingOf,
  type Problem,
  type Subject,
  type TokenCase,
} from "./subject.ts";

/** What varies from case to case. */
export interface SoftmaxCase extends TokenCase {
  readonly heads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly causal: boolean;
  /** Whether scores fall with distance: as ALiBi says, or by a few drawn slopes. @default false */
  readonly sloped?: boolean;
  /** @default "none" */
  readonly decay?: typeof DECAYS[number];
  /** Whether one row of log decays is that of all. @default false */
  readonly sharedDecay?: boolean;
  /** The option, `null` to leave it out. @default 0.7 */
  readonly scale?: number | null;
}

/** A problem, as the oracle has it. */
export interface SoftmaxProblem extends Oracle, Problem {
  readonly mask?: Float32Array;
  readonly segments?: Int32Array;
  readonly given: { readonly scale?: number };
  readonly kind: typeof DECAYS[number];
}

/** Where all of the first sequence is padding. */
export const FIRST = { kind: "ones", where: "the first row" } as const;

/** Padding of any kind, of none. */
export const MASKS = [{}, { padded: true }, { padding: FIRST }] as const;

/** What slopes may take from a score: an error of 3e-6 of it is documented. */
const LARGEST_PENALTY = 10;

/** The log decays of each kind of decay. */
const NAMES: Readonly<Record<typeof DECAYS[number], readonly string[]>> = {
  ...{ none: [], fixed: ["logDecay"], source: ["logDecay"] },
  ...{ arrival: ["logDecay"], "two-sided": ["forward", "backward"] },
};

function problemOf(c: SoftmaxCase): SoftmaxProblem {
  const { batch, heads, length, headDim, valueDim, causal, scale = 0.7 } = c;
  const random = uniform(c.values ?? length * 1009 + batch * 31 + heads);
  const rows = batch * heads * length;
  const [q, k, v, dy] = [headDim, headDim, valueDim, valueDim]
    .map((columns) => array(rows * columns, random)) as [
      ...[Float32Array, Float32Array, Float32Array, Float32Array],
    ];
  const hiding = hidingOf(c, random);
  const { mask } = hiding;
  if (mask) { for (const x of [q, k, v, dy]) spoilPadding(x, mask, c); }
  const slope = () => random() * LARGEST_PENALTY / length;
  const slopes = c.values === undefined
    ? alibiSlopes(heads)
    : Array.from({ length: heads }, slope);
  const shape = [batch, heads, length];
  const { decay: kind = "none" } = c;
  const entries = c.sharedDecay ? 1 : batch;
  const decays = Object.fromEntries(NAMES[kind].map((name): [string, Input] => {
    const [sequences, perSequence] = kind === "fixed"
      ? [heads, 1]
      : [entries * heads, length];
    return [name, {
      values: logDecays(sequences, perSequence, random, c.values !== undefined),
      shape: kind === "fixed" ? [heads] : [entries, heads, length],
    }];
  }));
  const whole = Object.entries(decays)
    .map(([name, input]) => [name, spread(input, [batch, heads])]);
  return {
    ...{ batch, heads, length, headDim, valueDim, causal, q, k, v, dy },
    scale: scale ?? 1 / Math.sqrt(headDim),
    given: scale === null ? {} : { scale },
    ...c.sloped ? { slopes } : {},
    ...{ ...hiding, random, kind },
    decay: { kind, ...Object.fromEntries(whole) } as OracleDecay,
    inputs: {
      q: { values: q, shape: [...shape, headDim] },
      k: { values: k, shape: [...shape, headDim] },
      v: { values: v, shape: [...shape, valueDim] },
      ...decays,
    },
    outputGradient: { values: dy, shape: [...shape, valueDim] },
  };
}

/** A problem with other numbers in its arrays. */
export function replaced(
  problem: SoftmaxProblem,
  change: Partial<Pick<Oracle, "q" | "k" | "v" | "dy">>,
): SoftmaxProblem {
  const { inputs, outputGradient } = problem;
  const of = (name: "q" | "k" | "v") => ({
    ...inputs[name]!,
    values: change[name] ?? problem[name],
  });
  return {
    ...{ ...problem, ...change },
    inputs: { ...inputs, q: of("q"), k: of("k"), v: of("v") },
    outputGradient: { ...outputGradient, values: change.dy ?? problem.dy },
  };
}

/** Lengths about the blocks of the kernels, and columns that are no whole vectors. */
const CASES: SoftmaxCase[] = [1, 2, 67, 130, 200].flatMap((length) =>
  MASKS.flatMap((mask) =>
    [false, true].flatMap((causal) =>
      (length === 67 ? [false, true] : [false]).flatMap((packed) => {
        const c = { length, ...mask, causal, packed };
        return [
          { batch: 2, heads: 1, headDim: 6, valueDim: 5, ...c },
          { batch: 1, heads: 3, headDim: 8, valueDim: 12, ...c },
        ];
      })
    )
  )
);

/** Each way of ALiBi: of one head and more, of some that are no power of two. */
const ALIBI: SoftmaxCase[] = [1, 67, 130].flatMap((length) =>
  [false, true].flatMap((causal) => {
    const c = { length, causal, sloped: true, headDim: 6, valueDim: 5 };
    return [
      { batch: 2, heads: 1, ...c },
      { batch: 2, heads: 3, padded: true, packed: true, ...c },
    ];
  })
);

/** Each kind of decay, of all sequences or one for all of them. */
const DECAYED: SoftmaxCase[] = [1, 2, 67, 130, 400].flatMap((length, l) =>
  DECAYS.filter((decay) => decay !== "none").flatMap((decay, d) =>
    [false, true].map((causal, n) => ({
      ...{ length, decay, causal, headDim: 6, valueDim: 5 },
      ...(l + d + n) % 2
        ? { batch: 1, heads: 7, padded: d === 1, packed: l > 1 && d > 1 }
        : { batch: 2, heads: 3, padded: true, packed: l === 2 },
      ...{ sharedDecay: d === 0, sloped: l === 3 && d === 2 },
    }))
  )
);

/** The subject. */
export const SOFTMAX: Subject<SoftmaxCase, SoftmaxProblem> = {
  name: "softmaxAttention",
  cases: [...CASES, ...ALIBI, ...DECAYED],
  ways: [{ kernel: true }, { kernel: false }],
  /** On webgpu few, since each kind of columns is a shader. */
  random(backend) {
    const columns = backend === "webgpu" ? fc.constantFrom(3, 8) : upTo(70);
    return fc.record({
      ...{ batch: upTo(2), heads: upTo(3) },
      length: upTo(backend === "cpu" ? 60 : 220),
      ...{ headDim: columns, valueDim: columns, causal: fc.boolean() },
      ...{ mask: fc.constantFrom(...MASKS), packed: fc.boolean() },
      decay: fc.constantFrom(...DECAYS),
    }).map(({ mask, ...c }) => [{ ...c, ...mask }, { kernel: true }] as const);
  },
  problemOf,
  solve: (problem) => folded(solveSoftmax(problem), problem),
  run: ({ q, k, v, ...decays }, { causal, given, slopes, kind }, options) =>
    softmaxAttention(q, k, v, {
      causal,
      ...given,
      decay: decayOf(kind, decays),
      slopes,
      ...options as object,
    }),
  deviations: ({ inputs, outputGradient, kind, length }, actual, expected) =>
    wholeDeviations(actual, expected, {
      few: kind === "fixed" || length <= 2,
      // Sequences, or what they share; where one key is left, dq and dk are rounding.
      partsOf: (name) => {
        const { shape } = inputs[name.slice(1)] ?? outputGradient;
        if (kind === "none" || name === "dq" || name === "dk") return 0;
        return shape.length === 1 ? shape[0]! : shape[0]! * shape[1]!;
      },
    }),
};

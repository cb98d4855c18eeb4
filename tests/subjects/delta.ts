/** The delta rule: its problems, and their truth in float64. @module */
import fc from "fast-check";
import { deltaAttention } from "../../mod.ts";
import type { Input } from "../comparison.ts";
import { type DeltaProblem as Oracle, solveDelta } from "../delta_oracle.ts";
import type { Differentiated, Sum } from "../float64.ts";
import { array, uniform, unitRows } from "../random.ts";
import { headSizes, logDecays, spoilPadding, upTo } from "./draw.ts";
import { decayOf, isOfChannels } from "./lion.ts";
import {
  hidingOf,
  type Problem,
  type Subject,
  type TokenCase,
} from "./subject.ts";

/** The kinds of decay: the state decays on arrival. */
export const DELTA_DECAYS = [
  ...["none", "fixed", "arrival", "two-sided"] as const,
  ...["arrival of channels", "two-sided of channels"] as const,
];

/** What varies from case to case. */
export interface DeltaCase extends TokenCase {
  readonly heads: number;
  readonly decay: typeof DELTA_DECAYS[number];
  readonly causal: boolean;
  /** @default 6 */
  readonly headDim?: number;
  /** @default 5 */
  readonly valueDim?: number;
  /** The option, `null` to leave it out. @default 0.4 */
  readonly scale?: number | null;
}

/** A problem, as the oracle has it. */
export interface DeltaProblem extends Oracle, Problem {
  readonly segments?: Int32Array;
  readonly mask?: Float32Array;
  readonly decay: DeltaCase["decay"];
  readonly given: { readonly scale?: number };
}

/** What the oracle has to do: of 3 million it is about half a second. */
export const deltaWork = (
  { batch, heads, length, headDim, valueDim }: Required<
    Pick<DeltaCase, "batch" | "heads" | "length" | "headDim" | "valueDim">
  >,
) => 20 * batch * heads * length * headDim ** 2 * (valueDim + 3);

/** Seeded numbers: keys of length one, β from 0 to 2. */
function problemOf(c: DeltaCase): DeltaProblem {
  const { batch, heads, length, headDim = 6, valueDim = 5, causal } = c;
  const isDrawn = c.values !== undefined;
  const random = uniform(c.values ?? length * 1009 + batch * 31 + heads);
  const rows = batch * heads * length;
  const isDiagonal = isOfChannels(c.decay);
  const log = () => {
    const columns = isDiagonal ? headDim : 1;
    return logDecays(batch * heads, length * columns, random, isDrawn);
  };
  const perHead = c.decay === "fixed"
    ? logDecays(heads, 1, random, isDrawn)
    : undefined;
  const gates: Oracle["gates"] = c.decay === "none" ? {} : perHead
    ? {
      forward: Float32Array.from(
        { length: rows },
        (_, i) => perHead[Math.floor(i / length) % heads]!,
      ),
    }
    : c.decay.startsWith("two-sided")
    ? { forward: log(), backward: log() }
    : { forward: log() };
  const q = array(rows * headDim, random);
  const k = unitRows(array(rows * headDim, random), headDim);
  const v = array(rows * valueDim, random);
  const beta = array(rows, random, (u) => u < 0.1 ? 0 : 2 * u);
  const dy = array(rows * valueDim, random);
  const hiding = hidingOf(c, random);
  if (hiding.mask) {
    const gated = perHead ? [] : Object.values(gates);
    for (const x of [q, k, v, beta, dy, ...gated]) {
      spoilPadding(x, hiding.mask, c);
    }
  }
  const { scale = 0.4 } = c;
  const problem: Oracle = {
    ...{ batch, heads, length, headDim, valueDim, causal, isDiagonal },
    ...{ q, k, v, beta, gates, dy, ...hiding },
    scale: scale ?? 1 / Math.sqrt(headDim),
  };
  return {
    ...{ ...problem, ...hiding, decay: c.decay, random },
    given: scale === null ? {} : { scale },
    ...inputsOf(problem, perHead),
  };
}

/** The inputs of arrays as the library takes them. */
function inputsOf(
  { batch, heads, length, headDim, valueDim, isDiagonal, ...arrays }: Oracle,
  perHead?: Float32Array,
): Pick<Problem, "inputs" | "outputGradient"> {
  const { q, k, v, beta, gates, dy } = arrays;
  const tokens = [batch, heads, length];
  const { forward, backward } = gates;
  const ofGate = (values: Float32Array): Input => ({
    values,
    shape: isDiagonal ? [...tokens, headDim] : tokens,
  });
  return {
    inputs: {
      q: { values: q, shape: [...tokens, headDim] },
      k: { values: k, shape: [...tokens, headDim] },
      v: { values: v, shape: [...tokens, valueDim] },
      beta: { values: beta, shape: tokens },
      ...perHead
        ? { logDecay: { values: perHead, shape: [heads] } }
        : backward
        ? { forward: ofGate(forward!), backward: ofGate(backward) }
        : forward
        ? { logDecay: ofGate(forward) }
        : {},
    },
    outputGradient: { values: dy, shape: [...tokens, valueDim] },
  };
}

/** A problem with some of its arrays replaced. */
export function replaced(
  problem: DeltaProblem,
  change: Partial<Pick<Oracle, "k" | "beta" | "gates">>,
): DeltaProblem {
  const changed = { ...problem, ...change };
  return { ...changed, ...inputsOf(changed) };
}

/** The truth: outputs, and gradients as the library's inputs have them. */
function solve(problem: DeltaProblem): Differentiated {
  const solution = solveDelta(problem);
  const { decay, heads, length } = problem;
  if (decay.startsWith("two-sided")) return solution;
  const { forward, ...gradients } = solution.gradients;
  if (!forward) return solution;
  if (decay !== "fixed") {
    return { ...solution, gradients: { ...gradients, logDecay: forward } };
  }
  const logDecay: Sum = {
    values: new Float64Array(heads),
    magnitudes: new Float64Array(heads),
  };
  forward.values.forEach((x, i) => {
    const head = Math.floor(i / length) % heads;
    logDecay.values[head]! += x;
    logDecay.magnitudes[head]! += forward.magnitudes[i]!;
  });
  return { ...solution, gradients: { ...gradients, logDecay } };
}

/** What takes turns while the lengths and decays are all met. */
const VARIANTS = [
  { batch: 1, heads: 1, padded: false, packed: false },
  { batch: 2, heads: 1, padded: true, packed: false },
  { batch: 1, heads: 3, padded: false, packed: true },
  { batch: 2, heads: 2, padded: true, packed: true },
];

/** The subject. */
export const DELTA: Subject<DeltaCase, DeltaProblem> = {
  name: "deltaAttention",
  cases: [1, 2, 67, 130].flatMap((length, l) =>
    DELTA_DECAYS.flatMap((decay, g) =>
      [false, true].map((causal, c) => ({
        ...{ length, decay, causal },
        ...VARIANTS[(l + g + 2 * c) % VARIANTS.length]!,
      }))
    )
  ),
  ways: [
    { form: "recurrent" },
    { form: "chunkwise", chunkSize: 8 },
    { form: "auto", kernel: false },
  ],
  // The recurrent form has no kernel.
  isPlain: ({ form, kernel }) => form === "recurrent" || kernel === false,
  random: (backend) =>
    fc.tuple(
      fc.record({
        ...{ batch: upTo(2), heads: upTo(3), length: upTo(24) },
        decay: fc.constantFrom(...DELTA_DECAYS),
        causal: fc.boolean(),
        ...{ padded: fc.boolean(), packed: fc.boolean() },
      }),
      headSizes(backend, { headDim: 9, valueDim: 9, chunkSize: 26 }),
      fc.constantFrom(
        ...Array(3).fill({ form: "chunkwise", kernel: true }),
        { form: "chunkwise", kernel: false },
        { form: "recurrent" },
      ),
    ).map(([c, { chunkSize, ...dims }, way]) =>
      [{ ...c, ...dims }, { ...way, chunkSize }] as const
    ),
  problemOf,
  solve,
  run: ({ q, k, v, beta, ...gates }, { decay, causal, given }, options) =>
    deltaAttention(q, k, v, beta, {
      decay: decayOf(decay, gates),
      ...{ causal, ...given, ...options as object },
    }),
};

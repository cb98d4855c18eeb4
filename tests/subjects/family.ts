/** The models of the family: their problems, and their papers' recurrences in float64. @module */
import fc from "fast-check";
import type { Input } from "../comparison.ts";
import { levelsOf } from "../../lib/family/log_linear/levels.ts";
import { inputsOf, type Model, MODELS } from "../family/models.ts";
import { type Sizes, solveRecurrence } from "../family/recurrence.ts";
import { array, uniform } from "../random.ts";
import { headSizes, spoilPadding, upTo } from "./draw.ts";
import {
  hidingOf,
  type Problem,
  type Subject,
  type TokenCase,
  valuesOf,
  type Way,
} from "./subject.ts";

/** What varies from case to case. */
export interface FamilyCase extends TokenCase, Sizes {
  readonly causal: boolean;
}

/** A problem of a model. */
export interface FamilyProblem extends Problem, Sizes {
  readonly causal: boolean;
}

/** Inputs whose padding is read: a state passes it by paying its decays. */
const READ_IN_PADDING = ["logDecay", "forget", "phase"];

/** Seeded numbers; what padding holds is not to be read. */
function problemOf(model: Model, c: FamilyCase): FamilyProblem {
  const { batch, heads, length, headDim, valueDim, causal } = c;
  const sizes = {
    ...{ batch, heads, length, headDim, valueDim, steps: 1 + length % 3 },
    ...{ angles: headDim >> 1, levels: levelsOf(length) },
  };
  const random = uniform(c.values ?? length * 1009 + batch * 31 + heads);
  const inputs: Record<string, Input> = { ...inputsOf(model, sizes, random) };
  const shape = [batch, heads, length, valueDim];
  const outputGradient = {
    values: array(batch * heads * length * valueDim, random),
    shape,
  };
  const logarithms = (model.logarithmic ?? [])
    .map((name) => [name, inputs[name]!.values] as const);
  const hiding = hidingOf(c, random);
  if (hiding.mask) {
    const vectors = Object.keys(inputs).filter((name) =>
      model.leavesOutPadding
        ? model.inputs[name]!.includes("length")
        : model.inputs[name]!.length === 4 && !READ_IN_PADDING.includes(name)
    );
    for (const x of [outputGradient, ...vectors.map((name) => inputs[name]!)]) {
      spoilPadding(x.values, hiding.mask, c);
    }
  }
  if (model.takesState && causal) {
    const shape = [batch, heads, headDim, valueDim];
    const size = batch * heads * headDim * valueDim;
    inputs["initialState"] = { values: array(size, random), shape };
  }
  return {
    ...{ ...sizes, causal, inputs, outputGradient },
    ...{ random, ...hiding, logarithms: Object.fromEntries(logarithms) },
  };
}

/** The first and the last are computed on every backend. */
const CASES: FamilyCase[] = [1, 2, 130, 67].flatMap((length, l) =>
  [false, true].map((causal, c) => ({
    ...(l + c) % 2
      ? { batch: 1, heads: 3, padded: false, packed: l > 1 }
      : { batch: 2, heads: 1, padded: true, packed: l % 2 === 1 },
    ...{ length, causal, headDim: 4, valueDim: 3 },
  }))
);

/** The ways of a model's forms, or the only one. */
const waysOf = ({ forms }: Model, chunkSize: number): readonly Way[] =>
  forms.length > 0 ? forms.map((form) => ({ form: form!, chunkSize })) : [{}];

/** A model as a subject. */
export function subjectOf(model: Model): Subject<FamilyCase, FamilyProblem> {
  return {
    name: model.name,
    cases: CASES,
    ways: waysOf(model, 16),
    isPlain: () => false,
    random: (backend) =>
      fc.tuple(
        fc.record({
          ...{ batch: upTo(2), heads: upTo(3), length: upTo(9) },
          causal: fc.boolean(),
          ...{ padded: fc.boolean(), packed: fc.boolean() },
        }),
        headSizes(backend, { headDim: 6, valueDim: 6, chunkSize: 10 }),
        fc.nat(),
      ).map(([c, { chunkSize, ...dims }, n]) => {
        const ways = waysOf(model, chunkSize);
        return [{ ...c, ...dims }, ways[n % ways.length]!] as const;
      }),
    problemOf: (c) => problemOf(model, c),
    solve: ({ inputs, outputGradient, ...problem }) =>
      solveRecurrence(model, {
        ...{ ...problem, inputs: valuesOf(inputs), dy: outputGradient.values },
      }),
    run: (inputs, { causal }, options) =>
      model.run(inputs, { causal, ...options }),
    tolerance: { forward: 2e-6, gradient: 5e-5 },
  };
}

/** A subject for each of them. */
export const FAMILY = MODELS.map(subjectOf);

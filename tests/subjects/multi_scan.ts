/** Attention along several paths: its problems, and their truth, the mean of the paths' masks. @module */
import fc from "fast-check";
import type { DecayConvention } from "../../lib/attention/decays/decay.ts";
import { multiScanAttention } from "../../mod.ts";
import { deviation, deviations, type Input, largest } from "../comparison.ts";
import {
  constant,
  differentiate,
  type Differentiated,
  dot,
  exp,
  over,
  plus,
  type Scalar,
  times,
} from "../float64.ts";
import { array, uniform } from "../random.ts";
import { headSizes, upTo } from "./draw.ts";
import { decayOf, FORMS } from "./lion.ts";
import {
  hidingOf,
  type Problem,
  type Subject,
  type TokenCase,
  valuesOf,
} from "./subject.ts";

/** A path's decay: `[heads]`, or `[batch, heads, length]` with a convention. */
type Kind = DecayConvention | "fixed" | "none";

/** What varies from case to case; rows that are packed are one row. */
export interface MultiScanCase extends TokenCase {
  readonly heads: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Of the decay of each path. */
  readonly kinds: readonly Kind[];
  readonly normalize: boolean;
}

/** A problem; log decays are inputs by the number of their path. */
export type MultiScanProblem =
  & Problem
  & Omit<MultiScanCase, keyof TokenCase>
  & { readonly orders: readonly (readonly number[])[] };

const SCALE = 0.4, EPSILON = 1e-6;

/** Fisher and Yates. */
function shuffled<T>(of: readonly T[], random: () => number): T[] {
  const order = [...of];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** The tokens of a row in runs of one number. */
function runsOf(length: number, segments: Int32Array | undefined): number[][] {
  const runs: number[][] = [];
  for (let i = 0; i < length; i++) {
    const isNew = i === 0 || segments && segments[i] !== segments[i - 1];
    if (isNew) runs.push([i]);
    else runs.at(-1)!.push(i);
  }
  return runs;
}

function problemOf(c: MultiScanCase): MultiScanProblem {
  const { batch, heads, length, headDim, valueDim, kinds, normalize } = c;
  const random = uniform(c.values ?? kinds.length + (c.padding ? 10 : 0));
  const of = (shape: number[], make?: (u: number) => number): Input => ({
    ...{ values: array(shape.reduce((a, b) => a * b), random, make), shape },
  });
  const feature = (u: number) => normalize ? 0.1 + u : 2 * u - 1;
  // Weak, strong and absolute decays.
  const decay = (u: number) =>
    u < 0.1 ? 0 : u < 0.2 ? -60 : u < 0.3 ? -Infinity : Math.log(u);
  const q = [batch, heads, length, headDim], v = q.with(3, valueDim);
  const hiding = hidingOf(c, random);
  const runs = runsOf(length, hiding.segments);
  // A path visits one sequence after another.
  const orders = kinds.map(() =>
    shuffled(runs, random).flatMap((run) => shuffled(run, random))
  );
  const decays = kinds.flatMap((kind, path) =>
    kind === "none" ? [] : [[
      `path ${path}`,
      of(kind === "fixed" ? [heads] : q.slice(0, 3), decay),
    ]]
  );
  return {
    ...{ batch, heads, length, headDim, valueDim, kinds, normalize },
    ...{ random, orders, outputGradient: of(v), ...hiding },
    inputs: {
      ...{ q: of(q, feature), k: of(q, feature), v: of(v) },
      ...Object.fromEntries(decays),
    },
  };
}

/** The definition in float64. */
function solve(problem: MultiScanProblem): Differentiated {
  const { batch, heads, length, headDim, valueDim } = problem;
  const { kinds, orders, inputs, outputGradient, mask, segments, normalize } =
    problem;
  const isToken = (row: number) =>
    mask?.[Math.floor(row / (heads * length)) * length + row % length] !== 0;
  const seen = outputGradient.values
    .map((x, i) => isToken(Math.floor(i / valueDim)) ? x : 0);
  const runs = runsOf(length, segments);
  return differentiate(valuesOf(inputs), seen, (x) => {
    const row = (name: string, i: number) =>
      x[name]!.slice(i * headDim, (i + 1) * headDim);
    /** The product of a path's decays from a source to a reader. */
    const decayBetween = (
      path: number,
      first: number,
      from: number,
      to: number,
    ) => {
      const order = orders[path]!, kind = kinds[path]!;
      if (kind === "none") return constant(1);
      const step = Math.sign(order.indexOf(to) - order.indexOf(from));
      const decays: Scalar[] = [];
      for (let at = order.indexOf(from); order[at] !== to; at += step) {
        const token = order[kind === "arrival" ? at + step : at]!;
        const place = kind === "fixed" ? first / length % heads : first + token;
        decays.push(exp(x[`path ${path}`]![place]!));
      }
      return decays.reduce(times, constant(1));
    };
    return Array.from({ length: batch * heads * length }, (_, reader) => {
      const own = reader % length, first = reader - own;
      if (!isToken(reader)) return Array<Scalar>(valueDim).fill(constant(0));
      const sources = runs.find((run) => run.includes(own))!
        .map((token) => first + token).filter(isToken);
      const weights = sources.map((source) => {
        const ways = kinds.map((_, path) =>
          decayBetween(path, first, source - first, own)
        );
        const score = dot(row("q", reader), row("k", source));
        const share = constant(SCALE / kinds.length);
        return times(share, times(plus(...ways), score));
      });
      const sums = Array.from(
        { length: valueDim },
        (_, e) =>
          dot(
            weights,
            sources.map((source) => x["v"]![source * valueDim + e]!),
          ),
      );
      const norm = plus(...weights, constant(EPSILON));
      return normalize ? sums.map((sum) => over(sum, norm)) : sums;
    }).flat();
  });
}

const KINDS: readonly (readonly Kind[])[] = [
  ["none", "none"],
  ...[["fixed"], ["source"], ["fixed", "fixed"], ["source", "source"]] as const,
  ...[["arrival", "arrival", "arrival"], [
    "fixed",
    "arrival",
    "source",
  ]] as const,
];

const SIZES = { length: 11, heads: 3, headDim: 4, valueDim: 5 };

/** All but the first token of a row. */
const PADDED = { padding: { kind: "ones", where: "after the first" } } as const;

/** The subject. */
export const MULTI_SCAN: Subject<MultiScanCase, MultiScanProblem> = {
  name: "multiScanAttention",
  cases: KINDS.flatMap((kinds) =>
    [false, true].flatMap((normalize) => {
      const c = { ...SIZES, kinds, normalize };
      return [
        ...[{ ...c, batch: 2 }, { ...c, batch: 2, ...PADDED }],
        { ...c, batch: 1, packed: true },
      ];
    })
  ),
  ways: [
    { form: "auto" },
    ...FORMS.map((form) => ({ form, chunkSize: 4 })),
  ],
  random: (backend) =>
    fc.tuple(
      fc.record({
        ...{ batch: upTo(2), heads: upTo(3), length: upTo(9) },
        kinds: fc.constantFrom(...KINDS),
        ...{ normalize: fc.boolean(), padded: fc.boolean() },
        ...{ packed: fc.boolean(), values: fc.nat() },
      }),
      headSizes(backend, { headDim: 8, valueDim: 8, chunkSize: 9 }),
      fc.constantFrom(...FORMS),
    ).map(([{ padded, ...c }, { chunkSize, ...dims }, form]) =>
      [
        {
          ...{ ...c, ...dims, batch: c.packed ? 1 : c.batch },
          ...padded ? PADDED : {},
        },
        { form, chunkSize },
      ] as const
    ),
  problemOf,
  solve,
  run: ({ q, k, v, ...decays }, { kinds, orders, normalize }, options) =>
    multiScanAttention(
      q,
      k,
      v,
      orders.map((order, path) => ({
        order,
        decay: decayOf(kinds[path]!, { logDecay: decays[`path ${path}`] }),
      })),
      {
        ...{ normalize, scale: SCALE, epsilon: EPSILON },
        ...options as object,
      },
    ),
  // Of fewer tokens gradients cancel.
  deviations: (problem, actual, expected) =>
    problem.length < SIZES.length ? deviations(problem, actual, expected) : [
      ["y", actual.y, expected.y] as const,
      ...Object.entries(expected.gradients).map(([name, sum]) =>
        [`d${name}`, actual.gradients[name]!, sum] as const
      ),
    ].map(([name, got, { values }]) => {
      const size = largest(values);
      return deviation(name, got, {
        values,
        magnitudes: values.map(() => size),
      });
    }),
};

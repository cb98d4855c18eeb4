/** Attention in orders equals loops over the mean of the orders' masks. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  lionAttention,
  multiScanAttention,
  noDecay,
  snakeScan,
} from "../../mod.ts";
import type { DecayConvention } from "../../lib/attention/decays/decay.ts";
import type { OrderedDecay } from "../../lib/attention/orders.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import {
  beyond,
  deviation,
  type Input,
  largest,
  outputAndGradients,
} from "../comparison.ts";
import {
  constant,
  differentiate,
  dot,
  exp,
  over,
  plus,
  type Scalar,
  times,
} from "../float64.ts";
import { array, uniform } from "../random.ts";
import { decayOf, FORMS } from "../subjects/lion.ts";
import { valuesOf } from "../subjects/subject.ts";

const [B, H, L, D, E] = [2, 3, 11, 4, 5];
const SCALE = 0.4, EPSILON = 1e-6;

/** Whose decay a way has: `[H]`, or `[B, H, L]` with a convention. */
type Kind = DecayConvention | "fixed";

interface Problem {
  readonly kinds: readonly Kind[];
  readonly orders: readonly (readonly number[])[];
  /** q, k, v, and log decays by the number of their way. */
  readonly inputs: Readonly<Record<string, Input>>;
  readonly dy: Input;
  readonly mask: Float32Array | undefined;
  readonly normalize: boolean;
}

/** Fisher and Yates. */
function shuffled(random: () => number): number[] {
  const order = Array.from({ length: L }, (_, i) => i);
  for (let i = L - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

function problemOf(
  kinds: readonly Kind[],
  { padded, normalize }: { padded: boolean; normalize: boolean },
): Problem {
  const random = uniform(kinds.length + (padded ? 10 : 0));
  const of = (shape: number[], make?: (u: number) => number): Input => ({
    ...{ values: array(shape.reduce((a, b) => a * b), random, make), shape },
  });
  const feature = (u: number) => normalize ? 0.1 + u : 2 * u - 1;
  // Weak, strong and absolute decays.
  const decay = (u: number) =>
    u < 0.1 ? 0 : u < 0.2 ? -60 : u < 0.3 ? -Infinity : Math.log(u);
  return {
    kinds,
    orders: kinds.map(() => shuffled(random)),
    inputs: {
      ...{ q: of([B, H, L, D], feature), k: of([B, H, L, D], feature) },
      v: of([B, H, L, E]),
      ...Object.fromEntries(
        kinds.map((kind, way) => [
          `way ${way}`,
          of(kind === "fixed" ? [H] : [B, H, L], decay),
        ]),
      ),
    },
    dy: of([B, H, L, E]),
    mask: padded
      ? array(B * L, random, (u) => u < 0.3 ? 0 : 1).fill(1, 0, 1)
      : undefined,
    normalize,
  };
}

/** The definition in float64: outputs `[B, H, L, E]`, and all gradients. */
function solve({ kinds, orders, inputs, dy, mask, normalize }: Problem) {
  const isToken = (row: number) =>
    mask?.[Math.floor(row / (H * L)) * L + row % L] !== 0;
  const seen = dy.values.map((x, i) => isToken(Math.floor(i / E)) ? x : 0);
  return differentiate(valuesOf(inputs), seen, (x) => {
    const row = (name: string, i: number, columns: number) =>
      x[name]!.slice(i * columns, (i + 1) * columns);
    /** The product of a way's decays from a source to a reader. */
    const decayed = (way: number, first: number, from: number, to: number) => {
      const order = orders[way]!, kind = kinds[way]!;
      const step = Math.sign(order.indexOf(to) - order.indexOf(from));
      const decays: Scalar[] = [];
      for (
        let place = order.indexOf(from);
        order[place] !== to;
        place += step
      ) {
        const token = order[kind === "arrival" ? place + step : place]!;
        const at = kind === "fixed" ? first / L % H : first + token;
        decays.push(exp(x[`way ${way}`]![at]!));
      }
      return decays.reduce(times, constant(1));
    };
    return Array.from({ length: B * H * L }, (_, reader) => {
      const first = reader - reader % L;
      if (!isToken(reader)) return Array<Scalar>(E).fill(constant(0));
      const sources = Array.from({ length: L }, (_, j) => first + j)
        .filter(isToken);
      const weights = sources.map((source) => {
        const ways = kinds.map((_, way) =>
          decayed(way, first, source - first, reader - first)
        );
        const score = dot(row("q", reader, D), row("k", source, D));
        return times(
          constant(SCALE / kinds.length),
          times(plus(...ways), score),
        );
      });
      const sums = Array.from(
        { length: E },
        (_, e) =>
          dot(weights, sources.map((source) => x["v"]![source * E + e]!)),
      );
      const norm = plus(...weights, constant(EPSILON));
      return normalize ? sums.map((sum) => over(sum, norm)) : sums;
    }).flat();
  });
}

const KINDS: readonly (readonly Kind[])[] = [
  ["fixed"],
  ["source"],
  ["fixed", "fixed"],
  ["source", "source"],
  ["arrival", "arrival", "arrival"],
  ["fixed", "arrival", "source"],
];

onEachBackend(
  "attention in orders equals the mean of the masks in every form, with its gradients",
  async (backend) => {
    const failures: string[] = [];
    for (const [i, kinds] of KINDS.entries()) {
      for (const padded of [false, true]) {
        for (const normalize of [false, true]) {
          const problem = problemOf(kinds, { padded, normalize });
          const { orders, inputs, dy } = problem;
          const expected = solve(problem);
          for (const form of ["auto", ...FORMS] as const) {
            const mask = problem.mask && tf.tensor2d(problem.mask, [B, L]);
            const actual = await outputAndGradients(
              inputs,
              dy,
              { mask: mask ?? null },
              ({ q, k, v, ...decays }) =>
                multiScanAttention(
                  q!,
                  k!,
                  v!,
                  orders.map((order, way): OrderedDecay => ({
                    order,
                    decay: decayOf(kinds[way]!, {
                      logDecay: decays[`way ${way}`],
                    }),
                  })),
                  {
                    ...{ form, normalize, scale: SCALE, epsilon: EPSILON },
                    ...form === "auto" ? {} : { chunkSize: 4 },
                    ...{ mask },
                  },
                ),
            );
            const found = [
              ["y", actual.y, expected.y] as const,
              ...Object.entries(expected.gradients).map(([name, sum]) =>
                [`d${name}`, actual.gradients[name]!, sum] as const
              ),
            ].map(([name, got, { values }]) => {
              const size = largest(values);
              const magnitudes = values.map(() => size);
              return deviation(name, got, { values, magnitudes });
            });
            failures.push(
              ...beyond(found, TOLERANCE[backend]).map((line) =>
                `${form} ${i} ${padded} ${normalize}: ${line}`
              ),
            );
          }
        }
      }
    }
    assertEquals(failures, []);
  },
);

onEachBackend("without decay, orders do not matter", async (backend) => {
  const { inputs, orders } = problemOf(["fixed"], {
    ...{ padded: true, normalize: true },
  });
  const [q, k, v] = ["q", "k", "v"].map((name) =>
    tf.tensor(inputs[name]!.values, [...inputs[name]!.shape])
  );
  const mask = tf.tensor2d(array(B * L, uniform(1), Math.round), [B, L]);
  const ways = orders.map((order) => ({ order, decay: noDecay() }));
  const y = multiScanAttention(q!, k!, v!, ways, { mask });
  const same = lionAttention(q!, k!, v!, { mask });
  const [got, wanted] = [await y.data(), await same.data()];
  const error = largest(wanted.map((x, i) => x - got[i]!));
  assert(error < TOLERANCE[backend].forward * largest(wanted));
  tf.dispose([q!, k!, v!, mask, y, same]);
});

Deno.test("snakeScan() visits every cell, and neighbours next", () => {
  for (const along of ["rows", "columns"] as const) {
    for (const [rows, columns] of [[1, 1], [3, 4], [4, 3], [1, 5], [5, 1]]) {
      const order = snakeScan(rows!, columns!, { along, first: 2 });
      assertEquals(order.slice(0, 2), [0, 1]);
      const cells = order.slice(2).map((token) => token - 2);
      assertEquals(
        cells.toSorted((a, b) => a - b),
        Array.from({ length: rows! * columns! }, (_, i) => i),
      );
      const places = cells.map((cell) => [
        Math.floor(cell / columns!),
        cell % columns!,
      ]);
      places.slice(1).forEach(([row, column], i) => {
        const [before, left] = places[i]!;
        assertEquals(Math.abs(row! - before!) + Math.abs(column! - left!), 1);
      });
      const second = rows! > 1 && columns! > 1 ? cells[1] : undefined;
      if (second) assertEquals(second, along === "rows" ? 1 : columns);
    }
  }
});

function attend(ways: OrderedDecay[]): tf.Tensor {
  const x = tf.ones<tf.Rank.R4>([B, H, L, D]);
  return multiScanAttention(x, x, x, ways);
}

const NATURAL = Array.from({ length: L }, (_, i) => i);
const natural = (): OrderedDecay => ({ order: NATURAL, decay: noDecay() });

onEachBackend("multiScanAttention() says what is wrong with ways", () => {
  const range = (run: () => unknown, part: string) =>
    assertThrows(() => tf.tidy(() => void run()), RangeError, part);

  range(() => attend([]), "ways should not be empty");
  for (
    const order of [
      NATURAL.slice(1),
      [...NATURAL, 0],
      [0, ...NATURAL.slice(0, -1)],
      [-1, ...NATURAL.slice(1)],
      [0.5, ...NATURAL.slice(1)],
      NATURAL.with(0, L),
      [],
    ]
  ) {
    range(
      () => attend([natural(), { order, decay: noDecay() }]),
      `order should hold each of the 11 tokens once, got ${order.length} numbers`,
    );
  }
  range(
    () =>
      attend([{
        order: NATURAL,
        decay: bidirectionalDecay(tf.zeros([B, H, L]), tf.zeros([B, H, L])),
      }]),
    "two-sided decay",
  );
});

/** Attention in orders equals loops over the mean of the orders' masks. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  type DecayConvention,
  fixedDecay,
  lionAttention,
  lionAttentionInOrders,
  noDecay,
  type Order,
  type OrderedDecay,
  selectiveDecay,
  snakeOrder,
  twoSidedDecay,
} from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { array, uniform } from "../random.ts";

const FORMS: readonly AttentionForm[] = [
  "auto",
  "full",
  "recurrent",
  "blockwise",
  "chunkwise",
];

const [B, H, L, D, E] = [2, 3, 11, 4, 5];
const SCALE = 0.4, EPSILON = 1e-6;

/** Log decays of a way: `[H]`, or `[B, H, L]` with a convention. */
interface Way {
  readonly order: Order;
  readonly logDecay: ArrayLike<number>;
  readonly convention: DecayConvention | "fixed";
}

/** Flat row-major arrays; `mask` is `[B, L]`. */
interface Problem {
  readonly q: ArrayLike<number>;
  readonly k: ArrayLike<number>;
  readonly v: ArrayLike<number>;
  readonly ways: readonly Way[];
  readonly mask: ArrayLike<number> | undefined;
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

/** Weak, strong and absolute decays. */
function logDecays(size: number, random: () => number): Float32Array {
  return array(
    size,
    random,
    (u) => u < 0.1 ? 0 : u < 0.2 ? -60 : u < 0.3 ? -Infinity : Math.log(u),
  );
}

function problemOf(
  conventions: readonly Way["convention"][],
  { padded, normalize }: { padded: boolean; normalize: boolean },
): Problem {
  const random = uniform(conventions.length + (padded ? 10 : 0));
  const feature = (u: number) => normalize ? 0.1 + u : 2 * u - 1;
  return {
    q: array(B * H * L * D, random, feature),
    k: array(B * H * L * D, random, feature),
    v: array(B * H * L * E, random),
    ways: conventions.map((convention) => ({
      order: shuffled(random),
      logDecay: logDecays(convention === "fixed" ? H : B * H * L, random),
      convention,
    })),
    mask: padded
      ? array(B * L, random, (u) => u < 0.3 ? 0 : 1).fill(1, 0, 1)
      : undefined,
    normalize,
  };
}

/** The product of a way's decays from source j to reader i. */
function weightOf(
  { order, logDecay, convention }: Way,
  [b, h, i, j]: readonly [number, number, number, number],
): number {
  const [from, to] = [order.indexOf(j), order.indexOf(i)];
  const step = Math.sign(to - from);
  let sum = 0;
  for (let place = from; place !== to; place += step) {
    const token = order[convention === "arrival" ? place + step : place]!;
    sum += logDecay[convention === "fixed" ? h : (b * H + h) * L + token]!;
  }
  return Math.exp(sum);
}

/** The definition in float64: `[B, H, L, E]`. */
function solve({ q, k, v, ways, mask, normalize }: Problem): number[] {
  const y: number[] = [];
  for (let sequence = 0; sequence < B * H; sequence++) {
    const [b, h] = [Math.floor(sequence / H), sequence % H];
    for (let i = 0; i < L; i++) {
      if (mask?.[b * L + i] === 0) {
        y.push(...Array(E).fill(0));
        continue;
      }
      const weights = Array.from({ length: L }, (_, j) => {
        if (mask?.[b * L + j] === 0) return 0;
        const mean = ways.reduce(
          (sum, way) => sum + weightOf(way, [b, h, i, j]) / ways.length,
          0,
        );
        let dot = 0;
        for (let n = 0; n < D; n++) {
          dot += q[(sequence * L + i) * D + n]! *
            k[(sequence * L + j) * D + n]!;
        }
        return SCALE * mean * dot;
      });
      const total = weights.reduce((a, b) => a + b, 0);
      for (let e = 0; e < E; e++) {
        const sum = weights.reduce(
          (sum, weight, j) => sum + weight * v[(sequence * L + j) * E + e]!,
          0,
        );
        y.push(normalize ? sum / (total + EPSILON) : sum);
      }
    }
  }
  return y;
}

/** The tensors of a problem: q, k, v and a log decay for each way. */
function tensorsOf({ q, k, v, ways }: Problem): tf.Tensor[] {
  const of = (values: ArrayLike<number>, shape: number[]) =>
    tf.tensor(Float32Array.from(values), shape);
  return [
    of(q, [B, H, L, D]),
    of(k, [B, H, L, D]),
    of(v, [B, H, L, E]),
    ...ways.map(({ logDecay, convention }) =>
      of(logDecay, convention === "fixed" ? [H] : [B, H, L])
    ),
  ];
}

/** The library's answer, from the tensors of a problem. */
function run(
  { ways, mask, normalize }: Problem,
  [q, k, v, ...logDecays]: tf.Tensor[],
  form: AttentionForm,
): tf.Tensor {
  return tf.tidy(() =>
    lionAttentionInOrders(
      q as tf.Tensor4D,
      k as tf.Tensor4D,
      v as tf.Tensor4D,
      ways.map(({ order, convention }, i): OrderedDecay => ({
        order,
        decay: convention === "fixed"
          ? fixedDecay(logDecays[i] as tf.Tensor1D)
          : selectiveDecay(logDecays[i] as tf.Tensor3D, { convention }),
      })),
      {
        form,
        normalize,
        scale: SCALE,
        epsilon: EPSILON,
        ...(form === "auto" ? {} : { chunkSize: 4 }),
        ...(mask ? { mask: tf.tensor2d(Float32Array.from(mask), [B, L]) } : {}),
      },
    )
  );
}

/** Largest difference, relative to the largest value. */
function errorOf(actual: ArrayLike<number>, expected: number[]): number {
  assertEquals(actual.length, expected.length);
  const differences = expected.map((value, i) => Math.abs(value - actual[i]!));
  return Math.max(...differences) / Math.max(...expected.map(Math.abs));
}

const CONVENTIONS: readonly (readonly Way["convention"][])[] = [
  ["fixed"],
  ["source"],
  ["fixed", "fixed"],
  ["source", "source"],
  ["arrival", "arrival", "arrival"],
  ["fixed", "arrival", "source"],
];

onEachBackend(
  "attention in orders equals the mean of the masks in every form",
  async (backend) => {
    for (const conventions of CONVENTIONS) {
      for (const padded of [false, true]) {
        for (const normalize of [false, true]) {
          const problem = problemOf(conventions, { padded, normalize });
          const expected = solve(problem);
          const tensors = tensorsOf(problem);
          for (const form of FORMS) {
            const y = run(problem, tensors, form);
            const error = errorOf(await y.data(), expected);
            y.dispose();
            assert(
              error < TOLERANCE[backend].forward,
              `${form} ${conventions} ${padded} ${normalize}: error ${error}`,
            );
          }
          tf.dispose(tensors);
        }
      }
    }
  },
);

onEachBackend(
  "gradients of attention in orders equal differences in every form",
  async (backend) => {
    const conventions = ["fixed", "source", "arrival"] as const;
    const problem = problemOf(conventions, { padded: true, normalize: true });
    // Where a decay is 0 its logarithm has no neighbours to take differences of.
    const ways = problem.ways.map((way) => ({
      ...way,
      logDecay: Array.from(way.logDecay, (x) => Math.max(x, -2)),
    }));
    const gentle = { ...problem, ways };
    const direction = array(B * H * L * E, uniform(3));
    const value = (changed: Problem) =>
      solve(changed).reduce((sum, y, i) => sum + y * direction[i]!, 0);
    const inputs = [
      problem.q,
      problem.k,
      problem.v,
      ...ways.map(({ logDecay }) => logDecay),
    ].map((values) => Float64Array.from(values));
    const [q, k, v, ...logDecays] = inputs;
    const changed = {
      ...gentle,
      q: q!,
      k: k!,
      v: v!,
      ways: ways.map((way, i) => ({ ...way, logDecay: logDecays[i]! })),
    };
    // Some entries of each; all of them would take a minute.
    const random = uniform(4);
    const step = 1e-5;
    const expected = inputs.map((values) => {
      const entries = values.length > H ? 12 : H;
      return Array.from({ length: entries }, (_, n) => {
        const at = entries === H ? n : Math.floor(random() * values.length);
        const center = values[at]!;
        const [above, below] = [step, -step].map((step) => {
          values[at] = center + step;
          return value(changed);
        });
        values[at] = center;
        return { at, gradient: (above! - below!) / (2 * step) };
      });
    });
    const tensors = tensorsOf(gentle);
    const dy = tf.tensor4d(direction, [B, H, L, E]);
    for (const form of FORMS) {
      const grads = tf.grads((...tensors) => run(gentle, tensors, form))(
        tensors,
        dy,
      );
      for (const [i, wanted] of expected.entries()) {
        const got = await grads[i]!.data();
        const largest = Math.max(...got.map(Math.abs));
        for (const { at, gradient } of wanted) {
          const error = Math.abs(got[at]! - gradient) / largest;
          assert(
            error < TOLERANCE[backend].gradient,
            `${form} input ${i} at ${at}: error ${error}`,
          );
        }
      }
      tf.dispose(grads);
    }
    tf.dispose([...tensors, dy]);
  },
);

onEachBackend("without decay, orders do not matter", async (backend) => {
  const problem = problemOf(["fixed"], { padded: true, normalize: true });
  const tensors = tensorsOf(problem);
  const [q, k, v] = tensors as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  const mask = tf.tensor2d(Float32Array.from(problem.mask!), [B, L]);
  const ways = problem.ways.map(({ order }) => ({ order, decay: noDecay() }));
  const y = lionAttentionInOrders(q, k, v, ways, { mask });
  const same = lionAttention(q, k, v, { mask });
  const expected = [...await same.data()];
  assert(errorOf(await y.data(), expected) < TOLERANCE[backend].forward);
  tf.dispose([...tensors, mask, y, same]);
});

Deno.test("snakeOrder() visits every cell, and neighbours next", () => {
  for (const along of ["rows", "columns"] as const) {
    for (const [rows, columns] of [[1, 1], [3, 4], [4, 3], [1, 5], [5, 1]]) {
      const order = snakeOrder(rows!, columns!, { along, first: 2 });
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
  return lionAttentionInOrders(x, x, x, ways);
}

const NATURAL = Array.from({ length: L }, (_, i) => i);
const natural = (): OrderedDecay => ({ order: NATURAL, decay: noDecay() });

onEachBackend("lionAttentionInOrders() says what is wrong with ways", () => {
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
        decay: twoSidedDecay(tf.zeros([B, H, L]), tf.zeros([B, H, L])),
      }]),
    "two-sided decay",
  );
});

import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../../mod.ts";
import { array, uniform } from "../../../random.ts";
import { axisSets, linesOf } from "./lines.ts";

/** A reduction, and what it is of a line of numbers. */
interface Reduction {
  readonly run: (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor;
  readonly truth: (line: readonly number[]) => number;
  /** Bounds the error, as a part of this. @default it is exact */
  readonly scale?: (line: readonly number[]) => number;
  /** What an element is, of a number from 0 to 1. @default from -0.5 to 0.5 */
  readonly element?: (u: number) => number;
  readonly dtype?: "bool";
  /** Whether it is of one axis alone, which is then no dimension of the result. */
  readonly isPlace?: true;
}

const sum = (line: readonly number[]) => line.reduce((a, x) => a + x, 0);
const absolute = (line: readonly number[]) =>
  line.reduce((a, x) => a + Math.abs(x), 0);
const best =
  (better: (a: number, b: number) => boolean) => (line: readonly number[]) =>
    line.reduce((a, x) => Number.isNaN(x) || better(x, a) ? x : a);
/** As tfjs's cpu backend finds it: NaN is neither more nor less than any number. */
const placeOf =
  (better: (a: number, b: number) => boolean) => (line: readonly number[]) =>
    line.reduce((place, x, i) => better(x, line[place]!) ? i : place, 0);
const more = (a: number, b: number) => a > b;
const less = (a: number, b: number) => a < b;
/** Some elements are equal. */
const rough = (u: number) => Math.round(40 * u) - 20;

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  sum: { run: tf.sum, truth: sum, scale: absolute },
  mean: {
    run: tf.mean,
    truth: (line) => sum(line) / line.length,
    scale: (line) => absolute(line) / line.length,
  },
  prod: {
    run: tf.prod,
    truth: (line) => line.reduce((a, x) => a * x, 1),
    scale: (line) => Math.abs(line.reduce((a, x) => a * x, 1)),
    element: (u) => (u < 0.3 ? -1 : 1) * (1 + (u - 0.5) / 100),
  },
  max: { run: tf.max, truth: best(more), element: rough },
  min: { run: tf.min, truth: best(less), element: rough },
  argMax: {
    run: (x, [axis]) => tf.argMax(x, axis),
    truth: placeOf(more),
    element: rough,
    isPlace: true,
  },
  argMin: {
    run: (x, [axis]) => tf.argMin(x, axis),
    truth: placeOf(less),
    element: rough,
    isPlace: true,
  },
  all: {
    run: tf.all,
    truth: (line) => Number(line.every((x) => x !== 0)),
    element: (u) => Number(u < 0.8),
    dtype: "bool",
  },
  any: {
    run: tf.any,
    truth: (line) => Number(line.some((x) => x !== 0)),
    element: (u) => Number(u > 0.9),
    dtype: "bool",
  },
};

/** Runs a reduction; returns the result. */
async function reduced(
  name: string,
  values: Float32Array,
  shape: number[],
  axes: number[],
  keep: boolean,
): Promise<ArrayLike<number>> {
  const { run, dtype = "float32", isPlace } = REDUCTIONS[name]!;
  const y = tf.tidy(() => run(tf.tensor(values, shape, dtype), axes, keep));
  const kept = shape.flatMap((size, axis) =>
    !axes.includes(axis) ? [size] : keep && !isPlace ? [1] : []
  );
  const wanted = [isPlace ? "int32" : dtype, kept];
  assertEquals([y.dtype, y.shape], wanted, `${name} of [${shape}]`);
  const found = await y.data();
  y.dispose();
  return found;
}

/** Compares a reduction with its truth; returns the result. */
async function check(
  name: string,
  values: Float32Array,
  shape: number[],
  axes: number[],
  keep = false,
): Promise<ArrayLike<number>> {
  const { truth, scale } = REDUCTIONS[name]!;
  const found = await reduced(name, values, shape, axes, keep);
  const lines = linesOf(values, shape, axes);
  assertEquals(found.length, lines.length);
  lines.forEach((line, i) => {
    const wanted = Math.fround(truth(line));
    const error = Math.abs(found[i]! - wanted);
    if (Object.is(found[i]! + 0, wanted + 0)) return;
    if (error <= 3e-7 * (scale?.(line) ?? 0)) return;
    const label = `${name} of [${shape}] over [${axes}]`;
    throw new Error(`${label}: result ${i} is ${found[i]}, not ${wanted}`);
  });
  return found;
}

Deno.test("reductions over any axes are those of float64 [wasm]", async () => {
  const random = uniform(1);
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const before = tf.memory().numTensors;
  for (
    const shape of [
      ...[[], [1], [3], [17], [1000], [1, 5], [17, 3], [3, 1000], [300, 17]],
      ...[[2, 3, 5, 4], [3, 1, 17, 2], [5, 100, 3], [3, 2, 40, 3, 5]],
    ]
  ) {
    for (const [name, { element, isPlace }] of Object.entries(REDUCTIONS)) {
      const size = tf.util.sizeFromShape(shape);
      const values = array(size, random, element ?? ((u) => u - 0.5));
      for (const axes of axisSets(shape.length)) {
        if (isPlace && axes.length !== 1) continue;
        await check(name, values, shape, axes, axes.length % 2 === 0);
      }
    }
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("large reductions are right, and the same on one thread and two [wasm]", async () => {
  const cases: readonly [number[], number[]][] = [
    ...[[[260_001], [0]], [[3, 90_001], [1]], [[500, 521], [1]]],
    ...[[[500, 521], [0]], [[2, 260, 501], [1]], [[90_003, 3], [0]]],
    ...[[[2, 3, 45_001], [0, 2]], [[20, 3, 4500], [0, 2]]],
    ...[[[20, 3, 3, 1500], [1, 3]]],
  ] as [number[], number[]][];
  const units = array(300_000, uniform(2), (u) => u);
  const found = new Map<string, ArrayLike<number>>();
  for (const threads of [1, 2]) {
    await useBackend({ prefer: ["wasm"], threads });
    for (const [shape, axes] of cases) {
      for (const [name, { element, isPlace }] of Object.entries(REDUCTIONS)) {
        if (isPlace && axes.length !== 1) continue;
        const own = units.subarray(0, tf.util.sizeFromShape(shape));
        const values = own.map(element ?? ((u) => u - 0.5));
        const label = `${name} of [${shape}] over [${axes}]`;
        if (threads === 1) {
          found.set(label, await check(name, values, shape, axes));
        } else {
          const results = await reduced(name, values, shape, axes, false);
          assertEquals(results, found.get(label), label);
        }
      }
    }
  }
});

Deno.test("reductions of NaN and infinity are as on tfjs's cpu backend [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const odd = [NaN, Infinity, -Infinity];
  const random = uniform(3);
  // Rows and columns, of few elements, of some vectors, and in parts.
  const cases: readonly [number[], number[]][] = [
    ...[[[3, 5], [1]], [[3, 70], [1]], [[70, 3], [0]], [[50, 20], [0]]],
    ...[[[1, 50_000], [1]], [[25_000, 2], [0]], [[900, 40], [0]]],
  ] as [number[], number[]][];
  for (const [shape, axes] of cases) {
    const size = tf.util.sizeFromShape(shape);
    const values = array(size, random, rough);
    const sets = odd.flatMap((x) => [
      values.map((value, i) => i === 0 ? x : value),
      values.map((value, i) => i % 41 === 17 ? x : value),
      values.map((value, i) => i === size - 1 ? x : value),
      values.map(() => x),
    ]);
    const late = values.map((_, i) => i < size - 1 ? NaN : 1);
    const mixed = values.map((value) => odd[Math.abs(value) % 7] ?? value);
    for (const values of [...sets, late, mixed]) {
      for (const name of ["sum", "mean", "max", "min", "argMax", "argMin"]) {
        await check(name, values, shape, axes);
      }
    }
  }
});

Deno.test("a sum of a row keeps what cancels, as in float64 [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const values = [1e8, 1, -1e8, 3e7, 1, -3e7].flatMap((x) => [x, x, x, x, x]);
  const total = tf.tidy(() => tf.sum(tf.tensor1d(values)));
  assertEquals([...await total.data()], [10]);
  total.dispose();
});

Deno.test("a bool of any byte is true, and results are 0 and 1 [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const bytes = new Uint8Array(200).fill(5);
  const x = tf.tensor2d(bytes, [10, 20], "bool");
  for (const axis of [0, 1]) {
    for (const reduce of [tf.all, tf.any]) {
      const y = reduce(x, axis);
      assert((await y.data()).every((value) => value === 1));
      y.dispose();
    }
  }
  x.dispose();
});

Deno.test("reductions over any axes have gradients [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const shape = [3, 4, 5], random = uniform(6);
  // No two are equal, so that each line has one greatest.
  const values = array(60, random, (u) => 0.5 + u);
  const before = tf.memory().numTensors;
  const gradientsOf: Readonly<
    Record<string, (x: number, line: readonly number[]) => number>
  > = {
    sum: () => 1,
    mean: (_, line) => 1 / line.length,
    prod: (x, line) => line.reduce((a, x) => a * x, 1) / x,
    max: (x, line) => Number(x === Math.max(...line)),
    min: (x, line) => Number(x === Math.min(...line)),
  };
  for (const [name, gradientOf] of Object.entries(gradientsOf)) {
    for (const axes of axisSets(shape.length)) {
      const gradient = tf.tidy(() =>
        tf.grad((x: tf.Tensor) => REDUCTIONS[name]!.run(x, axes, true))(
          tf.tensor(values, shape),
        )
      );
      const found = linesOf(await gradient.data(), shape, axes);
      gradient.dispose();
      linesOf(values, shape, axes).forEach((line, i) =>
        line.forEach((x, j) => {
          const wanted = gradientOf(x, line);
          const error = Math.abs(found[i]![j]! - wanted);
          const bound = 1e-6 * Math.max(1, Math.abs(wanted));
          assert(error <= bound, `${name} over [${axes}]: ${error}`);
        })
      );
    }
  }
  assertEquals(tf.memory().numTensors, before);
});

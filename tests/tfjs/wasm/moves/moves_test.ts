import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../../../backends.ts";
import {
  assertTensor,
  defined,
  DTYPES,
  indexOf,
  onThreads,
  valuesOf,
} from "./definition.ts";

/** Shapes of few elements and many, of which some axes are empty. */
const SHAPES: readonly (readonly number[])[] = [
  [1],
  [3],
  [17],
  [0],
  [3, 0],
  [3, 17],
  [2, 3, 4],
  [1, 3, 1, 2],
  [9001],
  [65, 67],
  [3, 40, 33],
  [2, 31, 30, 3],
  [2, 3, 5, 4, 7, 6],
];

/** An operation of one tensor, and what it is by definition. */
interface Case {
  readonly name: string;
  /** Whether it takes a shape. @default any */
  readonly takes?: (shape: readonly number[]) => boolean;
  readonly run: (x: tf.Tensor, shape: readonly number[]) => tf.Tensor;
  readonly shape: (shape: readonly number[]) => number[];
  /** The place in x of an element, or a constant. */
  readonly from: (
    place: number[],
    shape: readonly number[],
  ) => number[] | number;
}

/** Elements before and after each axis. */
const pads = (shape: readonly number[]) =>
  shape.map((_, axis): [number, number] => [axis % 3, (axis + 1) % 2 * 2]);

const padded = (shape: readonly number[]) =>
  pads(shape).map(([before, after], axis) => before + shape[axis]! + after);

/** Mirrored elements, as many as there may be. */
const mirrors = (shape: readonly number[], gap: number) =>
  shape.map((size, axis): [number, number] => [
    Math.min(size - gap, axis % 2 + 1),
    Math.min(size - gap, 2),
  ]);

const mirror = (name: "reflect" | "symmetric", gap: number): Case => ({
  name,
  // tfjs checks that there is something to mirror.
  takes: (shape) => shape.length <= 4 && shape.every((size) => size > 1),
  run: (x, shape) => tf.mirrorPad(x, mirrors(shape, gap), name),
  shape: (shape) =>
    mirrors(shape, gap).map(([a, b], axis) => a + shape[axis]! + b),
  from: (place, shape) =>
    place.map((at, axis) => {
      const size = shape[axis]!, inside = at - mirrors(shape, gap)[axis]![0];
      if (inside < 0) return gap - 1 - inside;
      return inside < size ? inside : 2 * size - 1 - gap - inside;
    }),
});

const CASES: readonly Case[] = [
  {
    name: "pad",
    takes: (shape) => shape.length <= 4,
    run: (x, shape) => tf.pad(x, pads(shape), 1),
    shape: padded,
    from: (place, shape) => {
      const inside = place.map((at, axis) => at - pads(shape)[axis]![0]);
      return inside.every((at, axis) => at >= 0 && at < shape[axis]!)
        ? inside
        : 1;
    },
  },
  mirror("reflect", 1),
  mirror("symmetric", 0),
  ...[[2, 1, 3, 1, 1, 1], [1, 2, 2, 1, 3, 2], [1, 1, 1, 1, 1, 1], [
    0,
    2,
    1,
    1,
    1,
    1,
  ]]
    .map((counts): Case => ({
      name: `tile by ${counts}`,
      run: (x, shape) => tf.tile(x, counts.slice(0, shape.length)),
      shape: (shape) => shape.map((size, axis) => size * counts[axis]!),
      from: (place, shape) => place.map((at, axis) => at % shape[axis]!),
    })),
  {
    name: "broadcastTo",
    takes: (shape) => shape.length === 4 && shape[0] === 1,
    run: (x) => tf.broadcastTo(x, [50, 3, 33, 2]),
    shape: () => [50, 3, 33, 2],
    from: ([, b, , d]) => [0, b!, 0, d!],
  },
  {
    name: "reverse",
    takes: (shape) => shape.length > 0,
    run: (x, shape) => tf.reverse(x, [0, shape.length - 1]),
    shape: (shape) => [...shape],
    from: (place, shape) =>
      place.map((at, axis) =>
        axis === 0 || axis === shape.length - 1 ? shape[axis]! - 1 - at : at
      ),
  },
  {
    name: "zerosLike",
    run: (x) => tf.zerosLike(x),
    shape: (shape) => [...shape],
    from: () => 0,
  },
  {
    name: "onesLike",
    run: (x) => tf.onesLike(x),
    shape: (shape) => [...shape],
    from: () => 1,
  },
];

onThreads(
  "elements are where the definition has them, of any type and shape",
  async () => {
    for (const { name, takes, run, shape: shapeOf, from } of CASES) {
      for (const shape of SHAPES.filter((shape) => takes?.(shape) ?? true)) {
        for (const dtype of DTYPES) {
          const values = valuesOf(shape, dtype);
          const x = tf.tensor(values, [...shape], dtype);
          const to = shapeOf(shape);
          const wanted = defined(to, (place) => {
            const origin = from(place, shape);
            return typeof origin === "number"
              ? origin
              : values[indexOf(origin, shape)]!;
          });
          const label = `${name} of ${dtype} [${shape}]`;
          await assertTensor(run(x, shape), to, dtype, wanted, label);
          x.dispose();
        }
      }
    }
  },
);

onThreads(
  "tensors lie side by side along any axis, and parts of them apart",
  async () => {
    for (
      const shape of [[3], [2, 3, 4], [3, 40, 33], [2000, 1, 2], [5, 0, 2]]
    ) {
      for (const axis of shape.keys()) {
        for (const dtype of DTYPES) {
          const sizes = [shape[axis]!, 0, 1, 4];
          const parts = sizes.map((size, part) => {
            const own = shape.with(axis, size);
            const values = valuesOf(own, dtype)
              .map((value) => dtype === "bool" ? value : value + 1e5 * part);
            return { own, values };
          });
          const starts = sizes.map((_, part) =>
            sizes.slice(0, part).reduce((sum, size) => sum + size, 0)
          );
          const whole = shape.with(axis, shape[axis]! + 5);
          const wanted = defined(whole, (place) => {
            const at = place[axis]!;
            const part = starts.findLastIndex((start, i) =>
              start <= at && sizes[i]! > 0
            );
            const { own, values } = parts[part]!;
            return values[indexOf(place.with(axis, at - starts[part]!), own)]!;
          });
          const tensors = parts.map(({ own, values }) =>
            tf.tensor(values, own, dtype)
          );
          const label = `${dtype} [${shape}] along ${axis}`;
          const joined = tf.concat(tensors, axis);
          const apart = tf.split(joined, sizes, axis);
          await assertTensor(joined, whole, dtype, wanted, label);
          for (const [part, { own, values }] of parts.entries()) {
            await assertTensor(apart[part]!, own, dtype, values, label);
          }
          tf.dispose(tensors);
        }
      }
    }
  },
);

onThreads("stacked tensors are where the definition has them", async () => {
  for (const shape of [[], [3], [3, 40, 33], [2500]]) {
    for (const dtype of DTYPES) {
      const values = valuesOf(shape, dtype);
      const first = tf.tensor(values, shape, dtype);
      const second = tf.zerosLike(first);
      for (let axis = -1; axis <= shape.length; axis++) {
        const along = axis < 0 ? shape.length : axis;
        const to = shape.toSpliced(along, 0, 3);
        const wanted = defined(
          to,
          (place) =>
            place[along] === 1
              ? 0
              : values[indexOf(place.toSpliced(along, 1), shape)]!,
        );
        const label = `${dtype} [${shape}] along ${axis}`;
        const y = tf.stack([first, second, first], axis);
        await assertTensor(y, to, dtype, wanted, label);
      }
      tf.dispose([first, second]);
    }
  }
});

onThreads("constants fill tensors of few elements and of many", async () => {
  for (const shape of [[], [0], [3], [300, 301]]) {
    for (
      const [value, dtype] of [[2.5, "float32"], [-7, "int32"], [
        1,
        "bool",
      ]] as const
    ) {
      const wanted = defined(shape, () => value);
      const label = `${dtype} [${shape}]`;
      await assertTensor(
        tf.fill(shape, value, dtype),
        shape,
        dtype,
        wanted,
        label,
      );
    }
  }
  const size = 20_000, depth = 5;
  const indices = Array.from({ length: size }, (_, i) => i % 7 - 1);
  const places = tf.tensor1d(indices, "int32");
  for (const dtype of ["float32", "int32", "bool"] as const) {
    const wanted = defined(
      [size, depth],
      ([row, column]) => Number(indices[row!] === column),
    );
    const y = tf.oneHot(places, depth, 1, 0, dtype);
    await assertTensor(y, [size, depth], dtype, wanted, `oneHot ${dtype}`);
  }
  places.dispose();
});

onThreads(
  "padding and concatenation hand back the gradients of their parts",
  async () => {
    const shape = [30, 41];
    const values = valuesOf(shape, "float32");
    const weights = valuesOf([32, 84], "float32");
    const gradients = tf.tidy(() =>
      tf.grads((a, b) => {
        const both = tf.pad(tf.concat([a, b], 1), [[2, 0], [1, 1]]);
        return tf.mul(both, tf.tensor2d(weights, [32, 84]));
      })([tf.tensor(values, shape), tf.tensor(values, shape)])
    );
    for (const [i, gradient] of gradients.entries()) {
      const wanted = defined(
        shape,
        ([row, column]) =>
          weights[indexOf([row! + 2, column! + 1 + 41 * i], [32, 84])]!,
      );
      await assertTensor(gradient, shape, "float32", wanted, `part ${i}`);
    }
  },
);

onEachBackend("strings are left to TensorFlow.js", async () => {
  const words = tf.tensor1d(["a", "b", "c"], "string");
  const joined = tf.concat([words, words]);
  const rows = tf.stack([words, words]);
  assertEquals([...await joined.data()] as unknown, [
    "a",
    "b",
    "c",
    "a",
    "b",
    "c",
  ]);
  assertEquals([...await rows.data()] as unknown, [
    "a",
    "b",
    "c",
    "a",
    "b",
    "c",
  ]);
  assertEquals(rows.shape, [2, 3]);
  tf.dispose([words, joined, rows]);
}, ["wasm"]);

onEachBackend(
  "infinities, NaN and zeros with a sign are copied as they are",
  async () => {
    const values = [NaN, Infinity, -Infinity, -0, 1e-45, 0];
    const x = tf.tidy(() => tf.tile(tf.tensor2d(values, [6, 1]), [1, 600]));
    const back = tf.transpose(x);
    const got = await back.data();
    for (let i = 0; i < got.length; i++) {
      if (!Object.is(got[i], Math.fround(values[i % 6]!))) {
        assertEquals(got[i], values[i % 6], `element ${i}`);
      }
    }
    tf.dispose([x, back]);
  },
  ["wasm"],
);

onEachBackend(
  "a negative zero fills as it is, few elements and many",
  async () => {
    for (const size of [2, 100_000]) {
      const filled = tf.tidy(() => tf.pad(tf.fill([size], -0), [[2, 2]], -0));
      const values = await filled.data();
      assertEquals(values.findIndex((value) => !Object.is(value, -0)), -1);
      filled.dispose();
    }
  },
  ["wasm"],
);

import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { useBackend } from "../../../../mod.ts";

const DTYPES = ["float32", "int32", "bool"] as const;

/** A shape, and in each axis where a part of it begins and how long it is. */
const PARTS = fc.array(
  fc.tuple(
    fc.nat(3),
    fc.nat(20),
    fc.nat(3),
  ),
  { minLength: 1, maxLength: 6 },
).filter((axes) =>
  axes.reduce((size, [a, b, c]) => size * (a + b + c), 1) < 100_000
);

/** The values of a part, by the definition. */
function partOf(
  values: ArrayLike<number>,
  shape: number[],
  begin: number[],
  size: number[],
): number[] {
  const count = size.reduce((a, b) => a * b, 1);
  return Array.from({ length: count }, (_, n) => {
    let rest = n, at = 0, stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += stride * (begin[axis]! + rest % size[axis]!);
      rest = Math.floor(rest / size[axis]!);
      stride *= shape[axis]!;
    }
    return values[at]!;
  });
}

Deno.test("a slice is what the definition says, at any rank and of any dtype [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const property = fc.asyncProperty(
    PARTS,
    fc.constantFrom(...DTYPES),
    async (axes, dtype) => {
      const shape = axes.map(([before, size, after]) => before + size + after);
      const begin = axes.map(([before]) => before);
      const size = axes.map(([, size]) => size);
      const count = shape.reduce((a, b) => a * b, 1);
      const values = Array.from(
        { length: count },
        (_, i) => dtype === "bool" ? i * i % 7 % 2 : i,
      );
      const before = tf.memory().numTensors;
      const x = tf.tensor(values, shape, dtype);
      const part = tf.slice(x, begin, size);
      assertEquals(part.shape, size);
      assertEquals(part.dtype, dtype);
      assertEquals([...await part.data()], partOf(values, shape, begin, size));
      tf.dispose([x, part]);
      assertEquals(tf.memory().numTensors, before);
    },
  );
  await fc.assert(property, { seed: 1, numRuns: 200 });
});

Deno.test("a tensor that is split and put together is as before, along any axis [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const values = Float32Array.from({ length: 6 * 4 * 20 }, (_, i) => i);
  for (const axis of [0, 1, 2, -1]) {
    for (const sizes of [2, [1, -1, 2], [2, 0, -1]]) {
      const before = tf.memory().numTensors;
      const x = tf.tensor3d(values, [6, 4, 20]);
      const parts = tf.split(x, sizes, axis);
      const whole = tf.concat(parts, axis < 0 ? axis + 3 : axis);
      assertEquals(parts.length, Array.isArray(sizes) ? 3 : 2);
      assertEquals(await whole.data(), values);
      tf.dispose([x, ...parts, whole]);
      assertEquals(tf.memory().numTensors, before);
    }
  }
});

Deno.test("a slice of strings is left to TensorFlow.js [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const words = tf.tensor1d(["a", "b", "c"], "string");
  const part = tf.slice(words, 1, 2);
  assertEquals([...await part.data()] as unknown, ["b", "c"]);
  tf.dispose([words, part]);
});

/** Of each axis: its size, where a part begins, its step, and how many it has. */
const STRIDED_PARTS = fc.array(
  fc.record({
    before: fc.nat(3),
    step: fc.constantFrom(1, 1, 2, 3, -1, -2),
    count: fc.nat(6),
    after: fc.nat(3),
  }),
  { minLength: 1, maxLength: 4 },
);

Deno.test("a strided slice is what the definition says, at any rank and of any dtype [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const property = fc.asyncProperty(
    STRIDED_PARTS,
    fc.constantFrom(...DTYPES),
    async (axes, dtype) => {
      const parts = axes.map(({ before, step, count, after }) => {
        const extent = Math.max(0, count - 1) * Math.abs(step) + 1;
        const size = before + extent + after;
        const begin = step > 0 ? before : before + extent - 1;
        const end = begin + count * step;
        return { size, begin, step, count, end };
      });
      const shape = parts.map(({ size }) => size);
      const counts = parts.map(({ count }) => count);
      const values = Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, i) => dtype === "bool" ? i * i % 7 % 2 : i,
      );
      const wanted = Array.from(
        { length: counts.reduce((a, b) => a * b, 1) },
        (_, n) => {
          let rest = n, at = 0, stride = 1;
          for (let axis = shape.length - 1; axis >= 0; axis--) {
            const { begin, step, count, size } = parts[axis]!;
            at += stride * (begin + rest % count * step);
            rest = Math.floor(rest / count);
            stride *= size;
          }
          return values[at]!;
        },
      );
      const before = tf.memory().numTensors;
      const x = tf.tensor(values, shape, dtype);
      // An end below 0 counts from the other side: it is told by a mask.
      const endMask = parts.reduce(
        (mask, { end }, axis) => mask | (end < 0 ? 1 << axis : 0),
        0,
      );
      const part = tf.stridedSlice(
        x,
        parts.map(({ begin }) => begin),
        parts.map(({ end }) => end),
        parts.map(({ step }) => step),
        0,
        endMask,
      );
      assertEquals(part.shape, counts);
      assertEquals(part.dtype, dtype);
      assertEquals([...await part.data()], wanted);
      tf.dispose([x, part]);
      assertEquals(tf.memory().numTensors, before);
    },
  );
  await fc.assert(property, { seed: 2, numRuns: 300 });
});

Deno.test("a strided slice takes away axes and adds them [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3], "int32");
  const row = tf.stridedSlice(x, [1, 0], [2, 3], [1, 2], 0, 0, 0, 0, 1);
  const cube = tf.stridedSlice(x, [0, 0, 1], [0, 2, 3], [1, 1, 1], 0, 0, 0, 1);
  assertEquals([row.shape, [...await row.data()]], [[2], [4, 6]]);
  assertEquals([cube.shape, [...await cube.data()]], [[1, 2, 2], [2, 3, 5, 6]]);
  tf.dispose([x, row, cube]);
});

Deno.test("unstacked parts are stacked again, along any axis and of any dtype [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const shape = [3, 4, 20];
  for (const dtype of DTYPES) {
    const values = Array.from({ length: 240 }, (_, i) => i * i % 7 % 2);
    for (const axis of [0, 1, 2, -1]) {
      const before = tf.memory().numTensors;
      const x = tf.tensor(values, shape, dtype);
      const parts = tf.unstack(x, axis);
      const whole = tf.stack(parts, axis < 0 ? axis + 3 : axis);
      assertEquals(parts.length, shape.at(axis < 0 ? axis : axis - 3));
      for (const part of parts) assertEquals(part.dtype, dtype);
      assertEquals([...await whole.data()], values);
      tf.dispose([x, ...parts, whole]);
      assertEquals(tf.memory().numTensors, before);
    }
  }
});

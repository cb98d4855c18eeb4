import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { useBackend } from "../../../mod.ts";

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

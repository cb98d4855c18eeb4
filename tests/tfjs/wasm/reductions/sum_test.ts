import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../../mod.ts";
import { array, uniform } from "../../../random.ts";

/** The sum over some axes, in float64. */
function sumOver(
  values: ArrayLike<number>,
  shape: number[],
  axes: number[],
): Float64Array {
  const kept = shape.map((size, axis) => axes.includes(axis) ? 1 : size);
  const sums = new Float64Array(tf.util.sizeFromShape(kept));
  for (let i = 0; i < values.length; i++) {
    let rest = i, at = 0, stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const place = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
      if (axes.includes(axis)) continue;
      at += place * stride;
      stride *= shape[axis]!;
    }
    sums[at]! += values[i]!;
  }
  return sums;
}

Deno.test("sums and means are right over any axes, and of any dtype [wasm]", async () => {
  const random = uniform(1);
  for (const threads of [1, 2]) {
    await useBackend({ prefer: ["wasm"], threads });
    const before = tf.memory().numTensors;
    for (const shape of [[7], [3, 5], [70, 66], [2, 3, 5], [3, 4, 1, 9]]) {
      const size = tf.util.sizeFromShape(shape);
      for (let set = 0; set < 2 ** shape.length; set++) {
        const axes = [...shape.keys()].filter((axis) => set >> axis & 1);
        for (const dtype of ["float32", "int32", "bool"] as const) {
          const values = array(
            size,
            random,
            (u) =>
              dtype === "float32"
                ? u - 0.5
                : dtype === "int32"
                ? Math.floor(100 * u) - 50
                : Math.round(u),
          );
          const wanted = sumOver(values, shape, axes);
          const count = size / wanted.length;
          for (const keepDims of [false, true]) {
            const [sum, mean] = tf.tidy(() => {
              const x = tf.tensor(values, shape, dtype);
              return [tf.sum(x, axes, keepDims), tf.mean(x, axes, keepDims)];
            });
            const label = `${dtype} [${shape}] over [${axes}]`;
            const kept = shape.flatMap((size, axis) =>
              axes.includes(axis) ? (keepDims ? [1] : []) : [size]
            );
            assertEquals([sum!.shape, mean!.shape], [kept, kept], label);
            assertEquals(
              [sum!.dtype, mean!.dtype],
              [dtype === "float32" ? "float32" : "int32", "float32"],
              label,
            );
            const [sums, means] = await Promise.all([
              sum!.data(),
              mean!.data(),
            ]);
            wanted.forEach((value, i) => {
              const tolerance = dtype === "float32" ? 1e-6 * count : 0;
              assert(Math.abs(sums[i]! - value) <= tolerance, label);
              const error = Math.abs(means[i]! - value / count);
              assert(error <= 1e-5, label);
            });
            tf.dispose([sum!, mean!]);
          }
        }
      }
    }
    assertEquals(tf.memory().numTensors, before);
  }
});

Deno.test("a sum of 2·10⁷ numbers is as exact as one of few, along any axis [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const size = 2e7, value = Math.fround(0.1);
  const x = tf.fill([size], value);
  // In float32 one after the other, these come to 5 % less or more.
  const shapes = { "[n]": [size], "[n / 4, 4]": [size / 4, 4] };
  for (const [name, shape] of Object.entries(shapes)) {
    const reduced = tf.tidy(() => {
      const shaped = tf.reshape(x, shape);
      return {
        sum: tf.mul(tf.sum(shaped, 0), shape[1] ?? 1),
        all: tf.sum(shaped),
        mean: tf.mul(tf.mean(shaped, 0), size),
        "mean of all": tf.mul(tf.mean(shaped), size),
      };
    });
    for (const [what, y] of Object.entries(reduced)) {
      for (const total of await y.data()) {
        const error = Math.abs(total / (size * value) - 1);
        assert(error < 1e-6, `${what} of ${name} is off by ${error}`);
      }
    }
    tf.dispose(reduced);
  }
  x.dispose();
});

Deno.test("a mean of integers has those that no float is [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const values = [2 ** 24 + 1, -(2 ** 24), 2 ** 31 - 1, -(2 ** 31)];
  const mean = tf.tidy(() => tf.mean(tf.tensor2d(values, [2, 2], "int32"), 1));
  assertEquals([...await mean.data()], [0.5, -0.5]);
  mean.dispose();
});

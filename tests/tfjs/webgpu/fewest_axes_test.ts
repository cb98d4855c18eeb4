/** Kernels that get tensors in fewer axes than they have. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { GpuCallCounter } from "../../../bench/gpu_calls.ts";
import { useBackend } from "../../../mod.ts";
import { onEachBackend } from "../../backends.ts";
import { uniform } from "../../random.ts";

/** A tensor of a shape, of numbers that are all different. */
const given = (shape: number[]) =>
  tf.tidy(() =>
    tf.reshape(tf.range(-3, tf.util.sizeFromShape(shape) - 3), shape)
  );

onEachBackend(
  "axes in any order are those of cpu, with integers and with axes of one element",
  async () => {
    const random = uniform(1);
    const cases = Array.from({ length: 40 }, (_, i) => {
      const rank = 1 + i % 6;
      const perm = Array.from({ length: rank }, (_, axis) => axis)
        .map((axis) => [axis, random()] as const)
        .toSorted(([, a], [, b]) => i % 5 === 0 ? 0 : a - b)
        .map(([axis]) => axis);
      const shape = perm.map(() => Math.floor(1 + 3 * random()));
      return { shape, perm, dtype: i % 4 === 0 ? "int32" : "float32" } as const;
    });
    const results: unknown[][] = [];
    for (const backend of ["webgpu", "cpu"] as const) {
      await useBackend({ prefer: [backend] });
      const found: unknown[] = [];
      for (const { shape, perm, dtype } of cases) {
        const y = tf.tidy(() =>
          tf.transpose(tf.cast(given(shape), dtype), perm)
        );
        found.push([perm, y.dtype, y.shape, [...await y.data()]]);
        y.dispose();
      }
      results.push(found);
    }
    await useBackend({ prefer: ["webgpu"] });
    assertEquals(results[0], results[1]);
  },
  ["webgpu"],
);

onEachBackend(
  "what has changed no place outlives the tensor that it was",
  async () => {
    const x = given([1, 3, 1, 2]);
    const y = tf.transpose(x, [1, 0, 3, 2]);
    x.dispose();
    assertEquals([y.shape, [...await y.data()]], [
      [3, 1, 2, 1],
      [-3, -2, -1, 0, 1, 2],
    ]);
    y.dispose();
  },
  ["webgpu"],
);

onEachBackend(
  "shaders of functions of an element depend on no shape, and those of transpositions on few",
  () => {
    const counter = new GpuCallCounter();
    try {
      const pipelinesOf = (run: () => void) => {
        counter.take();
        tf.tidy(run);
        return counter.take().pipelines;
      };
      const shapes = [[], [4], [3, 3], [2, 1, 4], [1, 2, 3, 4]];
      const inputs = shapes.map(given);
      const functions = [tf.abs, tf.sqrt, tf.sigmoid, tf.floor];
      pipelinesOf(() => functions.forEach((f) => f(inputs[1]!)));
      assertEquals(
        pipelinesOf(() =>
          functions.forEach((f) => inputs.forEach((x) => f(x)))
        ),
        0,
      );
      pipelinesOf(() => {
        tf.transpose(given([2, 3, 4]), [0, 2, 1]);
      });
      const big = given([2, 3, 4, 5]), heads = given([2, 3, 1, 5]);
      assertEquals(
        pipelinesOf(() => {
          tf.transpose(big, [0, 1, 3, 2]);
          tf.transpose(big, [0, 3, 1, 2]);
          tf.transpose(big, [0, 2, 3, 1]);
          tf.transpose(big, [3, 0, 1, 2]);
          tf.transpose(heads, [0, 2, 1, 3]);
        }),
        0,
      );
      tf.dispose([...inputs, big, heads]);
    } finally {
      counter.stop();
    }
  },
  ["webgpu"],
);

import { assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../backends.ts";
import { BINARY } from "./wasm/elementwise/references.ts";

const OPERANDS = [
  ...[0, -0, 1, -1, 7, -7, 7.5, -7.5, 0.1, -0.1, 3, -3, 2 ** 24 + 2],
  ...[1e38, -1e38, Infinity, -Infinity, NaN],
].map(Math.fround);

/** What TensorFlow does with floats, in 64 bits. */
const DEFINED = {
  floorDiv: BINARY["FloorDiv"]!.truth,
  mod: BINARY["Mod"]!.truth,
};

onEachBackend(
  "quotients of floats are floats, and what they leave has the divisor's sign",
  async () => {
    const pairs = OPERANDS.flatMap((a) => OPERANDS.map((b) => [a, b] as const));
    for (const name of ["floorDiv", "mod"] as const) {
      const y = tf.tidy(() =>
        tf[name](
          tf.tensor2d(OPERANDS, [OPERANDS.length, 1]),
          tf.tensor1d(OPERANDS),
        )
      );
      assertEquals(y.dtype, "float32");
      const values = await y.data();
      y.dispose();
      pairs.forEach(([a, b], i) => {
        const wanted = Math.fround(Number(DEFINED[name](a, b)));
        const label = `${name}(${a}, ${b})`;
        if (!Number.isFinite(wanted)) {
          return assertEquals(values[i], wanted, label);
        }
        assertAlmostEquals(values[i]!, wanted, 1e-6 * Math.abs(wanted), label);
      });
    }
  },
);

onEachBackend("quotients of floats have shapes as other operations", () => {
  const results = tf.tidy(() =>
    [tf.floorDiv, tf.mod].flatMap((divide) => [
      divide(tf.ones([2, 1, 3]), tf.ones([4, 1])),
      divide(tf.ones([0, 3]), tf.ones([3])),
      divide(tf.scalar(3), tf.scalar(2)),
    ])
  );
  assertEquals(results.map(({ shape }) => shape), [
    ...[[2, 4, 3], [0, 3], []],
    ...[[2, 4, 3], [0, 3], []],
  ]);
  tf.dispose(results);
});

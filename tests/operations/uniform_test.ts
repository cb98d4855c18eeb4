import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../mod.ts";
import { drop, withDropoutSeed } from "../../lib/layers/randomness.ts";
import { uniform } from "../../lib/operations/uniform/uniform.ts";
import { onEachBackend } from "../backends.ts";

onEachBackend(
  "random numbers are those of tf.randomUniform, on any number of threads",
  async (backend) => {
    for (const threads of backend === "wasm" ? [1, 2] : [1]) {
      await useBackend({ prefer: [backend], threads });
      for (const shape of [[], [0], [1], [2, 2], [3, 7], [2, 65_537]]) {
        for (const seed of ["", "7", "a longer seed/3, rank 1"]) {
          const own = uniform(shape, seed);
          const theirs = tf.randomUniform(shape, 0, 1, "float32", seed);
          assertEquals(own.shape, shape);
          const [numbers, wanted] = [await own.data(), await theirs.data()];
          const wrong = wanted.findIndex((value, i) => value !== numbers[i]);
          assertEquals(wrong, -1, `[${shape}] of "${seed}" on ${threads}`);
          tf.dispose([own, theirs]);
        }
      }
    }
  },
);

onEachBackend(
  "random numbers without a seed differ from call to call",
  async () => {
    const [first, second] = [uniform([4]), uniform([4])];
    const values = await second.data();
    assert((await first.data()).some((value, i) => value !== values[i]));
    tf.dispose([first, second]);
  },
);

onEachBackend(
  "dropout is that of tf.dropout, and so is its gradient",
  async () => {
    const x = tf.range(1, 3001);
    for (const rate of [0.1, 0.5, 0.9]) {
      const [own, gradient, theirs, wanted] = tf.tidy(() => {
        const dropped = (x: tf.Tensor) =>
          withDropoutSeed("s", () => drop(x, { training: true, rate }));
        const plain = (x: tf.Tensor) => tf.dropout(x, rate, undefined, "s/0");
        return [dropped(x), tf.grad(dropped)(x), plain(x), tf.grad(plain)(x)];
      });
      const values = await own!.data();
      assertEquals(values, await theirs!.data());
      assertEquals(await gradient!.data(), await wanted!.data());
      assert(values.some((value) => value === 0));
      tf.dispose([own!, gradient!, theirs!, wanted!]);
    }
    x.dispose();
  },
);

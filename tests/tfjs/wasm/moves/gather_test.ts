import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../../mod.ts";
import { array, uniform } from "../../../random.ts";

Deno.test("gather takes rows along any axis, short and long ones, of any dtype [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const random = uniform(1);
  for (const columns of [1, 5, 40]) {
    for (const axis of [0, 1, -2, 2]) {
      for (const dtype of ["float32", "int32"] as const) {
        const sizes = [3, 4, columns];
        const size = sizes.reduce((a, b) => a * b, 1);
        const values = array(size, random, (u) => Math.floor(100 * u));
        const count = sizes.at(axis < 0 ? axis : axis - 3)!;
        const places = [count - 1, 0, count - 1];
        const before = tf.memory().numTensors;
        const [got, expected] = tf.tidy(() => {
          const x = tf.tensor(values, sizes, dtype);
          const at = tf.tensor1d(places, "int32");
          // The definition: slices, beside each other.
          const slices = places.map((place) => {
            const begin = [0, 0, 0], extent = [...sizes];
            const along = (axis + 3) % 3;
            begin[along] = place;
            extent[along] = 1;
            return tf.slice(x, begin, extent);
          });
          return [tf.gather(x, at, axis), tf.concat(slices, (axis + 3) % 3)];
        });
        assertEquals(got!.shape, expected!.shape);
        assertEquals([...await got!.data()], [...await expected!.data()]);
        tf.dispose([got!, expected!]);
        assertEquals(tf.memory().numTensors, before);
      }
    }
  }
});

import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../backends.ts";
import { drawTransformed, wrongTransform } from "./transform_cases.ts";

onEachBackend(
  "transformed images are right at, below and above borders and halves",
  async () => {
    const wrong: string[] = [];
    for (let seed = 0; seed < 300; seed++) {
      const what = await wrongTransform(drawTransformed(seed));
      if (what) wrong.push(what);
    }
    assertEquals(wrong, []);
  },
);

onEachBackend("a place infinitely far away is filled", async () => {
  const y = tf.tidy(() =>
    tf.image.transform(
      tf.ones([1, 1, 3, 1]),
      tf.tensor2d([[1, 0, 0, 0, 1, 0, -1, 0]]),
      "nearest",
      "nearest",
      -7,
    )
  );
  assertEquals([...await y.data()], [1, -7, 1]);
  y.dispose();
});

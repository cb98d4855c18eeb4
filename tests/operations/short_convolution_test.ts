/** Short convolutions of no tokens, and what is refused; tests/subjects has the rest. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { shortConvolution } from "../../lib/operations/mod.ts";
import { onEachBackend } from "../backends.ts";

onEachBackend("shortConvolution() of no tokens has none", () => {
  tf.tidy(() => {
    const [x, weight] = [tf.zeros([2, 0, 3]), tf.ones([3, 4])];
    for (const segments of [undefined, tf.zeros([2, 0], "int32")]) {
      const y = shortConvolution(x, weight, undefined, { segments });
      assertEquals(y.shape, [2, 0, 3]);
    }
  });
});

onEachBackend("shortConvolution() of even taps cannot be centred", () => {
  tf.tidy(() => {
    const [x, weight] = [tf.ones([2, 5, 3]), tf.ones([3, 4])];
    assertThrows(
      () => shortConvolution(x, weight, undefined, { place: "centred" }),
      RangeError,
      "odd number of taps to be centred, got 4",
    );
  });
});

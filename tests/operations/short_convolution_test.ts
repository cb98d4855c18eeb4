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

onEachBackend(
  "shortConvolution() says what is wrong with its arguments",
  () => {
    tf.tidy(() => {
      const x = tf.ones<tf.Rank.R3>([2, 5, 3]);
      const weight = tf.ones<tf.Rank.R2>([3, 4]);
      assertThrows(
        () => shortConvolution(x, tf.ones([4, 3])),
        TypeError,
        "shortConvolution's weight should have shape [channels, taps] = [3, any], got [4, 3]",
      );
      assertThrows(
        () => shortConvolution(x, weight, undefined, { place: "centred" }),
        RangeError,
        "odd number of taps to be centred, got 4",
      );
      assertThrows(
        () =>
          shortConvolution(x, weight, undefined, { place: "left" as never }),
        RangeError,
        'shortConvolution\'s place should be "causal" or "centred", got "left"',
      );
      assertThrows(
        () => shortConvolution(x, weight, undefined, { silu: true } as never),
        TypeError,
        'shortConvolution has no option "silu"',
      );
    });
  },
);

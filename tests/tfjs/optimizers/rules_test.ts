/** Rules that change weights in place. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  ownValues,
  updateInPlace,
} from "../../../lib/tfjs/optimizers/rules.ts";
import { onEachBackend } from "../../backends.ts";

onEachBackend(
  "weights of all sizes change in place, times a factor",
  async () => {
    const sizes = [0, 1, 4, 1023, 1024, 5000];
    const weights = sizes.map((size) => ({
      value: tf.fill([size], 3),
      gradient: tf.range(0, size),
      states: [tf.fill([size], 1)],
    }));
    const factor = tf.scalar(0.5);
    const before = await weights[3]!.value.data();
    for (const { value, states } of weights) {
      for (const x of [value, ...states]) assert(ownValues(x) === x);
    }
    for (let step = 0; step < 2; step++) {
      const numbers = { step: -0.25, decay1: 0.5 };
      updateInPlace("momentum", weights, numbers, factor);
    }
    for (const { value, states: [sum] } of weights) {
      const [values, sums] = await Promise.all([value.data(), sum!.data()]);
      values.forEach((x, i) => {
        const one = 0.5 + 0.5 * i, two = 0.5 * one + 0.5 * i;
        assertEquals([x, sums[i]], [3 - 0.25 * (one + two), two]);
      });
    }
    assertEquals(before[1022], 3);
    tf.dispose([...weights.map((weight) => Object.values(weight)), factor]);
  },
  ["wasm", "webgpu"],
);

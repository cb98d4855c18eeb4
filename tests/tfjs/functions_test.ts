/** Functions of each element on WebGPU, for all kinds of numbers. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../backends.ts";
import { wrongFunctions } from "./function_cases.ts";

onEachBackend(
  "functions are right for all kinds of numbers, by shaders and on the host",
  async () => {
    for (const onHost of [false, true]) {
      tf.env().set("WEBGPU_CPU_FORWARD", onHost);
      // Lengths in packs of four and others.
      for (const seed of [0, 1, 2, 3]) {
        assertEquals(await wrongFunctions(seed), [], `seed ${seed}`);
      }
    }
    tf.env().set("WEBGPU_CPU_FORWARD", false);
  },
  ["webgpu"],
);

onEachBackend("activations of products keep NaN", async () => {
  for (const activation of ["relu", "relu6", "elu", "sigmoid"] as const) {
    const results = tf.tidy(() => {
      const x = tf.fill<tf.Rank.R4>([1, 4, 4, 4], NaN);
      const filter = tf.ones<tf.Rank.R4>([1, 1, 4, 4]);
      const options = { x, filter, strides: 1, pad: "same" as const };
      return [
        tf.fused.matMul({
          a: tf.reshape(x, [16, 4]) as tf.Tensor2D,
          b: tf.reshape(filter, [4, 4]) as tf.Tensor2D,
          activation,
        }),
        tf.fused.conv2d({ ...options, activation }),
        tf.fused.depthwiseConv2d({ ...options, activation }),
      ];
    });
    for (const y of results) {
      assertEquals([...await y.data()].filter((x) => !Number.isNaN(x)), []);
    }
    tf.dispose(results);
  }
});

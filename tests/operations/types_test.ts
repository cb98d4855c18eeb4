/** Kernels themselves convert nothing; tests/subjects has all types of numbers for every operation. @module */
import { assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { runKernel } from "../../lib/tfjs/kernel/kernel.ts";
import { GELU } from "../../lib/operations/gelu/gelu.ts";
import { onEachBackend } from "../backends.ts";

onEachBackend("no kernel takes integers for floats, whoever calls it", () => {
  tf.tidy(() => {
    const kernels = tf.getKernelsForBackend(tf.getBackend())
      .map(({ kernelName }) => kernelName)
      .filter((name) => name.startsWith("Lion"));
    for (const name of kernels) {
      const x = tf.ones([1, 1, 1, 1], "int32");
      const inputs = { x, q: x, logDecay: x, value: x };
      assertThrows(
        () => tf.engine().runKernel(name, inputs),
        TypeError,
        "should be float32, got int32; cast it",
      );
    }
  });
});

onEachBackend("runKernel() names the kernel and its input", () => {
  tf.tidy(() => {
    const x = tf.tensor1d(["a"]);
    assertThrows(
      () => runKernel(GELU, { x }),
      TypeError,
      "LionGelu's x should be float32, or int32 or bool",
    );
  });
});

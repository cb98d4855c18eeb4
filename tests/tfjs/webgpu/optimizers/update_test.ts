/** What optimizers run on WebGPU: sums of squares, weights that change in place. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { runKernel } from "../../../../lib/tfjs/kernel/kernel.ts";
import {
  ownValues,
  SQUARE_SUMS,
  updateInPlace,
} from "../../../../lib/tfjs/optimizers/rules.ts";
import { array, uniform } from "../../../random.ts";
import { GUARANTEED_BUFFERS, onEachBackend } from "../../../backends.ts";
import { withLimits } from "../../../kernels/webgpu/with_limits.ts";

onEachBackend("squares add up over tensors of any sizes", async () => {
  const random = uniform(5);
  // None, single numbers, more than a workgroup adds up, more than a launch binds.
  const sizes = [0, 1, 3, 4, 1000, 16_384, 16_388, 70_001, 5, 8, 12, 16, 20, 7];
  const xs = sizes.map((size) => array(size, random, (u) => u - 0.3));
  const expected = xs.flatMap((x) => [...x])
    .reduce((sum, x) => sum + x * x, 0);
  const sum = tf.tidy(() => {
    const tensors = xs.map((x) => tf.tensor1d(x));
    const inputs = Object.fromEntries(tensors.entries());
    return tf.sum(runKernel(SQUARE_SUMS, inputs)["sums"]);
  });
  const [actual] = await sum.data();
  assertAlmostEquals(actual! / expected, 1, 2e-6);
  const none = tf.tidy(() => tf.sum(runKernel(SQUARE_SUMS, {})["sums"]));
  assertEquals([...await none.data()], [0]);
  tf.dispose([sum, none]);
}, ["webgpu"]);

onEachBackend("many tensors add up where few are bound", async () => {
  const limits = { maxStorageBuffersPerShaderStage: GUARANTEED_BUFFERS };
  const backend = tf.backend() as WebGPUBackend;
  const bound: number[] = [];
  const { runWebGPUProgram } = backend;
  backend.runWebGPUProgram = function (...call) {
    bound.push(1 + call[1].length);
    return runWebGPUProgram.apply(this, call);
  };
  try {
    await withLimits(limits, async () => {
      for (const dtype of ["float32", "int32"] as const) {
        for (const count of [1, 2, 7, 8, 13, 14, 40]) {
          const before = tf.memory().numTensors;
          const sum = tf.tidy(() =>
            tf.addN(
              Array.from({ length: count }, (_, i) => tf.fill([4], i, dtype)),
            )
          );
          assertEquals(sum.dtype, dtype);
          assertEquals(
            [...await sum.data()],
            Array(4).fill(count * (count - 1) / 2),
          );
          sum.dispose();
          assertEquals(tf.memory().numTensors, before);
        }
      }
    });
  } finally {
    delete (backend as { runWebGPUProgram?: unknown }).runWebGPUProgram;
  }
  assert(Math.max(...bound) <= GUARANTEED_BUFFERS);
}, ["webgpu"]);

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
  ["webgpu"],
);

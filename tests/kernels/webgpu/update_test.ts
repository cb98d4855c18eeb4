/** What optimizers run on WebGPU: sums of squares, weights that change in place. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { runKernel } from "../../../lib/contract/kernel.ts";
import {
  ownValues,
  SQUARE_SUMS,
  updateInPlace,
} from "../../../lib/optimizers/rules.ts";
import { array, uniform } from "../../random.ts";
import { normOf } from "../../../lib/optimizers/weight_group.ts";
import { GUARANTEED_BUFFERS, onEachBackend } from "../../backends.ts";

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

onEachBackend("a norm of many groups binds few buffers at once", async () => {
  const backend = tf.backend() as WebGPUBackend;
  const bound: number[] = [];
  const { runWebGPUProgram } = backend;
  backend.runWebGPUProgram = function (...call) {
    bound.push(1 + call[1].length);
    return runWebGPUProgram.apply(this, call);
  };
  try {
    for (const count of [1, 2, 7, 8, 13, 14, 40]) {
      const norm = tf.tidy(() =>
        normOf(Array.from({ length: count }, (_, i) => [tf.fill([4], i + 1)]))
      );
      const squares = count * (count + 1) * (2 * count + 1) / 6;
      const [actual] = await norm.data();
      assertAlmostEquals(actual! / Math.sqrt(4 * squares), 1, 1e-6);
      norm.dispose();
    }
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

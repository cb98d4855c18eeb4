/** Sums of squares, and of many tensors, on WebGPU. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { runKernel } from "../../../../lib/tfjs/kernel/kernel.ts";
import { SQUARE_SUMS } from "../../../../lib/tfjs/optimizers/rules.ts";
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

/** Launches that are repeated without their kernels compute what these would. */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { ReplayedRuns } from "../../../lib/tfjs/record/runs.ts";
import { runInReplays } from "../../../lib/tfjs/record/recorder.ts";
import type { StrictWebGPUBackend } from "../../../lib/tfjs/webgpu/gpu_backend.ts";
import { alive, onEachBackend } from "../../backends.ts";

/** Runs until kernels are not run any more. */
const CAPTURED = 5;

/** Runs before the first that is looked at. */
const BEFORE_LOOK = 7;

/** Counts the kernels that run, of those that a test uses. */
function countKernels(names: readonly string[]) {
  let count = 0;
  const configs = names.map((name) => tf.getKernel(name, "webgpu")!);
  for (const { kernelName, kernelFunc, ...more } of configs) {
    tf.unregisterKernel(kernelName, "webgpu");
    tf.registerKernel({
      ...more,
      kernelName,
      kernelFunc: (call) => {
        count++;
        return kernelFunc(call);
      },
    });
  }
  return {
    take: () => {
      const taken = count;
      count = 0;
      return taken;
    },
    stop: () => {
      for (const config of configs) {
        tf.unregisterKernel(config.kernelName, "webgpu");
        tf.registerKernel(config);
      }
    },
  };
}

onEachBackend(
  "repeated launches read new inputs and weights, and run no kernel",
  async () => {
    const kernels = countKernels(["Multiply", "Add", "Exp"]);
    const runs = new ReplayedRuns("a test of launches");
    const weight = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3])));
    let drawn = 0;
    const step = (x: tf.Tensor) =>
      tf.tidy(() =>
        runs.run("", [x], () => {
          const noise = runInReplays([], () => tf.fill([3], drawn));
          const y = tf.add(tf.mul(x, weight), noise);
          return [y, tf.exp(tf.neg(y)), y];
        })
      );
    const moved = BEFORE_LOOK + 2;
    for (let i = 0; i < moved + 3; i++) {
      drawn = i / 4;
      // A variable that is changed has other data.
      if (i === moved) tf.tidy(() => weight.assign(tf.mul(weight, 2)));
      const own = await weight.data();
      kernels.take();
      const x = tf.tensor1d([i, i / 2, -i]);
      const results = step(x);
      const ran = kernels.take();
      // After a look, the same launches are repeated.
      const isCaptured = i >= CAPTURED && i !== BEFORE_LOOK && i !== moved;
      assertEquals(ran, isCaptured ? 0 : 3, `run ${i}`);
      const wanted = [i, i / 2, -i].map((x, k) => x * own[k]! + drawn);
      const [y, z, again] = await Promise.all(results.map((y) => y.data()));
      assertEquals([...y!], wanted);
      assertEquals([...again!], wanted);
      z!.forEach((value, k) =>
        assert(Math.abs(value / Math.exp(-wanted[k]!) - 1) < 1e-5)
      );
      tf.dispose([x, results]);
    }
    kernels.stop();
    runs.dispose();
    weight.dispose();
  },
  ["webgpu"],
);

onEachBackend(
  "results outlive the launches that follow, and their end",
  async () => {
    const runs = new ReplayedRuns("a test of results");
    const results: tf.Tensor[] = [];
    for (let i = 0; i < CAPTURED + 4; i++) {
      const x = tf.tensor1d([i, 2 * i]);
      results.push(...tf.tidy(() => runs.run("", [x], () => [tf.square(x)])));
      x.dispose();
    }
    runs.dispose();
    const others = Array.from({ length: 8 }, (_, i) => tf.fill([2], -i));
    others.push(...others.map((x) => tf.neg(x)));
    for (const [i, y] of results.entries()) {
      assertEquals([...await y.data()], [i * i, 4 * i * i]);
    }
    tf.dispose([results, others]);
  },
  ["webgpu"],
);

onEachBackend("results outlive the launches of other shapes", async () => {
  const runs = new ReplayedRuns("a test of shapes");
  const held: { sum: tf.Tensor; wanted: number }[] = [];
  for (let i = 0; i < 3 * (CAPTURED + 5); i++) {
    const size = [8, 32, 16][i % 3]!;
    const x = tf.fill([size], i);
    // The mean is computed, and not a result.
    const run = () => [tf.sum(x), tf.square(tf.mean(x))].slice(0, 1);
    const [sum] = tf.tidy(() => runs.run("", [x], run));
    held.push({ sum: sum!, wanted: i * size });
    x.dispose();
  }
  const sums = await Promise.all(held.map(({ sum }) => sum.data()));
  assertEquals(sums.map(([sum]) => sum), held.map(({ wanted }) => wanted));
  runs.dispose();
  tf.dispose(held.map(({ sum }) => sum));
}, ["webgpu"]);

onEachBackend(
  "a result may be the next input, and be changed in its place",
  async () => {
    const runs = new ReplayedRuns("a test of sums");
    let sum: tf.Tensor = tf.tensor1d([0, 0]);
    for (let i = 0; i < 12; i++) {
      const before = sum;
      const [next] = tf.tidy(() =>
        runs.run("", [before], () => [tf.add(tf.mul(before, 2), 1)])
      );
      before.dispose();
      sum = next!;
    }
    assertEquals([...await sum.data()], [4095, 4095]);
    runs.dispose();
    sum.dispose();
  },
  ["webgpu"],
);

onEachBackend(
  "captured runs have one arena, which is given back with the last",
  async () => {
    const { buffers } = tf.backend() as StrictWebGPUBackend;
    const before = alive(), bytes = buffers.numBytesUsed;
    const run = (runs: ReplayedRuns, size: number) =>
      tf.tidy(() => {
        const x = tf.fill([size], 1);
        // A chain of sums, of which two are there at once.
        const chain = () => {
          let y: tf.Tensor = x;
          for (let i = 0; i < 6; i++) y = tf.tidy(() => tf.add(y, x));
          return [tf.sum(y)];
        };
        return void runs.run("", [x], chain);
      });
    const all = [1, 2, 3].map((i) => new ReplayedRuns(`a test of arena ${i}`));
    const size = 2 ** 18;
    for (const runs of all) {
      for (let i = 0; i < CAPTURED + 2; i++) run(runs, size);
    }
    // An input of each, and the arena's.
    const used = buffers.numBytesUsed - bytes;
    assert(used < (3 + 4) * 4 * size, `${used}`);
    for (const runs of all) runs.dispose();
    assertEquals(alive(), before);
    assertEquals(buffers.numBytesUsed, bytes);
    await Promise.resolve();
  },
  ["webgpu"],
);

onEachBackend(
  "captured runs of many sizes hold little more than the largest needs",
  async () => {
    const { buffers } = tf.backend() as StrictWebGPUBackend;
    const bytes = buffers.numBytesUsed;
    const runs = new ReplayedRuns("a test of many sizes");
    const sizes = Array.from({ length: 6 }, (_, i) => (i + 12) * 2 ** 16);
    const steps = [...sizes, ...sizes.toReversed()].flatMap((size) =>
      Array(CAPTURED + 1).fill(size) as number[]
    );
    let most = 0;
    for (const [i, size] of steps.entries()) {
      const x = tf.fill([size], i);
      const [y] = tf.tidy(() =>
        runs.run("", [x], () => {
          const a = tf.add(x, 1), b = tf.sub(x, 1);
          return [tf.mean(tf.add(tf.sub(a, b), x))];
        })
      );
      most = Math.max(most, buffers.numBytesUsed - bytes);
      const [mean] = await y!.data();
      assert(Math.abs(mean! / (i + 2) - 1) < 1e-4, `${mean} of ${i}`);
      tf.dispose([x, y!]);
    }
    // The input, its copy, and at most four results at once.
    const largest = 4 * sizes.at(-1)! * 6;
    assert(most <= 2.6 * largest, `${most / largest}`);
    assert(runs.replays > 20);
    runs.dispose();
    assertEquals(buffers.numBytesUsed, bytes);
  },
  ["webgpu"],
);

onEachBackend("a kernel that reads values runs each time", async () => {
  const kernelName = "TestOfReads";
  let count = 0;
  tf.registerKernel({
    kernelName,
    backendName: "webgpu",
    kernelFunc: () => {
      const backend = tf.backend() as StrictWebGPUBackend;
      const own = backend.write(Float32Array.of(++count), [1], "float32");
      const [value] = backend.readSync(own) as Float32Array;
      backend.disposeData(own);
      const dataId = backend.write(Float32Array.of(value!), [1], "float32");
      return { dataId, shape: [1], dtype: "float32" };
    },
  });
  const runs = new ReplayedRuns("a test of reads");
  for (let i = 1; i <= CAPTURED + 3; i++) {
    const x = tf.tensor1d([i]);
    const [y] = tf.tidy(() =>
      runs.run("", [x], () => [
        tf.add(x, tf.engine().runKernel(kernelName, {}, {}) as tf.Tensor),
      ])
    );
    assertEquals([...await y!.data()], [2 * i]);
    tf.dispose([x, y!]);
  }
  assert(runs.replays > 3);
  runs.dispose();
  tf.unregisterKernel(kernelName, "webgpu");
}, ["webgpu"]);

onEachBackend("after a failure, launches are captured anew", async () => {
  const backend = tf.backend() as StrictWebGPUBackend;
  const runs = new ReplayedRuns("a test of failures");
  const step = async (i: number) => {
    const x = tf.tensor1d([i]);
    const [y] = tf.tidy(() => runs.run("", [x], () => [tf.exp(tf.mul(x, 0))]));
    const [value] = await y!.data();
    tf.dispose([x, y!]);
    return value;
  };
  for (let i = 0; i < CAPTURED + 1; i++) assertEquals(await step(i), 1);
  const { generation } = backend.launches;
  // More than the device has.
  backend.device.createBuffer({ size: 2 ** 52, usage: GPUBufferUsage.STORAGE });
  const sum = tf.fill([3], 1);
  await sum.data().catch(() => {});
  sum.dispose();
  assert(backend.launches.generation > generation);
  for (let i = 0; i < 4; i++) assertEquals(await step(i), 1);
  runs.dispose();
}, ["webgpu"]);

/** Shaders that are compiled in parallel before the first step of a training. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { compileAhead } from "../../../lib/tfjs/record/compile_ahead.ts";
import type { StrictWebGPUBackend } from "../../../lib/tfjs/webgpu/gpu_backend.ts";
import { launch } from "../../../lib/tfjs/webgpu/launch.ts";
import { keyOf } from "../../../lib/tfjs/webgpu/shader.ts";
import { generate, GpuError, lionGpt, useBackend } from "../../../mod.ts";
import {
  predict,
  train,
  type TrainOptions,
} from "../../../lib/training/mod.ts";
import type { TrainingProgress } from "../../../lib/training/reports/progress.ts";
import {
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  weightsOf,
} from "../../training/tiny.ts";
import { onWebGpu } from "./on_webgpu.ts";

/** What a device was asked for, in order. */
type Call = "at once" | "ahead" | "launch";

/** Runs a function, and tells what it asked WebGPU for. */
async function callsOf(run: () => Promise<unknown>): Promise<Call[]> {
  const calls: Call[] = [];
  const device = GPUDevice.prototype, pass = GPUComputePassEncoder.prototype;
  const { createComputePipeline, createComputePipelineAsync } = device;
  const { dispatchWorkgroups } = pass;
  device.createComputePipeline = function (...given) {
    calls.push("at once");
    return createComputePipeline.apply(this, given);
  };
  device.createComputePipelineAsync = function (...given) {
    calls.push("ahead");
    return createComputePipelineAsync.apply(this, given);
  };
  pass.dispatchWorkgroups = function (...given) {
    calls.push("launch");
    return dispatchWorkgroups.apply(this, given);
  };
  try {
    await run();
  } finally {
    Object.assign(device, {
      createComputePipeline,
      createComputePipelineAsync,
    });
    pass.dispatchWorkgroups = dispatchWorkgroups;
  }
  return calls;
}

/** How often a kind of calls is among some. */
function count(calls: readonly Call[], kind: Call): number {
  return calls.filter((call) => call === kind).length;
}

/** Trains a new model for a few steps. */
async function trained(
  progress: TrainingProgress | false = false,
  others: Partial<TrainOptions> = {},
) {
  const model = tinyModel();
  try {
    const options = tinyOptions({ steps: 4, progress, ...others });
    const { losses } = await train(model, tinyData(), options);
    return { losses, weights: await weightsOf(model) };
  } finally {
    model.dispose();
  }
}

/** A progress that looks at the shaders that are compiled. */
function shaders(
  look: (shaders: { done: number; total: number }) => unknown,
): TrainingProgress {
  const compiled = (progress: { done: number; total: number }) =>
    void look(progress);
  return { begin() {}, update() {}, end() {}, compiled };
}

onWebGpu("a signal ends training while shaders compile", async (backend) => {
  backend.device.destroy();
  await useBackend({ prefer: ["webgpu"] });
  const controller = new AbortController();
  const model = tinyModel();
  const { numTensors } = tf.memory();
  const progress = shaders(({ done }) => done === 3 && controller.abort());
  const { signal } = controller;
  const options = tinyOptions({ signal, progress });
  const result = await train(model, tinyData(), options);
  assertEquals([result.aborted, result.steps], [true, 0]);
  assertEquals(tf.memory().numTensors, numTensors);
  model.dispose();
});

onWebGpu("a device lost while shaders compile is a GpuError", async () => {
  const { device } = tf.backend() as StrictWebGPUBackend;
  const progress = shaders(({ done }) => done === 3 && device.destroy());
  await assertRejects(() => trained(progress), GpuError, "device was lost");
});

onWebGpu(
  "after a loss, shaders are compiled ahead on the next device",
  async () => {
    const reports: string[] = [];
    const progress = shaders(({ done, total }) =>
      reports.push(`${done} of ${total}`)
    );
    const calls = await callsOf(() => trained(progress));
    const ahead = count(calls, "ahead"), atOnce = count(calls, "at once");
    assert(ahead > 30 && ahead > 3 * atOnce, `${ahead} and ${atOnce}`);
    // None comes after the first launch of the step.
    const launches = count(calls.slice(calls.lastIndexOf("ahead")), "launch");
    assert(launches > 100, `${launches} launches after the last of them`);
    const all = Array.from({ length: ahead + 1 }, (_, i) => `${i} of ${ahead}`);
    assertEquals(reports, all);
    // Then all of them are there.
    const again = await callsOf(() => trained(progress));
    assertEquals([count(again, "ahead"), count(again, "at once")], [0, 0]);
    assertEquals(reports, all);
  },
);

onWebGpu("to compile ahead changes nothing", async (backend) => {
  const { numTensors, numDataBuffers } = tf.memory();
  const own = await trained();
  assertEquals(tf.memory().numTensors, numTensors);
  assertEquals(tf.memory().numDataBuffers, numDataBuffers);
  const { compileAhead } = backend;
  let runs = 0;
  backend.compileAhead = () => void runs++;
  try {
    assertEquals(await trained(), own);
    assertEquals(runs, 1);
    // A loss of the user's would notice it, whatever is recorded.
    const loss = (predictions: tf.Tensor) =>
      tf.mean(tf.square(predictions)) as tf.Scalar;
    await trained(false, { loss, record: true });
    assertEquals(runs, 1);
  } finally {
    backend.compileAhead = compileAhead;
  }
});

/** Runs on a device that has compiled nothing, and then without compiling ahead. */
async function withAndWithout<T>(
  backend: StrictWebGPUBackend,
  run: () => Promise<T>,
): Promise<void> {
  backend.device.destroy();
  await useBackend({ prefer: ["webgpu"] });
  const results: T[] = [];
  const first = await callsOf(async () => results.push(await run()));
  const ahead = count(first, "ahead"), atOnce = count(first, "at once");
  assert(ahead > 10 && atOnce <= 2, `${ahead} and ${atOnce}`);
  const { numTensors } = tf.memory();
  const again = await callsOf(async () => results.push(await run()));
  assertEquals(count(again, "ahead"), 0);
  assertEquals(tf.memory().numTensors, numTensors);
  assertEquals(results[1], results[0]);
  const next = tf.backend() as StrictWebGPUBackend;
  const { compileAhead } = next;
  next.compileAhead = undefined!;
  try {
    assertEquals(await run(), results[0]);
  } finally {
    next.compileAhead = compileAhead;
  }
}

onWebGpu("predictions are of shaders compiled ahead", async (backend) => {
  await withAndWithout(backend, async () => {
    const model = tinyModel();
    const { values } = await predict(model, tinyPass());
    model.dispose();
    return [...values];
  });
});

onWebGpu("texts are written by shaders compiled ahead", async (backend) => {
  await withAndWithout(backend, async () => {
    const model = lionGpt({
      ...{ dim: 16, depth: 2, numHeads: 2, variant: "s" },
      ...{ vocabularySize: 11, seed: 3 },
    });
    const options = { maxNewTokens: 12, temperature: 1, seed: 1 };
    const texts = await generate(model, [[1, 2, 3], [4]], options);
    model.dispose();
    return texts;
  });
});

onWebGpu("what runs ahead has no values, and leaves none", async (backend) => {
  const given = tf.tensor1d([1, 2, 3]), onDevice = tf.add(given, 1);
  const { buffers } = backend;
  const { numTensors } = tf.memory(), { numBytesUsed } = buffers;
  let read: unknown = "nothing", used = -1;
  const fresh = tf.tensor1d([4, 5, 6]);
  const calls = await callsOf(() =>
    compileAhead(() => {
      const sum = tf.add(fresh, onDevice);
      try {
        read = sum.dataSync();
      } catch (error) {
        read = error;
      }
      tf.sum(tf.mul(sum, fresh));
      used = buffers.numBytesUsed;
      throw new RangeError("which whoever runs it in earnest hears");
    }, () => {})
  );
  assertEquals(count(calls, "launch"), 0);
  assert(read instanceof Error);
  assertEquals(used, numBytesUsed);
  assertEquals(tf.env().getBool("WEBGPU_ENGINE_COMPILE_ONLY"), false);
  const sum = tf.add(fresh, onDevice);
  assertEquals([...await sum.data()], [6, 8, 10]);
  tf.dispose(sum);
  assertEquals(tf.memory().numTensors, numTensors + 1);
  tf.dispose([given, onDevice, fresh]);
});

onWebGpu("a tensor that runs ahead must not be kept", async (backend) => {
  const { pipelineCache } = backend as unknown as {
    pipelineCache: Record<string, unknown>;
  };
  for (const key of Object.keys(pipelineCache)) delete pipelineCache[key];
  const x = tf.tensor1d([1, 2]);
  let kept: tf.Tensor | undefined;
  const run = () => void (kept = tf.keep(tf.mul(x, 2)));
  await assertRejects(
    () => compileAhead(run, () => {}),
    Error,
    "was not computed",
  );
  const y = tf.mul(x, 3);
  assertEquals([...await y.data()], [3, 6]);
  tf.dispose([x, y, kept!]);
});

onWebGpu("a shader that fails ahead fails as if launched", async (backend) => {
  const shader = {
    ...{
      key: keyOf("broken ahead"),
      bindings: [{ name: "y", element: "f32", access: "read_write" } as const],
    },
    ...{ dispatch: [1, 1, 1] as const, code: () => "fn main( {" },
  };
  const run = () => {
    const y = backend.makeTensorInfo([4], "float32");
    const tensor = tf.engine().makeTensorFromTensorInfo(y);
    launch(backend, shader, [y], new ArrayBuffer(16));
    return tensor;
  };
  const reports: number[] = [];
  await compileAhead(() => void run(), (done) => reports.push(done));
  assertEquals(reports, [0, 1]);
  // Nothing that was computed meanwhile is suspect.
  const sound = tf.tidy(() => tf.add(tf.ones([2]), 1));
  assertEquals([...await sound.data()], [2, 2]);
  const y = tf.tidy(run);
  const error = await assertRejects(() => y.data(), GpuError);
  assertEquals(error.shader, "lion_broken ahead");
  tf.dispose([sound, y]);
});

/** What a training step asks of WebGPU once buffers, pipelines and bind groups are there. */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { trainingSteps } from "../../../bench/training_steps.ts";
import type { GpuCalls } from "../../../bench/gpu_calls.ts";
import { lionViT } from "../../../mod.ts";
import { onWebGpu } from "./on_webgpu.ts";

const BATCH_SIZE = "WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE";

/** Launches of a step of the model below: what is more has to be meant. */
const MOST_LAUNCHES = { ofOneBlock: 74, ofEachMore: 28 };

/** Trains a model, of one block unless told otherwise. */
async function stepsOf(launchesAtOnce: number, record = true, depth = 1) {
  const before = tf.env().getNumber(BATCH_SIZE);
  tf.env().set(BATCH_SIZE, launchesAtOnce);
  const model = lionViT({
    ...{ dim: 16, depth, numHeads: 2, variant: "s" },
    ...{ imageSize: 8, patchSize: 4, numClasses: 32, seed: 1 },
  });
  try {
    // The numbers of launches come several times before buffers of them are held.
    const { steps, losses } = await trainingSteps(model, 2, 36, record);
    return { steps: steps.slice(-12), losses };
  } finally {
    model.dispose();
    tf.env().set(BATCH_SIZE, before);
  }
}

onWebGpu(
  "a step's launches are few, and all else is there already",
  async () => {
    const { steps, losses } = await stepsOf(512);
    const all = steps.map(({ calls }) => calls);
    const { launches } = all[0]!;
    const { ofOneBlock, ofEachMore } = MOST_LAUNCHES;
    assert(launches > 50 && launches <= ofOneBlock, `${launches} launches`);
    for (const { writes, layouts, pipelines, ...calls } of all) {
      assertEquals(calls.launches, launches);
      assert(calls.submissions <= 3, `${calls.submissions} submissions`);
      assert(writes <= 4, `${writes} writes`);
      assertEquals([layouts, pipelines], [0, 0]);
    }
    // Now and then the losses of several steps are read, each into a buffer.
    const usually = (name: keyof GpuCalls) =>
      all.map((calls) => calls[name]).toSorted((a, b) => a - b)[5]!;
    assertEquals(usually("buffersCreated"), 0);
    assertEquals(usually("buffersDestroyed"), 0);
    assert(usually("submissions") <= 1);
    // Numbers of a step may be in another buffer than in the one before.
    assert(usually("bindGroups") < launches / 4);
    const deeper = (await stepsOf(512, true, 2)).steps[0]!.calls.launches;
    assert(deeper - launches <= ofEachMore, `${deeper - launches} a block`);
    // However many launches are submitted at once, and with none that are repeated,
    // numbers are the same.
    assertEquals((await stepsOf(7)).losses, losses);
    assertEquals((await stepsOf(512, false)).losses, losses);
  },
);

/** What a training step asks of WebGPU once buffers, pipelines and bind groups are there. */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { trainingSteps } from "../../../bench/training_steps.ts";
import { lionViT } from "../../../mod.ts";
import { onWebGpu } from "./on_webgpu.ts";

const BATCH_SIZE = "WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE";

/** Trains a model of one block. */
async function stepsOf(launchesAtOnce: number, record = true) {
  const before = tf.env().getNumber(BATCH_SIZE);
  tf.env().set(BATCH_SIZE, launchesAtOnce);
  const model = lionViT({
    ...{ dim: 16, depth: 1, numHeads: 2, variant: "s" },
    ...{ imageSize: 8, patchSize: 4, numClasses: 32, seed: 1 },
  });
  try {
    return await trainingSteps(model, 2, 6, record);
  } finally {
    model.dispose();
    tf.env().set(BATCH_SIZE, before);
  }
}

onWebGpu(
  "a step's launches are few, and all else is there already",
  async () => {
    const { steps, losses } = await stepsOf(512);
    for (const { calls } of steps) {
      assert(calls.launches > 50 && calls.launches <= 150, `${calls.launches}`);
      assertEquals(calls.launches, steps[0]!.calls.launches);
      // One, and one where losses are read.
      assert(calls.submissions <= 2, `${calls.submissions} submissions`);
      assert(calls.writes <= 10, `${calls.writes} writes`);
      const { layouts, buffersDestroyed, pipelines } = calls;
      assertEquals({ layouts, buffersDestroyed, pipelines }, {
        ...{ layouts: 0, buffersDestroyed: 0, pipelines: 0 },
      });
    }
    // Only where more steps than ever before wait for the end of one submission.
    const created = steps.map(({ calls }) => calls.buffersCreated);
    assertEquals(Math.min(...created), 0);
    assert(created.reduce((sum, count) => sum + count) <= 12, `${created}`);
    // Where the numbers of a step were in another buffer than in the one before.
    const bindGroups = steps.reduce(
      (sum, { calls }) => sum + calls.bindGroups,
      0,
    );
    assert(bindGroups < steps[0]!.calls.launches, `${bindGroups} bind groups`);
    // However many launches are submitted at once, and with none that are repeated,
    // numbers are the same.
    assertEquals((await stepsOf(7)).losses, losses);
    assertEquals((await stepsOf(512, false)).losses, losses);
  },
);

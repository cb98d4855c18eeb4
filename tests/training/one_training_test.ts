/** A model is in one training at a time, and stays until that has ended. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import type { BatchStream } from "../../lib/data/batches/stream.ts";
import { meanSquaredError, train } from "../../lib/training/mod.ts";
import { onCpu } from "../io/files.ts";
import { tinyBatch, tinyData, tinyModel, tinyOptions } from "./tiny.ts";

const BUSY = "should be in one training at a time";

onCpu("a model that is trained cannot be trained besides", async () => {
  const model = tinyModel();
  const running = train(model, tinyData(), tinyOptions());
  await assertRejects(
    () => train(model, tinyData(), tinyOptions()),
    RangeError,
    BUSY,
  );
  assertEquals((await running).steps, 20);
  model.dispose();
});

onCpu("weights of two models are in one training at a time", async () => {
  const shared = layers.layers.dense({ units: 1, inputShape: [1] });
  const first = layers.sequential({ layers: [shared] });
  const input = layers.input({ shape: [1] });
  const output = layers.layers.dense({ units: 1 }).apply(
    shared.apply(input) as layers.SymbolicTensor,
  ) as layers.SymbolicTensor;
  const second = layers.model({ inputs: input, outputs: output });
  const data: BatchStream = {
    stepsPerEpoch: 1,
    async *from() {
      for (;;) {
        yield {
          inputs: [tf.ones([1, 1])],
          labels: tf.ones([1, 1]),
          size: 1,
        };
      }
    },
  };
  const options = { steps: 2, loss: meanSquaredError(), progress: false };
  const running = train(first, data, options);
  const error = await assertRejects(
    () => train(second, data, options),
    RangeError,
    BUSY,
  );
  assert((error as Error).message.includes("its weight dense_"));
  await running;
  // What is not trained may be shared.
  shared.trainable = false;
  first.trainable = false;
  await train(second, data, options);
  first.dispose();
  second.dispose();
});

onCpu("train() and model.fit() refuse each other", async () => {
  const model = layers.sequential({
    layers: [layers.layers.dense({ units: 1, inputShape: [1] })],
  });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  const x = tf.ones([2, 1]);
  const options = { steps: 2, loss: meanSquaredError(), progress: false };
  const data: BatchStream = {
    stepsPerEpoch: 1,
    async *from() {
      for (;;) {
        yield { inputs: [tf.clone(x)], labels: tf.clone(x), size: 2 };
      }
    },
  };
  const running = train(model, data, options);
  await assertRejects(() => model.fit(x, x), Error, "another fit()");
  await running;
  const fitting = model.fit(x, x, { epochs: 2, verbose: 0 });
  await assertRejects(
    () => train(model, data, options),
    RangeError,
    "model.fit runs: wait",
  );
  await fitting;
  await train(model, data, options);
  model.dispose();
  // The optimizer that compile made.
  (model as unknown as { optimizer_: tf.Optimizer }).optimizer_.dispose();
  x.dispose();
});

onCpu("a model is free again, however its training ends", async () => {
  const model = tinyModel();
  const endings = [
    tinyOptions({
      loss: () => {
        throw new Error("end");
      },
    }),
    tinyOptions({
      callbacks: { onTrainBegin: () => Promise.reject(new Error("end")) },
    }),
    tinyOptions({ checkpoints: { folder: "/dev/null/none" } }),
    { ...tinyOptions(), steps: 0 },
    { ...tinyOptions(), signal: AbortSignal.abort() },
  ];
  for (const options of endings) {
    await train(model, tinyData(), options).catch((error) =>
      assert(!error.message.includes(BUSY), error.message)
    );
  }
  assertEquals(
    (await train(model, tinyData(), tinyOptions({ steps: 4 }))).steps,
    4,
  );
  model.dispose();
});

onCpu("a model that is disposed of in its training is named", async () => {
  for (const [at, accumulate] of [[4, 1], [5, 2], [19, 1]] as const) {
    const model = tinyModel();
    const data = tinyData((position) => {
      const batch = tinyBatch(position);
      if (position === at) model.dispose();
      return batch;
    });
    await assertRejects(
      () => train(model, data, tinyOptions({ optimizer: { accumulate } })),
      TypeError,
      `model ${model.name} should not be disposed of before its training has ended`,
    );
  }
});

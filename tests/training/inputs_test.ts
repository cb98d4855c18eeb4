/** What a model cannot read is named before the first step. @module */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionBert, lionGpt, lionViT } from "../../mod.ts";
import type { Batch, BatchStream } from "../../lib/data/batches/stream.ts";
import {
  crossEntropy,
  evaluate,
  type Loss,
  train,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  weightsOf,
  withFolder,
} from "./tiny.ts";

/** Batches that may be anything. */
function stream(make: (position: number) => unknown): BatchStream {
  return {
    stepsPerEpoch: 2,
    async *from(start) {
      for (let position = start;; position++) {
        yield await Promise.resolve(make(position)) as Batch;
      }
    },
  };
}

const sizes = { dim: 4, depth: 1, numHeads: 2, variant: "s", seed: 1 } as const;
const ids = () => tf.ones([2, 5], "int32"), mask = () => tf.ones([2, 5]);
const tokens = { ...sizes, vocabularySize: 9 };
const images = { ...sizes, imageSize: 8, patchSize: 4, numClasses: 2 };
const classes = () => tf.tensor1d([0, 1], "int32");

/** A model, a batch that it cannot read, and what is said of it. */
const MISTAKES: Record<string, () => [LayersModel, unknown, string]> = {
  "too few": () => [
    lionBert(tokens),
    { inputs: [ids(), mask()], labels: ids(), size: 2 },
    "a batch for model lion_bert should have as many inputs as the model, 3 (ids int32 [any,any], mask float32 [any,any], types int32 [any,any]), got 2 (int32 [2,5], float32 [2,5]); make collate return types too, or make the model without",
  ],
  "too many": () => [
    lionGpt({ ...tokens, maxLength: 8 }),
    { inputs: [ids(), mask()], labels: ids(), size: 2 },
    "as the model, 1 (ids int32 [any,any]), got 2 (int32 [2,5], float32 [2,5]); the model would not read the others: leave them out, or make a model with such inputs",
  ],
  channels: () => [
    lionViT(images),
    { inputs: [tf.ones([2, 8, 8, 1])], labels: classes(), size: 2 },
    "input images of model lion_vit should have shape [any,8,8,3], got [2,8,8,1]; make batches of this shape, or a model for theirs",
  ],
  size: () => [
    lionViT(images),
    { inputs: [tf.ones([2, 16, 16, 3])], labels: classes(), size: 2 },
    "should have shape [any,8,8,3], got [2,16,16,3]",
  ],
  rank: () => [
    tinyModel({ depth: 1 }),
    { inputs: [tf.ones([2, 5]), mask()], labels: classes(), size: 2 },
    "input values, 1 of 2, of model lion_encoder should have shape [any,any,2], got [2,5]",
  ],
  dtype: () => [
    lionGpt({ ...tokens, maxLength: 8 }),
    { inputs: [mask()], labels: ids(), size: 2 },
    'input ids of model lion_gpt should be int32, got float32; convert it with tf.cast(x, "int32")',
  ],
  "no labels": () => [
    lionViT(images),
    { inputs: [tf.ones([2, 8, 8, 3])], size: 2 },
    "got labels undefined; check what collate returns",
  ],
  "no size": () => [
    lionViT(images),
    { inputs: [tf.ones([2, 8, 8, 3])], labels: classes() },
    "got size undefined",
  ],
  "inputs by name": () => [
    lionViT(images),
    { inputs: { images: tf.ones([2, 8, 8, 3]) }, labels: classes(), size: 2 },
    "got inputs {",
  ],
  "no batch": () => [lionViT(images), undefined, "got inputs undefined"],
};

for (const [name, mistake] of Object.entries(MISTAKES)) {
  onCpu(
    `inputs that a model does not have are named: ${name}`,
    () =>
      withFolder(async (folder) => {
        const loss = crossEntropy();
        const train2 = (checkpoints?: { folder: string }) => {
          const [model, batch, message] = mistake();
          const run = train(model, stream(() => batch), {
            ...{ loss, steps: 2, progress: false, checkpoints },
          });
          return [model, run, message] as const;
        };
        for (const checkpoints of [undefined, { folder: `${folder}/runs` }]) {
          const [model, run, message] = train2(checkpoints);
          const { message: said } = await assertRejects(() => run, TypeError);
          assertStringIncludes(said, message);
          model.dispose();
        }
        const [model, batch, message] = mistake();
        const { message: said } = await assertRejects(
          () =>
            evaluate(model, [batch] as unknown as AsyncIterable<Batch>, {
              loss,
            }),
          TypeError,
        );
        assertStringIncludes(said, message);
        model.dispose();
      }),
  );
}

onCpu(
  "a later batch that does not fit ends training, and leaks nothing",
  async () => {
    const model = tinyModel({ depth: 1 });
    const before = tf.memory().numTensors;
    const data = stream((position) => {
      const { inputs, ...batch } = tinyBatch(position);
      if (position < 2) return { inputs, ...batch };
      return { ...batch, inputs: [...inputs, tf.ones([4])] };
    });
    await assertRejects(
      () =>
        train(model, data, { loss: crossEntropy(), steps: 4, progress: false }),
      TypeError,
      "as many inputs as the model, 2 (",
    );
    assertEquals(tf.memory().numTensors, before);
    model.dispose();
  },
);

onCpu("an embedding of tfjs takes ids of any dtype", async () => {
  const { embedding, flatten, dense } = tfl.layers;
  const model = tfl.sequential({
    layers: [
      embedding({ inputDim: 9, outputDim: 2, inputLength: 5 }),
      flatten(),
      dense({ units: 2 }),
    ],
  });
  const data = stream((i) => ({
    inputs: [i % 2 ? ids() : mask()],
    labels: classes(),
    size: 2,
  }));
  const options = { loss: crossEntropy(), steps: 2, progress: false } as const;
  assertEquals((await train(model, data, options)).steps, 2);
  model.dispose();
});

/** Labels that are wrong in one batch, as this makes them. */
function mislabelled(bad: number, make: () => tf.Tensor): BatchStream {
  return tinyData((position) => {
    const { labels, ...batch } = tinyBatch(position);
    if (position !== bad) return { ...batch, labels };
    labels.dispose();
    return { ...batch, labels: make() };
  });
}

onEachBackend(
  "a wrong label in memory ends training before its step",
  async () => {
    const options = {
      loss: crossEntropy(),
      optimizer: { learningRate: () => 0.1 },
      progress: false,
    } as const;
    const [model, other] = [tinyModel({ depth: 1 }), tinyModel({ depth: 1 })];
    const made = () => tf.tensor1d([0, 1, 7, 2], "int32");
    await assertRejects(
      () => train(model, mislabelled(3, made), { ...options, steps: 5 }),
      RangeError,
      "labels of step 4 should be classes of the model, integers from 0 to 2, or -100 where they do not count, got 7 at [2]; the step was not taken, the weights are those of step 3",
    );
    await train(other, tinyData(), { ...options, steps: 3 });
    assertEquals(await weightsOf(model), await weightsOf(other));
    model.dispose();
    other.dispose();
  },
);

onEachBackend("labels on a device are not waited for", async (backend) => {
  const model = tinyModel({ depth: 1 });
  const looked: number[] = [];
  const loss: Loss = Object.assign(
    (predictions: tf.Tensor, labels: tf.Tensor) =>
      crossEntropy()(predictions, labels),
    {
      wrongLabels: (labels: tf.Tensor) => {
        looked.push(labels.size);
        return Promise.resolve(undefined);
      },
    },
  );
  const computed = () =>
    tf.tidy(() =>
      tf.minimum(tf.tensor1d([0, 1, 2, 2], "int32"), tf.scalar(2, "int32"))
    );
  await train(model, mislabelled(1, computed), {
    ...{ loss, steps: 3, progress: false },
  });
  assertEquals(looked, backend === "webgpu" ? [4, 4] : [4, 4, 4]);
  model.dispose();
});

onEachBackend(
  "many labels are looked at where the loss is not finite",
  async () => {
    const dense = tfl.layers.dense({ units: 2, inputShape: [1] });
    const model = tfl.sequential({ layers: [dense] });
    const rows = 2 ** 16 + 1;
    const data = stream(() => ({
      inputs: [tf.ones([rows, 1])],
      labels: tf.fill([rows], 2, "int32"),
      size: rows,
    }));
    await assertRejects(
      () =>
        train(model, data, { loss: crossEntropy(), steps: 1, progress: false }),
      RangeError,
      "labels of step 1 should be classes of the model, integers from 0 to 1, or -100 where they do not count, got 2 at [0]; the weights are spoilt, there is no checkpoint from before",
    );
    model.dispose();
  },
);

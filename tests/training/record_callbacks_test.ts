/** Whatever callbacks do with the backend and the model meanwhile, recorded steps are the same. */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { type BackendName, setForm } from "@lionjs/lion";
import {
  crossEntropy,
  evaluate,
  predict,
  train,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { sample } from "../sample.ts";
import { tinyBatch, tinyData, tinyModel, tinyPass, weightsOf } from "./tiny.ts";

/** What a callback does. */
type Does = (
  model: LayersModel,
  backend: BackendName,
) => void | Promise<unknown>;

/** Runs some kernels, which move what the device holds. */
const computeOthers = (): void => {
  tf.tidy(() => {
    for (let i = 1; i < 20; i++) tf.square(tf.fill([37 * i], i));
  });
};

const DOES: Readonly<Record<string, Does>> = {
  "evaluates and predicts": async (model) => {
    await evaluate(model, tinyPass(), { loss: crossEntropy() });
    await predict(model, tinyPass());
  },
  "computes something else": computeOthers,
  "sets all weights": (model) =>
    tf.tidy(() =>
      model.setWeights(model.getWeights().map((weight) => tf.mul(weight, 0.9)))
    ),
  "lets weights share their values": (model) => {
    const byShape = new Map<string, tf.Variable>();
    for (const weight of model.weights) {
      const variable = weight.read() as tf.Variable;
      const like = byShape.get(`${variable.shape}`);
      if (like) variable.assign(like);
      else byShape.set(`${variable.shape}`, variable);
    }
  },
  "computes on another backend": async (_, backend) => {
    tf.setBackend("cpu");
    const y = tf.tidy(() => tf.add(tf.ones([2]), 1));
    await y.data();
    y.dispose();
    tf.setBackend(backend);
  },
  "profiles something else": async () => {
    await tf.profile(() => computeOthers());
  },
  "changes the form": (model) => setForm(model, "recurrent"),
  "changes it back": (model) => setForm(model, "auto"),
  "disposes of another model": () => {
    const other = tinyModel({ depth: 1, seed: 3 });
    const { inputs, labels } = tinyBatch(3);
    tf.dispose([other.predict([...inputs]), labels, ...inputs]);
    other.dispose();
  },
  "freezes a block": (model) => void (model.layers[3]!.trainable = false),
  "trains it again": (model) => void (model.layers[3]!.trainable = true),
  "reads all weights": (model) =>
    Promise.all(model.weights.map((weight) => weight.read().data())),
};

/** Rows of a batch, by how often they change. */
const ROWS = { "of one shape": [4], "of two shapes": [4, 2] };

/** Trains a model, and does something after each third step. */
async function trained(
  backend: BackendName,
  rows: readonly number[],
  record: boolean | undefined,
) {
  const model = tinyModel({ depth: 1 });
  const does = Object.values(DOES);
  let steps = 0;
  const data = tinyData((position) =>
    tinyBatch(position, rows[position % rows.length])
  );
  const { losses, replayed } = await train(model, data, {
    ...{ steps: 3 * does.length + 4, loss: crossEntropy(), progress: false },
    record,
    callbacks: {
      async onBatchEnd() {
        if (++steps % 3 === 0) await does[steps / 3 - 1]?.(model, backend);
      },
    },
  });
  const weights = await weightsOf(model);
  model.dispose();
  return { batches: replayed.batches, result: { losses, weights } };
}

for (const [name, rows] of Object.entries(ROWS)) {
  onEachBackend(`callbacks between batches ${name}`, async (backend) => {
    const wanted = await trained(backend, rows, false);
    const { batches, result } = await trained(backend, rows, undefined);
    assertEquals(result, wanted.result);
    assert(batches > 8, `${batches}`);
  }, ["webgpu", "wasm"]);
}

onEachBackend("trainings that overlap are recorded apart", async (backend) => {
  const both = Object.values(ROWS);
  for (const some of sample(backend, [both, both.toReversed()])) {
    const wanted = await trained(backend, some[0]!, false);
    const [first, second] = await Promise.all(
      some.map((rows) => trained(backend, rows, undefined)),
    );
    assertEquals(first!.result, wanted.result);
    assert(first!.batches > 8 && second!.batches > 8);
  }
}, { only: ["wasm"], sampled: true });

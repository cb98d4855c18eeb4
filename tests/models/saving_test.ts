/** Models come back from files as they were. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  type AttentionForm,
  type AttentionVariant,
  generate,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
  setForm,
} from "../../mod.ts";
import { MixingLayer } from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { answer, ids, mask } from "./answers.ts";
import { saveAndLoad } from "./save_and_load.ts";
import { withWeights } from "./weights.ts";

const SIZES = { dim: 8, depth: 2, numHeads: 2 } as const;

interface Case {
  readonly make: (variant: AttentionVariant) => LayersModel;
  readonly inputs: () => tf.Tensor[];
}

const types = () => tf.tensor2d([[0, 0, 1, 1], [0, 1, 1, 0]], [2, 4], "int32");

const CASES: Record<string, Case> = {
  lionViT: {
    make: (variant) =>
      lionViT({
        ...SIZES,
        imageSize: 6,
        patchSize: 2,
        channels: 1,
        numClasses: 3,
        order: "snake",
        variant,
      }),
    inputs: () => [tf.tensor4d(array(72, uniform(1)), [2, 6, 6, 1])],
  },
  "lionEncoder of ids": {
    make: (variant) =>
      lionEncoder({
        ...SIZES,
        vocabularySize: 7,
        maxLength: 5,
        numClasses: 3,
        output: "tokens",
        ...(variant !== "softmax" && { featureMap: "relu" as const }),
        variant,
      }),
    inputs: () => [ids(), mask()],
  },
  "lionEncoder of numbers": {
    make: (variant) =>
      lionEncoder({
        ...SIZES,
        inputDim: 3,
        numClasses: 3,
        order: [[0, 1, 2, 3], [2, 0, 3, 1]],
        variant,
      }),
    inputs: () => [tf.tensor3d(array(24, uniform(1)), [2, 4, 3]), mask()],
  },
  "lionEncoder of numbers with positions": {
    make: (variant) =>
      lionEncoder({
        ...SIZES,
        inputDim: 3,
        maxLength: 5,
        numClasses: 3,
        variant,
      }),
    inputs: () => [tf.tensor3d(array(24, uniform(1)), [2, 4, 3]), mask()],
  },
  "lionBert of tokens": {
    make: (variant) =>
      lionBert({ ...SIZES, vocabularySize: 7, maxLength: 5, variant }),
    inputs: () => [ids(), mask(), types()],
  },
  "lionBert of classes": {
    make: (variant) =>
      lionBert({
        ...SIZES,
        vocabularySize: 7,
        maxLength: 0,
        tokenTypes: 0,
        head: "classification",
        variant,
      }),
    inputs: () => [ids(), mask()],
  },
  lionGpt: {
    make: (variant) => lionGpt({ ...SIZES, vocabularySize: 7, variant }),
    inputs: () => [ids()],
  },
};

/** A model's weights by their names in the layers. */
async function weightsOf(
  model: LayersModel,
): Promise<Map<string, Float32Array>> {
  const weights = new Map<string, Float32Array>();
  for (const weight of model.weights) {
    weights.set(
      weight.originalName,
      await weight.read().data() as Float32Array,
    );
  }
  return weights;
}

for (const [name, { make, inputs: inputsOf }] of Object.entries(CASES)) {
  onEachBackend(`${name} is loaded as it was saved`, async () => {
    const inputs = inputsOf();
    for (const variant of ["lit", "d", "s", "softmax"] as const) {
      const model = make(variant);
      await withWeights(model, 21);
      const loaded = await saveAndLoad(model);
      assertEquals(loaded.inputNames, model.inputNames);
      assertEquals(
        loaded.layers.map((layer) => layer.getConfig()),
        model.layers.map((layer) => layer.getConfig()),
      );
      assertEquals(await weightsOf(loaded), await weightsOf(model));
      const values = await answer(model, inputs);
      assertEquals(await answer(loaded, inputs), values, variant);
      model.dispose();
      loaded.dispose();
    }
    tf.dispose(inputs);
  });
}

/** The forms of a model's blocks. */
function formsOf(model: LayersModel): (AttentionForm | undefined)[] {
  return model.layers.filter((layer) => layer instanceof MixingLayer).map((
    layer,
  ) => (layer as MixingLayer).attention.form);
}

onEachBackend(
  "a model is loaded in the form that it was saved in",
  async () => {
    const { make, inputs: inputsOf } = CASES["lionViT"]!;
    const model = make("s");
    await withWeights(model, 21);
    const inputs = inputsOf();

    setForm(model, "full");
    const full = await answer(model, inputs);
    const wasFull = await saveAndLoad(model);
    assertEquals(formsOf(wasFull), ["full", "full"]);
    assertEquals(await answer(wasFull, inputs), full);
    setForm(wasFull, "chunkwise", 3);
    assertEquals(formsOf(wasFull), ["chunkwise", "chunkwise"]);
    const chunkwise = await answer(wasFull, inputs);
    const largest = Math.max(...full.map(Math.abs));
    full.forEach((value, i) =>
      assert(Math.abs(value - chunkwise[i]!) < 1e-5 * largest)
    );

    setForm(model, "recurrent");
    const recurrent = await answer(model, inputs);
    const wasRecurrent = await saveAndLoad(model);
    assertEquals(formsOf(wasRecurrent), ["recurrent", "recurrent"]);
    assertEquals(await answer(wasRecurrent, inputs), recurrent);

    tf.dispose(inputs);
    for (const each of [model, wasFull, wasRecurrent]) each.dispose();
  },
);

onEachBackend(
  "a loaded model goes on: it is trained and generates",
  async () => {
    const model = lionGpt({ ...SIZES, vocabularySize: 7, variant: "s" });
    await withWeights(model, 22);
    const loaded = await saveAndLoad(model);
    const options = { maxNewTokens: 6, temperature: 0 };
    assertEquals(
      await generate(loaded, [1, 2], options),
      await generate(model, [1, 2], options),
    );
    const optimizer = tf.train.sgd(0.01);
    loaded.compile({ optimizer, loss: "meanSquaredError" });
    const x = ids(), y = tf.zeros([2, 4, 7]);
    const [before, after] = [
      await loaded.trainOnBatch(x, y),
      await loaded.trainOnBatch(x, y),
    ] as number[];
    assert(after! < before!, `${before} to ${after}`);
    tf.dispose([x, y]);
    optimizer.dispose();
    model.dispose();
    loaded.dispose();
  },
);

/** Layers in models of tfjs-layers: sequential and functional, trained by `fit`. @module */
import {
  assert,
  assertEquals,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  input,
  layers,
  type LayersModel,
  model,
  sequential,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import {
  type AttentionVariant,
  lionAttentionLayer,
  lionBlock,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

const [EXAMPLES, LENGTH, DIM] = [24, 6, 4];

/** A model of all layers in a row; the mean of the tokens is its answer. */
function inARow(variant: AttentionVariant): LayersModel {
  return sequential({
    layers: [
      lionAttentionLayer({
        variant,
        numHeads: 2,
        inputShape: [LENGTH, DIM],
        seed: 1,
      }),
      lionBlock({
        variant,
        numHeads: 2,
        order: "snake",
        grid: [2, 3],
        seed: 100,
      }),
      layers.globalAveragePooling1d({}),
    ],
  });
}

/** A model with a mask of padding, for sequences of any length. */
function withMask(variant: AttentionVariant): LayersModel {
  const tokens = input({ shape: [null, DIM] });
  const mask = input({ shape: [null] });
  const attention = lionAttentionLayer({ variant, numHeads: 2, seed: 1 });
  const block = lionBlock({ variant, numHeads: 2, seed: 100 });
  const attended = attention.apply([tokens, mask]) as SymbolicTensor;
  const y = block.apply([attended, mask]) as SymbolicTensor;
  const mean = layers.globalAveragePooling1d({}).apply(y) as SymbolicTensor;
  return model({ inputs: [tokens, mask], outputs: mean });
}

const MODELS = { sequential: inARow, model: withMask };

for (const [name, make] of Object.entries(MODELS)) {
  for (const variant of ["lit", "d", "s", "softmax"] as const) {
    onEachBackend(
      `fit lowers the loss of a ${name} with LION ${variant}`,
      async () => {
        const whole = make(variant);
        const x = tf.tensor3d(
          array(EXAMPLES * LENGTH * DIM, uniform(1)),
          [EXAMPLES, LENGTH, DIM],
        );
        const y = tf.tidy(() => tf.mul(tf.max(x, 1), 2));
        const mask = tf.ones([EXAMPLES, LENGTH]);
        const inputs = whole.inputs.length === 2 ? [x, mask] : x;
        const optimizer = tf.train.adam(0.02);
        whole.compile({ optimizer, loss: "meanSquaredError" });
        const before = whole.trainableWeights.map((weight) =>
          weight.read().clone()
        );
        const { history } = await whole.fit(inputs, y, {
          batchSize: EXAMPLES / 2,
          epochs: 10,
          shuffle: false,
          verbose: 0,
        });
        const losses = history["loss"] as number[];
        assertLess(losses.at(-1)!, 0.5 * losses[0]!, `${losses}`);
        for (const [i, weight] of whole.trainableWeights.entries()) {
          const change = tf.tidy(() =>
            tf.max(tf.abs(tf.sub(weight.read(), before[i]!)))
          );
          const [largest] = await change.data();
          assert(largest! > 0, `${weight.name} was not trained`);
          change.dispose();
        }
        tf.dispose([x, y, mask, ...before]);
        optimizer.dispose();
        whole.dispose();
      },
      // Compiling the shaders of the others' gradients would take half a minute.
      variant === "s" ? undefined : ["wasm", "cpu"],
    );
  }
}

onEachBackend("fit leaves layers alone that are not trainable", async () => {
  const block = lionBlock({
    variant: "s",
    numHeads: 2,
    inputShape: [LENGTH, DIM],
    trainable: false,
  });
  const whole = sequential({ layers: [block, layers.dense({ units: 1 })] });
  assertEquals(whole.trainableWeights.length, 2);
  const before = await Promise.all(
    block.weights.map((weight) => weight.read().data()),
  );
  const x = tf.ones([2, LENGTH, DIM]), y = tf.zeros([2, LENGTH, 1]);
  const optimizer = tf.train.sgd(0.1);
  whole.compile({ optimizer, loss: "meanSquaredError" });
  await whole.fit(x, y, { verbose: 0 });
  for (const [i, weight] of block.weights.entries()) {
    assertEquals([...await weight.read().data()], [...before[i]!]);
  }
  tf.dispose([x, y]);
  optimizer.dispose();
  whole.dispose();
});

onEachBackend("summary() lists the layers and their parameters", () => {
  const whole = inARow("s");
  const lines: string[] = [];
  whole.summary(100, undefined, (line?: string) => lines.push(line ?? ""));
  const text = lines.join("\n");
  const attention = 4 * 12 + 12 + 4 * 2 + 2 + 4 * 4 + 4;
  const mlp = 4 * 16 + 16 + 16 * 4 + 4;
  const block = attention + 4 * 2 + 2 + 2 * (4 + 4) + mlp;
  assertStringIncludes(text, "LionAttention");
  assertStringIncludes(text, "LionBlock");
  assertStringIncludes(text, "[null,6,4]");
  assertStringIncludes(text, ` ${attention} `);
  assertStringIncludes(text, ` ${block} `);
  assertStringIncludes(text, `Total params: ${attention + block}`);
  whole.dispose();
});

onEachBackend("dispose() frees all that a layer holds", () => {
  const before = tf.memory().numTensors;
  const whole = withMask("s");
  assert(tf.memory().numTensors > before);
  whole.dispose();
  assertEquals(tf.memory().numTensors, before);
  const block = lionBlock({ variant: "d", numHeads: 2 });
  const x = tf.ones([1, 2, 4]);
  const y = block.apply(x) as tf.Tensor;
  tf.dispose([x, y]);
  block.dispose();
  assertEquals(tf.memory().numTensors, before);
});

/** Saliency: gradients in pixels and in the vectors of tokens. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import {
  inputSaliency,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
} from "../../mod.ts";
import type { InputSaliencyOptions } from "../../lib/models/explanations/input_saliency.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";

async function assertNear(x: tf.Tensor, y: tf.Tensor, tolerance = 1e-5) {
  assertEquals(x.shape, y.shape);
  const [found, expected] = [await x.data(), await y.data()]
    .map((values) => Array.from(values)) as [number[], number[]];
  const largest = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  assert(largest > 0);
  found.forEach((value, at) =>
    assert(Math.abs(value - expected[at]!) <= tolerance * largest)
  );
}

onCpu("the saliency of pixels is the gradient in them", async () => {
  const model = lionViT({
    ...{ imageSize: 4, patchSize: 2, channels: 3, numClasses: 3, seed: 1 },
    ...{ dim: 8, depth: 1, numHeads: 2, variant: "s" },
  });
  const images = tf.randomNormal([2, 4, 4, 3], 0, 1, "float32", 2);
  const found = inputSaliency(model, images, { of: 1 });
  const norms = inputSaliency(model, images, { of: 1, method: "gradient" });
  const expected = tf.tidy(() => {
    const logit = (x: tf.Tensor) =>
      tf.slice(model.apply(x) as tf.Tensor, [0, 1], [-1, 1]);
    const gradient = tf.grad(logit)(images);
    return [
      tf.sum(tf.mul(gradient, images), 3),
      tf.sqrt(tf.sum(tf.square(gradient), 3)),
    ];
  });
  await assertNear(found, expected[0]!);
  await assertNear(norms, expected[1]!);
  // Each example's likeliest class is the default.
  const classes = tf.tidy(() =>
    tf.argMax(model.predict(images) as tf.Tensor, 1)
  );
  const own = inputSaliency(model, images);
  const [best] = await classes.data();
  const ofBest = inputSaliency(model, images, { of: best! });
  const [first, second] = [own, ofBest].map((x) => tf.slice(x, 0, 1));
  await assertNear(first!, second!);
  tf.dispose([
    images,
    found,
    norms,
    ...expected,
    classes,
    own,
    ofBest,
    first!,
    second!,
  ]);
  model.dispose();
});

onEachBackend(
  "the saliency of tokens is the gradient in their rows of the table",
  async () => {
    const sizes = {
      dim: 8,
      depth: 1,
      numHeads: 2,
      maxLength: 8,
      variant: "s" as const,
    };
    const models = [
      lionBert({
        ...sizes,
        vocabularySize: 6,
        head: "classification",
        seed: 1,
      }),
      lionEncoder({ ...sizes, vocabularySize: 6, numClasses: 2, seed: 1 }),
    ];
    // No token comes twice: the gradient in the table is that in the tokens.
    const ids = tf.tensor2d([[3, 1, 5, 0, 2]], [1, 5], "int32");
    const mask = tf.tensor2d([[1, 1, 1, 1, 0]]);
    const types = tf.zeros([1, 5], "int32");
    for (const model of models) {
      const inputs = [ids, mask, types].slice(0, model.inputs.length);
      const found = inputSaliency(model, inputs, {
        method: "gradient-times-input",
      });
      const norms = inputSaliency(model, inputs);
      const [expected, expectedNorms] = tf.tidy(() => {
        const weight = model.trainableWeights
          .find(({ name }) => name.includes("word_embeddings"))!;
        const table = weight.read() as tf.Variable;
        const { grads } = tf.variableGrads(
          () =>
            tf.sum(tf.max(model.apply(inputs) as tf.Tensor, 1)) as tf.Scalar,
          [table],
        );
        const gradient = grads[table.name]!;
        return [
          tf.sum(tf.mul(gradient, table), 1),
          tf.sqrt(tf.sum(tf.square(gradient), 1)),
        ].map((rows) =>
          tf.reshape(tf.gather(rows, tf.reshape(ids, [5])), [1, 5])
        ) as [tf.Tensor, tf.Tensor];
      });
      await assertNear(found, expected);
      await assertNear(norms, expectedNorms);
      assertEquals((await found.data())[4], 0, "padding");
      tf.dispose([found, norms, expected, expectedNorms]);
      model.dispose();
    }
    tf.dispose([ids, mask, types]);
  },
  ["wasm", "cpu"],
);

onCpu("the saliency of a token's answer, and what is refused", async () => {
  const sizes = { dim: 8, depth: 1, numHeads: 2, variant: "s" as const };
  const gpt = lionGpt({ ...sizes, vocabularySize: 5, maxLength: 8 });
  const ids = tf.tensor2d([[1, 2, 3]], [1, 3], "int32");
  const second = (y: tf.Tensor) => tf.slice(y, [0, 1, 4], [1, 1, 1]);
  const saliency = inputSaliency(gpt, ids, { of: second });
  assertEquals(saliency.shape, [1, 3]);
  // The answer after the second token does not know the third.
  assertEquals((await saliency.data())[2], 0);
  const model = lionEncoder({
    ...sizes,
    inputDim: 2,
    numClasses: 2,
    mask: false,
  });
  const x = tf.ones([1, 3, 2]);
  const refused = (
    kind: typeof TypeError | typeof RangeError,
    text: string,
    options: unknown,
    of: layers.LayersModel = model,
    input: tf.Tensor = x,
  ) =>
    assertThrows(
      () => inputSaliency(of, input, options as InputSaliencyOptions),
      kind,
      text,
    );
  refused(RangeError, "of should be an integer from 0 to 1, got 2", { of: 2 });
  refused(RangeError, "method", { method: "guess" });
  refused(TypeError, "a function of the output", {}, gpt, ids);
  const embedding = layers.sequential({
    layers: [
      layers.layers.embedding({ inputDim: 5, outputDim: 2, inputLength: 3 }),
      layers.layers.flatten(),
    ],
  });
  refused(TypeError, "look up ids with tokenEmbedding", {}, embedding, ids);
  tf.dispose([ids, saliency, x]);
  for (const one of [gpt, model, embedding]) one.dispose();
});

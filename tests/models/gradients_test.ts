/** The models' gradients equal finite differences in float64. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { toPyTorchWeights } from "../../lib/io/mod.ts";
import {
  type BackendName,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
  setForm,
  snakeScan,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { bert, encoder, gpt, vit, type Weights } from "./reference.ts";
import { attentionOf, COPIES, withWeights } from "./weights.ts";

const FORMS = ["auto", "full", "recurrent", "blockwise", "chunkwise"] as const;
/** On webgpu, where a test of the others would take a minute of compiling. */
const FEW_FORMS = ["auto", "recurrent"] as const;
const VARIANTS = ["lit", "d", "s"] as const;

/** Names of the decays' parameters in PyTorch. */
const DECAYS = /(\ba2?_i|\bWa_i|\bai)(\.weight|\.bias)?$/;

/**
 * Largest error, relative to the largest gradient of the parameter. A gradient
 * passes two blocks, each of a dozen operations that round to 24 bits (6e-8),
 * and normalisations of four columns, which enlarge what was rounded where
 * these are nearly equal: 2e-5 was seen, in BERT.
 */
const TOLERANCE = 5e-5;

/** Step of the differences: their error is about 1e-10, of rounding and of curvature. */
const STEP = 1e-5;

/** Differences of Σ direction · logits in every weight but copies. */
function differences(
  weights: Weights,
  logits: (weights: Weights) => number[],
  direction: Float32Array,
): Map<string, number[]> {
  const own = [...weights].filter(([name]) => !COPIES.has(name)).map((
    [name, { shape, values }],
  ) => [name, { shape, values: Float64Array.from(values) }] as const);
  const moved = new Map(own);
  const value = () =>
    logits(moved).reduce((sum, logit, i) => sum + logit * direction[i]!, 0);
  return new Map(own.map(([name, { values }]) => [
    name,
    Array.from(values, (weight, i) => {
      const [above, below] = [STEP, -STEP].map((step) => {
        values[i] = weight + step;
        return value();
      });
      values[i] = weight;
      return (above! - below!) / (2 * STEP);
    }),
  ]));
}

/** Gradients of Σ direction · logits, by PyTorch's names. */
async function gradientsOf(
  model: LayersModel,
  inputs: tf.Tensor[],
  direction: Float32Array,
): Promise<Map<string, Float32Array>> {
  const variables = model.trainableWeights.map((weight) =>
    weight.read() as tf.Variable
  );
  const { value, grads } = tf.variableGrads(() => {
    const logits = model.apply(inputs) as tf.Tensor;
    const weights = tf.tensor(direction, logits.shape);
    return tf.sum(tf.mul(logits, weights));
  }, variables);
  // What sorts weights into PyTorch's layouts sorts gradients as well.
  const weights = variables.map((variable) => variable.clone());
  variables.forEach((variable) => variable.assign(grads[variable.name]!));
  const named = toPyTorchWeights(model);
  variables.forEach((variable, i) => variable.assign(weights[i]!));
  const gradients = new Map<string, Float32Array>();
  for (const [name, gradient] of named) {
    gradients.set(name, await gradient.data() as Float32Array);
  }
  tf.dispose([value, grads, weights, [...named.values()]]);
  return gradients;
}

/** Compares the gradients in every parameter and form, and disposes of all. */
async function compare(
  model: LayersModel,
  inputs: tf.Tensor[],
  logits: (weights: Weights) => number[],
  { decays, backend }: { decays: number; backend: BackendName },
): Promise<void> {
  const weights = await withWeights(model, 11);
  const direction = array(logits(weights).length, uniform(12));
  const expected = differences(weights, logits, direction);
  const names = [...expected.keys()];
  assertEquals(names.filter((name) => DECAYS.test(name)).length, decays);
  const largest = new Map(
    [...expected].map(([name, values]) => [
      name,
      Math.max(...values.map(Math.abs)),
    ]),
  );
  for (const form of backend === "webgpu" ? FEW_FORMS : FORMS) {
    setForm(model, form, form === "auto" ? undefined : 3);
    const actual = await gradientsOf(model, inputs, direction);
    for (const [name, values] of expected) {
      const got = actual.get(name)!;
      assertEquals(got.length, values.length, name);
      assert(got.some((gradient) => gradient !== 0), `${name} is detached`);
      const error = Math.max(
        ...values.map((value, i) => Math.abs(value - got[i]!)),
      );
      assertLess(error / largest.get(name)!, TOLERANCE, `${form} ${name}`);
    }
  }
  tf.dispose(inputs);
  model.dispose();
}

const count = (n: number) => Array.from({ length: n }, (_, i) => i);

for (const variant of VARIANTS) {
  // Weight and bias for each way and block, or one vector.
  const parametersOfDecay = { lit: 0, d: 1, s: 2 }[variant];

  onEachBackend(
    `gradients of lionViT ${variant} along snakes`,
    async (backend) => {
      const classToken = "read";
      const model = lionViT({
        imageSize: 6,
        patchSize: 2,
        channels: 1,
        dim: 4,
        depth: 2,
        numHeads: 2,
        mlpRatio: 1,
        numClasses: 3,
        variant,
        order: "snake",
        classToken,
      });
      const orders = variant === "lit" ? [count(10)] : [
        snakeScan(3, 3, { first: 1 }),
        snakeScan(3, 3, { along: "columns", first: 1 }),
      ];
      const attention = attentionOf(variant, { classToken: true, orders });
      const images = tf.tensor4d(array(36, uniform(13)), [1, 6, 6, 1]);
      const [image] = await images.array();
      await compare(
        model,
        [images],
        (weights) => vit(weights, image!, { depth: 2, classToken, attention }),
        { decays: 4 * parametersOfDecay, backend },
      );
    },
  );

  onEachBackend(
    `gradients of lionEncoder ${variant} with padding`,
    async (backend) => {
      const ids = [[1, 4, 0, 2, 2, 3], [3, 1, 2, 0, 0, 0]];
      const mask = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]];
      const model = lionEncoder({
        vocabularySize: 5,
        dim: 4,
        depth: 2,
        numHeads: 2,
        mlpRatio: 2,
        numClasses: 2,
        variant,
      });
      const attention = attentionOf(variant, { orders: [count(6)] });
      await compare(
        model,
        [tf.tensor2d(ids, undefined, "int32"), tf.tensor2d(mask)],
        (weights) =>
          ids.flatMap((row, i) =>
            encoder(weights, row, mask[i]!, { depth: 2, attention })
          ),
        { decays: 2 * parametersOfDecay, backend },
      );
    },
  );

  onEachBackend(
    `gradients of lionBert ${variant} with padding`,
    async (backend) => {
      const ids = [[5, 3, 6, 0, 2], [1, 1, 4, 0, 0]];
      const mask = [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]];
      const types = [[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]];
      const model = lionBert({
        vocabularySize: 7,
        dim: 4,
        depth: 2,
        numHeads: 2,
        mlpRatio: 2,
        maxLength: 6,
        variant,
      });
      const attention = attentionOf(variant, {
        featureMap: "identity",
        normalize: false,
        orders: [count(5)],
      });
      const options = { depth: 2, attention, outputNorm: variant === "lit" };
      await compare(
        model,
        [
          tf.tensor2d(ids, undefined, "int32"),
          tf.tensor2d(mask),
          tf.tensor2d(types, undefined, "int32"),
        ],
        (weights) =>
          ids.flatMap((row, i) =>
            bert(weights, row, mask[i]!, types[i]!, options).flat()
          ),
        { decays: 2 * parametersOfDecay, backend },
      );
    },
  );

  onEachBackend(`gradients of lionGpt ${variant}`, async (backend) => {
    const ids = [5, 3, 6, 0, 2, 1];
    const model = lionGpt({
      vocabularySize: 7,
      dim: 4,
      depth: 2,
      numHeads: 2,
      mlpRatio: 2,
      maxLength: 8,
      variant,
    });
    const attention = attentionOf(variant, {
      causal: true,
      orders: [count(6)],
    });
    await compare(
      model,
      [tf.tensor2d([ids], undefined, "int32")],
      (weights) => gpt(weights, ids, { depth: 2, attention }).flat(),
      { decays: 2 * parametersOfDecay, backend },
    );
  });
}

/** The models equal a computation in float64 from PyTorch's weights. @module */
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
  snakeScan,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { bert, encoder, gpt, vit } from "./reference.ts";
import { attentionOf, withWeights } from "./weights.ts";

const VARIANTS = ["lit", "d", "s", "softmax"] as const;
const FORMS: readonly AttentionForm[] = [
  "auto",
  "full",
  "recurrent",
  "blockwise",
  "chunkwise",
];

/** What is read off BERT, and where its blocks normalise. */
const BERTS = [
  { head: "masked-language-model", pooling: undefined, norm: "post" },
  { head: "classification", pooling: "first", norm: "post" },
  { head: "classification", pooling: "mean", norm: "pre" },
] as const;

/** Runs a model in every form, and compares with what it should answer. */
async function compare(
  model: LayersModel,
  inputs: tf.Tensor[],
  expected: number[],
  name: string,
  variant: AttentionVariant,
): Promise<void> {
  const largest = Math.max(...expected.map(Math.abs));
  for (const form of variant === "softmax" ? ["auto"] as const : FORMS) {
    setForm(model, form, form === "auto" ? undefined : 3);
    const y = tf.tidy(() => model.apply(inputs) as tf.Tensor);
    const values = await y.data();
    y.dispose();
    assertEquals(values.length, expected.length, name);
    const error = Math.max(
      ...expected.map((value, i) => Math.abs(value - values[i]!)),
    ) / largest;
    assert(error < 1e-5, `${name} ${form}: error ${error} of the largest`);
  }
}

const count = (n: number) => Array.from({ length: n }, (_, i) => i);

for (const variant of VARIANTS) {
  onEachBackend(
    `lionViT ${variant} equals float64 in every form and order`,
    async () => {
      const cases = [
        { order: "raster", classToken: "mean", positionEmbedding: true },
        { order: "snake", classToken: "read", positionEmbedding: false },
        { order: "snake", classToken: "none", positionEmbedding: true },
      ] as const;
      for (const { order, classToken, positionEmbedding } of cases) {
        const first = classToken === "none" ? 0 : 1;
        const side = 9;
        const model = lionViT({
          imageSize: side,
          patchSize: 3,
          channels: 2,
          dim: 8,
          depth: 2,
          numHeads: 2,
          mlpRatio: 2,
          numClasses: 5,
          variant,
          order,
          classToken,
          positionEmbedding,
        });
        const weights = await withWeights(model, 1);
        const tokens = 9 + first;
        const decays = variant === "d" || variant === "s";
        const attention = attentionOf(variant, {
          classToken: first === 1,
          orders: order === "snake" && decays
            ? [
              snakeScan(3, 3, { first }),
              snakeScan(3, 3, { along: "columns", first }),
            ]
            : [count(tokens)],
        });
        const image = tf.tensor4d(
          array(2 * side * side * 2, uniform(2)),
          [2, side, side, 2],
        );
        const expected = (await image.array()).flatMap((image) =>
          vit(weights, image, { depth: 2, classToken, attention })
        );
        const name = `${variant} ${order} ${classToken}`;
        await compare(model, [image], expected, name, variant);
        image.dispose();
        model.dispose();
      }
    },
  );

  onEachBackend(
    `lionEncoder ${variant} equals float64 in every form, with padding`,
    async () => {
      const mask = [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]];
      const order = [3, 1, 0, 2, 4, 6, 5];
      for (const own of [true, false]) {
        const model = lionEncoder({
          inputDim: 3,
          dim: 8,
          depth: 2,
          numHeads: 2,
          numClasses: 4,
          variant,
          maxLength: own ? 9 : 0,
          order: own ? "raster" : [order, order.toReversed()],
        });
        const weights = await withWeights(model, 3);
        const decays = variant === "d" || variant === "s";
        const attention = attentionOf(variant, {
          orders: own || !decays ? [count(7)] : [order, order.toReversed()],
        });
        const values = tf.tensor3d(array(2 * 7 * 3, uniform(4)), [2, 7, 3]);
        const masks = tf.tensor2d(mask);
        const expected = (await values.array()).flatMap((rows, i) =>
          encoder(weights, rows, mask[i]!, { depth: 2, attention })
        );
        await compare(model, [values, masks], expected, variant, variant);
        tf.dispose([values, masks]);
        model.dispose();
      }
    },
  );

  onEachBackend(
    `lionBert ${variant} equals float64 in every form, with padding`,
    async () => {
      const ids = [[5, 3, 10, 0, 2, 7], [1, 1, 4, 2, 0, 0]];
      const mask = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]];
      const types = [[0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 0, 0]];
      for (const { head, pooling, norm } of BERTS) {
        const model = lionBert({
          vocabularySize: 11,
          dim: 8,
          depth: 2,
          numHeads: 2,
          maxLength: 9,
          variant,
          ...{ head, pooling, norm },
          ...(head === "classification" && { numClasses: 3 }),
        });
        const weights = await withWeights(model, 5);
        const attention = attentionOf(variant, {
          featureMap: "identity",
          normalize: false,
          orders: [count(6)],
        });
        const options = {
          depth: 2,
          attention,
          outputNorm: variant === "lit",
          isPre: norm === "pre",
          byMean: pooling === "mean",
        };
        const expected = ids.map((row, i) =>
          bert(weights, row, mask[i]!, types[i]!, options)
        );
        const inputs = [
          tf.tensor2d(ids, undefined, "int32"),
          tf.tensor2d(mask),
          tf.tensor2d(types, undefined, "int32"),
        ];
        await compare(
          model,
          inputs,
          expected.flat(2),
          `${variant} ${head} ${pooling} ${norm}`,
          variant,
        );
        tf.dispose(inputs);
        model.dispose();
      }
    },
  );

  onEachBackend(
    `lionGpt ${variant} equals float64 in every form, and generates by its state`,
    async () => {
      const model = lionGpt({
        vocabularySize: 11,
        dim: 8,
        depth: 2,
        numHeads: 2,
        maxLength: 12,
        variant,
      });
      const weights = await withWeights(model, 6);
      const prompt = [5, 3, 10, 0, 2, 7];
      const attend = (length: number) => ({
        depth: 2,
        attention: attentionOf(variant, {
          causal: true,
          orders: [count(length)],
        }),
      });
      const ids = tf.tensor2d([prompt], undefined, "int32");
      const expected = gpt(weights, prompt, attend(6)).flat();
      await compare(model, [ids], expected, variant, variant);
      ids.dispose();

      const all = [...prompt];
      for (let i = 0; i < 5; i++) {
        const last = gpt(weights, all, attend(all.length)).at(-1)!;
        all.push(last.indexOf(Math.max(...last)));
      }
      const generated = await generate(model, prompt, {
        maxNewTokens: 5,
        temperature: 0,
      });
      assertEquals(generated, all.slice(6));
      model.dispose();
    },
  );
}

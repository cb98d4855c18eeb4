/** What a program in TypeScript sees of the package. */
import {
  type BackendInfo,
  lionAttention,
  lionEncoder,
  useBackend,
} from "@lionjs/lion";
import { collateTokens, shuffledBatches } from "@lionjs/lion/data";
import { listOps } from "@lionjs/lion/datasets";
import { readSafetensors } from "@lionjs/lion/io";
import { LionLayer, type Parameters } from "@lionjs/lion/layers";
import { Figure } from "@lionjs/lion/notebook";
import { gelu } from "@lionjs/lion/operations";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";

const info: BackendInfo = await useBackend();
const x = tf.ones<tf.Rank.R4>([1, 1, 2, 2]);
const y: tf.Tensor4D = lionAttention(x, x, x, { form: "recurrent" });
const data = shuffledBatches(listOps({ size: 10 }), {
  batchSize: 2,
  seed: 1,
  collate: collateTokens(),
});
const model = lionEncoder({
  vocabularySize: 20,
  dim: 8,
  depth: 1,
  numHeads: 2,
  numClasses: 10,
  variant: "s",
});
const { losses } = await train(model, data, { steps: 1, loss: crossEntropy() });
const figure: Figure = new Figure([{ y: losses }]);
const { tensors } = await readSafetensors(new Uint8Array());
const weights: tf.Tensor | undefined = tensors.get("x");
const ours = model.layers.filter((layer) => layer instanceof LionLayer);
const parameters: Parameters = ours[0]!.parameter;
const active: tf.Tensor = gelu(parameters("weight"));
// @ts-expect-error A string is no tensor.
lionAttention("x", x, x);
// @ts-expect-error There is no such form.
lionAttention(x, x, x, { form: "sparse" });
// @ts-expect-error A loss is a function.
const wrong: number = crossEntropy();
console.log(info.name, y, figure, weights, active, wrong);

/** Products with the Hessian of models, beside gradients. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type AttentionVariant, lionEncoder } from "@lionjs/lion";
import { crossEntropy } from "@lionjs/lion/training";
import { array, uniform } from "../../../tests/random.ts";
import { groupOf, once, type OpenGroup, tensorContender } from "../../group.ts";
import { readTensors } from "../../measure/tensors.ts";
import { difference } from "../../measure/timing.ts";
import { inPlainForms } from "../../plain_forms.ts";
import { CLASSES } from "../../sized_models.ts";
import { type Figure, measuring } from "../figure.ts";

const GRADIENT = "a gradient", PRODUCT = "a product with the Hessian";

/** Those of attention in chunks, softmax, transitions, and softmax with decays. */
const VARIANTS = [
  ...["lit", "d", "s", "mlstm", "mamba2", "mamba3", "gla", "rwkv6"] as const,
  "softmax",
  ...["delta", "gated-delta", "comba", "kda", "rwkv7", "fox"] as const,
] as const satisfies readonly AttentionVariant[];

/** Tokens of a model, and what mixes them. */
interface Size {
  readonly variant: typeof VARIANTS[number];
  readonly length: number;
}

const LENGTH = 1024;

const SIZES = { dim: 96, depth: 2, numHeads: 4 };

/** Of the largest number of a product: what it is held to. */
const TOLERANCE = 1e-3;

/** The time of a product with the Hessian of each variant. */
export const hessian: Figure = {
  title: "A product with the Hessian, beside a gradient",
  short: "second derivatives",
  about:
    `A loss's gradient in all parameters of an encoder, and the product of its Hessian
with that gradient. Products are compared with those of plain forms before they are
timed. A product of attention calls its kernel and its gradient five times as often as a
gradient does; one of transitions calls theirs four times as often, and attention's
beside it.`,
  column: "tokens",
  bounds: VARIANTS.map((panel) => ({
    ...{ panel, at: [LENGTH], series: PRODUCT, beside: GRADIENT, most: 6 },
  })),
  seconds: { gpu: 0, wasm: 120, software: 0, cpu: 0 },
  unfit: "it says what mathematics costs, for which one backend is enough",
  measure: measuring<Size, "gradients">({
    sizes: VARIANTS.map((variant) => ({ variant, length: LENGTH })),
    quick: [{ variant: "s", length: 64 }],
    passes: ["gradients"],
    place: ({ variant, length }) => ({ panel: variant, at: length }),
    subjects: () => [GRADIENT, PRODUCT],
    open: ({ size }) => open(size),
    settings: () => ({
      ...{ batch: 1, blocks: SIZES.depth, columns: SIZES.dim },
      heads: SIZES.numHeads,
    }),
  }),
};

async function open({ variant, length }: Size): Promise<OpenGroup> {
  const { dim } = SIZES;
  const model = lionEncoder({
    ...{ inputDim: dim, numClasses: CLASSES, mask: false, seed: 1 },
    ...{ ...SIZES, variant },
  });
  const inputs = tf.tensor3d(
    array(length * dim, uniform(1)),
    [1, length, dim],
  );
  const labels = tf.tensor1d([3], "int32"), loss = crossEntropy();
  const weights = model.trainableWeights.map((weight) =>
    weight.read() as tf.Variable
  );
  const lossOf = () => loss(model.apply(inputs) as tf.Tensor, labels);
  const gradients = () => {
    const { grads } = tf.variableGrads(lossOf, weights);
    return weights.map(({ name }) => grads[name]!);
  };
  const directions = tf.tidy(gradients);
  const products = () =>
    tf.tidy(() => {
      const slope = (): tf.Scalar =>
        tf.addN(
          gradients().map((dx, i) => tf.sum(tf.mul(dx, directions[i]!))),
        );
      const { grads } = tf.variableGrads(slope, weights);
      return weights.map(({ name }) => grads[name]!);
    });
  const checked = async (compute: () => tf.Tensor[]) => {
    const wanted = await inPlainForms(() => readTensors(compute));
    return once((results) => {
      // A parameter may have a derivative of 0, and rounding errors.
      const [got, all] = [results, wanted].map((arrays) =>
        arrays.flatMap((numbers) => [...numbers])
      );
      return difference("the numbers", [[got!, all!]], TOLERANCE);
    });
  };
  return groupOf([
    tensorContender(
      GRADIENT,
      () => tf.tidy(gradients),
      await checked(() => tf.tidy(gradients)),
    ),
    tensorContender(PRODUCT, products, await checked(products)),
  ], () => {
    tf.dispose([inputs, labels, directions]);
    model.dispose();
  });
}

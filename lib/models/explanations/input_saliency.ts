/** Which pixels or tokens a model's answer depends on. @module */
import {
  assertInteger,
  assertModel,
  assertOneOf,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { givenInputs } from "../model_inputs.ts";
import { changeTokens } from "../../layers/embeddings/changed_tokens.ts";
import { TokenEmbedding } from "../../layers/embeddings/token_embedding.ts";
import { layersIn } from "../layer_runs.ts";

/** Options of {@linkcode inputSaliency}. */
export interface InputSaliencyOptions {
  /**
   * What is explained: the logit of a class, by its index, or a function of the
   * model's output, whose results are added up. Each example should have its own part
   * of them.
   * @default the largest logit of each example
   */
  of?: number | ((output: tf.Tensor) => tf.Tensor) | undefined;
  /**
   * How much a pixel or a token matters: the sum over its columns of gradient times
   * input, which has a sign, or the Euclidean norm of the gradient. Where tokens are
   * normalised, the length of a token's vector does not matter, and gradient times
   * input is nearly 0.
   * @default "gradient" for ids of tokens, otherwise "gradient-times-input"
   */
  method?: "gradient-times-input" | "gradient" | undefined;
}

const OPTIONS = optionsOf<InputSaliencyOptions>()("of method");

const METHODS = ["gradient-times-input", "gradient"] as const;

/**
 * Returns how much each pixel, or each token, matters for an answer of a model, by
 * the gradient of the answer in it. For ids of tokens it is the gradient in the
 * vectors of the tokens, before positions are added; for other inputs in the first
 * input itself.
 *
 * A gradient says what a small change would do. That is not what a pixel's absence
 * would do, and does not have to be how the model came to its answer.
 *
 * Source: Simonyan et al. 2013 (arXiv:1312.6034) for the gradient; Shrikumar et al.
 * 2016 (arXiv:1605.01713) for gradient times input.
 *
 * @example Of a linear model, gradient times input is what a pixel adds to the logit
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { inputSaliency } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import * as layers from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = layers.sequential();
 * model.add(layers.layers.flatten({ inputShape: [1, 2, 1] })); // two pixels
 * model.add(layers.layers.dense({ units: 2, kernelInitializer: "identity" }));
 * const image = tf.tensor4d([3, -5], [1, 1, 2, 1]);
 * const saliency = inputSaliency(model, image, { of: 1 });
 * assertEquals(await saliency.array(), [[[0, -5]]]);
 * ```
 *
 * @param model A model with one output, `[batch, classes]`, or any with `of`.
 * @param inputs The model's inputs, in their order, as for `predict`; they are not
 * disposed of.
 * @param options See {@linkcode InputSaliencyOptions}.
 * @returns `[batch, height, width]` of images, `[batch, length]` of tokens: the first
 * input's axes but the last, or all if it has ids.
 * @throws {TypeError} If the inputs are not the model's, its output has no classes of examples and there is no
 * `of`, its first input is ids that no `tokenEmbedding` looks up, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If there is no such class or method.
 */
export function inputSaliency(
  model: LayersModel,
  inputs: tf.Tensor | readonly tf.Tensor[],
  options: InputSaliencyOptions = {},
): tf.Tensor {
  assertOptions("inputSaliency", options, OPTIONS);
  assertModel("inputSaliency's model", model);
  const { of, method } = options;
  if (method !== undefined) {
    assertOneOf("inputSaliency's method", method, METHODS);
  }
  const explained = explainedBy(model, of);
  const given = givenInputs("inputSaliency", model, inputs);
  return tf.tidy(() => {
    const [first, ...others] = given;
    const batchSize = first!.shape[0]!;
    const answer = (x: tf.Tensor) =>
      tf.sum(
        explained(
          model.predict([x, ...others], { batchSize }) as tf.Tensor,
        ),
      );
    const embedding = layersIn(model)
      .find((layer) => layer instanceof TokenEmbedding);
    const areIds = first!.dtype === "int32" || embedding && first!.rank === 2;
    const { input, gradient } = areIds
      ? ofTokens(model, embedding, first!, answer)
      : { input: first!, gradient: tf.grad(answer)(first!) };
    const isNorm = (method ?? (areIds && "gradient")) === "gradient";
    return isNorm
      ? tf.norm(gradient, "euclidean", -1)
      : tf.sum(tf.mul(gradient, input), -1);
  });
}

/** The vectors of tokens, `[batch, length, dim]`, and the gradient of an answer in them. */
function ofTokens(
  model: LayersModel,
  embedding: TokenEmbedding | undefined,
  ids: tf.Tensor,
  answer: (ids: tf.Tensor) => tf.Tensor,
): { input: tf.Tensor; gradient: tf.Tensor } {
  if (!embedding) {
    throw new TypeError(
      `inputSaliency's model should look up ids with tokenEmbedding, or have numbers as its first input, got ${model.name}`,
    );
  }
  const dim = embedding.getConfig()["dim"] as number;
  const found: tf.Tensor3D[] = [];
  const gradient = tf.grad((added) =>
    changeTokens((x) => {
      found.push(tf.keep(tf.clone(x)));
      return tf.add(x, added);
    }, () => answer(ids))
  );
  try {
    const result = gradient(tf.zeros([...ids.shape, dim]));
    return { input: tf.clone(found[0]!), gradient: result };
  } finally {
    tf.dispose(found);
  }
}

/** The function that takes from a model's output what is to be explained. */
function explainedBy(
  { name, outputs }: LayersModel,
  of: InputSaliencyOptions["of"],
): (output: tf.Tensor) => tf.Tensor {
  if (typeof of === "function") {
    return (output) => {
      const answer: unknown = of(output);
      if (answer instanceof tf.Tensor) return answer;
      throw new TypeError(
        `inputSaliency's of should return a tensor, got ${shown(answer)}`,
      );
    };
  }
  const { shape } = outputs[0]!;
  if (outputs.length !== 1 || shape.length !== 2) {
    throw new TypeError(
      `inputSaliency's of should be a function of the output of ${name}, ${
        outputs.length === 1
          ? `[${
            shape.map((size) => size ?? "any")
          }], such as (y) => tf.slice(y, …)`
          : "an array"
      }, got ${shown(of)}`,
    );
  }
  if (of === undefined) return (logits) => tf.max(logits, 1);
  assertInteger("inputSaliency's of", of, 0, shape[1]! - 1);
  return (logits) => tf.slice(logits, [0, of], [-1, 1]);
}

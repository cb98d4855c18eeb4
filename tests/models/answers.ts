/** Texts for small models, and what models answer. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { generate } from "../../mod.ts";

/** Two texts. */
export const ids = (): tf.Tensor2D =>
  tf.tensor2d([[3, 1, 4, 1], [5, 0, 2, 6]], [2, 4], "int32");

/** The second text has three tokens. */
export const mask = (): tf.Tensor2D =>
  tf.tensor2d([[1, 1, 1, 1], [1, 1, 1, 0]]);

/** A model's answer. */
export async function answer(
  model: LayersModel,
  inputs: tf.Tensor[],
): Promise<Float32Array> {
  const y = model.predict(inputs.length > 1 ? inputs : inputs[0]!) as tf.Tensor;
  const values = await y.data<"float32">();
  y.dispose();
  assert(values.every(Number.isFinite));
  return values;
}

/** Fails unless each token that is generated is the one that the model finds likeliest. */
export async function assertGoesOn(
  model: LayersModel,
  maxNewTokens: number,
): Promise<void> {
  const text = [3, 1, 4, 1, 5];
  const options = { maxNewTokens, temperature: 0 };
  for (const token of await generate(model, text, options)) {
    const likeliest = tf.tidy(() => {
      const ids = tf.tensor2d([...text], [1, text.length], "int32");
      const logits = model.predict(ids) as tf.Tensor3D;
      return tf.argMax(tf.squeeze<tf.Tensor2D>(logits, [0]), 1);
    });
    assertEquals((await likeliest.data()).at(-1), token);
    likeliest.dispose();
    text.push(token);
  }
}

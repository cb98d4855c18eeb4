/** What a model goes on with, token by token. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { generate } from "../../mod.ts";

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

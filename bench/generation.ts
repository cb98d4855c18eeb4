/** The next token of a text, from what the model remembers and from the whole text. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { generate, type GenerationState } from "@lionjs/lion";
import { uniform } from "../tests/random.ts";

/** A text, and what the model remembers of all of it but the last token. */
export interface Text {
  readonly ids: readonly number[];
  readonly state: GenerationState;
}

/** A text of so many tokens and one more, which the model chose. */
export async function textOf(
  model: LayersModel,
  vocabularySize: number,
  length: number,
): Promise<Text> {
  const random = uniform(length);
  const ids = Array.from(
    { length },
    () => Math.floor(random() * vocabularySize),
  );
  // One token is added; its place in the text is the one that is timed.
  const { tokens, state } = await generate(model, ids, {
    maxNewTokens: 1,
    temperature: 0,
    returnState: true,
  });
  return { ids: [...ids, ...tokens], state };
}

/** The token that comes next by the state. */
export async function next(
  model: LayersModel,
  { state }: Text,
): Promise<number> {
  const options = { maxNewTokens: 1, temperature: 0, state };
  return (await generate(model, [], options))[0]!;
}

/** The token that comes next by the whole text. */
export async function nextOfWhole(
  model: LayersModel,
  { ids }: Text,
): Promise<number> {
  const token = tf.tidy(() => {
    const whole = tf.tensor2d([...ids], [1, ids.length], "int32");
    const logits = model.predict(whole) as tf.Tensor3D;
    const last = tf.slice(logits, [0, ids.length - 1, 0], [1, 1, -1]);
    return tf.argMax(tf.reshape(last, [-1]));
  });
  const [id] = await token.data();
  token.dispose();
  return id!;
}

/** What is wrong with the token by the state; `null` if it is that of the whole text. */
export async function checkNext(
  model: LayersModel,
  text: Text,
): Promise<string | null> {
  const got = await next(model, text);
  const wanted = await nextOfWhole(model, text);
  return got === wanted ? null : `token ${got} comes, not ${wanted}`;
}

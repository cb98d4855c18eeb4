/** What a page does with the hub, when the test asks it to. */
import { fromPretrained, hubBytes, hubFile } from "@lionjs/lion/hub";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

/** What a model answers. */
async function answerOf({ model }) {
  const ids = tf.ones([1, 3], "int32"), mask = tf.ones([1, 3]);
  const y = model.predict([ids, mask, tf.zeros([1, 3], "int32")]);
  return Array.from(await y.data());
}

globalThis.exercise = async (endpoint) => {
  const options = { endpoint, token: "hf_secret" };
  const first = await answerOf(await fromPretrained("org/tiny", options));
  const kept = await answerOf(
    await fromPretrained("org/tiny", { ...options, offline: true }),
  );
  const beside = await answerOf(
    await fromPretrained(new URL("model/", location.href)),
  );
  const address = await hubFile("org/tiny", "config.json", options);
  const config = await (await fetch(address)).json();
  const bytes = await hubBytes("org/tiny", "other.safetensors", options);
  const part = Array.from(await bytes.read(2, 3));
  return { first, kept, beside, config, part };
};

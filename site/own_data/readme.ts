/** What is saved with a model: how to use it. @module */
import { LENGTH, SIDE } from "./input_sizes.ts";

const HEAD = `# A model of your own data

LION trained this model in a web page; \`model.json\` also names its classes. To use
it in your own page, put the folder next to the page and call
\`loadLayersModel("model.json")\`; the documentation's page on platforms explains
the rest. This Deno program prints the class, with its probability, of each`;

const LOAD = `await useBackend();
const model = await loadLayersModel("file://model.json");
const classes = classNames(model)!;`;

/** Of a model of pictures. */
export const PICTURES_README = `${HEAD} picture in a folder:

\`\`\`ts
import { classNames, useBackend } from "@lionjs/lion";
import { evalTransform, imageBatches, imageFolder } from "@lionjs/lion/data";
import { predict } from "@lionjs/lion/training";
import "@lionjs/lion/io";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";

${LOAD}
const images = await imageFolder("pictures"); // with a folder for each class
const batches = imageBatches(images, {
  batchSize: 16,
  transform: evalTransform({ size: ${SIDE} }),
  orientation: "apply",
  order: "in-order",
});
const { values } = await predict(model, batches.from(0), {
  map: (logits) => tf.softmax(logits),
});
for (let i = 0; i < images.size; i++) {
  const { name } = await images.get(i);
  const row = values.slice(classes.length * i, classes.length * (i + 1));
  const largest = Math.max(...row);
  console.log(name, classes[row.indexOf(largest)], largest);
}
\`\`\`
`;

/** Of a model of texts. */
export const TEXTS_README = `${HEAD} text among its arguments:

\`\`\`ts
import { classNames, useBackend } from "@lionjs/lion";
import { padTokens, tokenizerOf } from "@lionjs/lion/data";
import "@lionjs/lion/io";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";

${LOAD}
const file = JSON.parse(await Deno.readTextFile("tokenizer.json"));
const tokenizer = tokenizerOf(file);
for (const text of Deno.args) {
  const tokens = tokenizer.encodeWithSpecials(text, { length: ${LENGTH} });
  const { ids, mask } = padTokens([tokens.ids]);
  const row = await tf.softmax(model.predict([ids, mask]) as tf.Tensor).data();
  const largest = Math.max(...row);
  console.log(text, classes[row.indexOf(largest)], largest);
}
\`\`\`
`;

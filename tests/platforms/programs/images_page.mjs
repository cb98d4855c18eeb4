/** What a page makes of images, when the test asks it to. */
import * as data from "@lionjs/lion/data";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

async function fetched(name) {
  return new Uint8Array(await (await fetch(`images/${name}`)).arrayBuffer());
}

/** The batch of some files. */
async function exercise(names, workers) {
  await tf.setBackend("cpu");
  const images = {
    classes: ["one"],
    labels: new Uint16Array(names.length),
    size: names.length,
    get: (index) => ({
      name: names[index],
      label: index,
      bytes: () => fetched(names[index]),
    }),
  };
  const batches = data.imageBatches(images, {
    batchSize: names.length,
    transform: data.trainTransform({ size: 24, erase: 0.5 }),
    ...workers === undefined ? {} : { workers },
  });
  for await (const { inputs: [pictures], labels } of batches.from(0)) {
    return {
      values: [...await pictures.data()],
      labels: [...await labels.data()],
    };
  }
}

/** The pixels of a file. */
async function decode(name) {
  const { pixels } = await data.decodeImage(await fetched(name));
  return [...pixels];
}

Object.assign(globalThis, { exercise, decode });

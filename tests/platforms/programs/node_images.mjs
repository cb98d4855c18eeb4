/** Decodes an image by either package, in the caller and in a worker; prints what comes of it. */
import { evalTransform, imageBatches } from "@lionjs/lion/data";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

// A red PNG of one pixel.
const text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1Pe" +
  "AAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const images = {
  classes: ["red"],
  labels: new Uint16Array(1),
  size: 1,
  get: () => ({
    name: "red.png",
    label: 0,
    bytes: () => Promise.resolve(bytes),
  }),
};
const found = [];
await tf.setBackend("cpu");
for (const decoder of ["auto", "sharp", "jsquash"]) {
  for (const workers of [undefined, 0]) {
    const batches = imageBatches(images, {
      batchSize: 1,
      transform: evalTransform({ size: 1 }),
      mean: 0.5,
      deviation: 0.5,
      decoder,
      workers,
    });
    for await (const { inputs: [pictures] } of batches.from(0)) {
      found.push(...await pictures.data());
      break;
    }
  }
}
console.log(found.join(" "));

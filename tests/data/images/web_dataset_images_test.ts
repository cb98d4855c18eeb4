/** Images of tars in WebDataset's format. @module */
import { assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  evalTransform,
  imageBatches,
  memoryBytes,
  webDataset,
  webDatasetImages,
} from "../../../lib/data/mod.ts";
import type { WebDatasetImagesOptions } from "../../../lib/data/images/datasets/web_dataset_images.ts";
import { onCpu } from "../../io/files.ts";
import { tarOf } from "../records/tar_of.ts";
import { RED_PIXEL } from "./red_pixel.ts";

async function imagesOf(
  files: Record<string, string | Uint8Array>,
  options?: WebDatasetImagesOptions,
) {
  const tar = memoryBytes(tarOf(files), "pets.tar");
  return await webDatasetImages(await webDataset(tar), options);
}

const PETS = {
  "1.png": RED_PIXEL,
  "1.cls": "1",
  "2.png": RED_PIXEL,
  "2.cls": "0\n",
};

onCpu("images of a tar are batches with their labels", async () => {
  const images = await imagesOf(PETS, { classes: ["cat", "dog"] });
  assertEquals([images.classes, images.size], [["cat", "dog"], 2]);
  const batches = imageBatches(images, {
    ...{ batchSize: 2, transform: evalTransform({ size: 2 }), workers: 0 },
    ...{ mean: 0.5, deviation: 0.5, order: "in-order" },
  });
  for await (const { inputs: [pictures], labels } of batches.from(0)) {
    assertEquals([...await labels.data()], [1, 0]);
    assertEquals(
      (await pictures!.data()).slice(0, 3),
      Float32Array.of(1, -1, -1),
    );
    tf.dispose([pictures!, labels]);
  }
});

onCpu("labels are numbers or the names of classes", async () => {
  assertEquals((await imagesOf(PETS)).classes, ["0", "1"]);
  const files = {
    "a.webp": RED_PIXEL,
    "a.kind": "dog",
    "b.jpg": RED_PIXEL,
    "b.kind": "1",
  };
  const named = await imagesOf(files, { label: "kind" });
  assertEquals([named.classes, [...named.labels]], [["1", "dog"], [1, 0]]);
  const options = { classes: ["dog", "1"], label: "kind" };
  assertEquals([...(await imagesOf(files, options)).labels], [0, 1]);
});

onCpu("webDatasetImages() names the sample that is wrong", async () => {
  await assertRejects(
    () => imagesOf(PETS, { classes: ["cat"] }),
    RangeError,
    "the field cls should have labels from 0 to below 1, or texts, got 1 in pets.tar:1",
  );
  await assertRejects(
    () => imagesOf({ "1.png": RED_PIXEL }),
    RangeError,
    'pets.tar:1 should have the field "cls", got png',
  );
  await assertRejects(
    async () => (await imagesOf({ "1.gif": RED_PIXEL, "1.cls": "0" })).get(0),
    RangeError,
    "pets.tar:1 should have one of the fields jpg, jpeg, png, webp, got gif, cls",
  );
});

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { collatePixels } from "../../lib/data/mod.ts";
import { Digits } from "../../lib/datasets/mod.ts";
import { onCpu } from "../io/files.ts";

onCpu("collatePixels() makes sequences of images, row by row", async () => {
  const pixels = new Uint8Array(2 * 784);
  pixels[784 + 28 * 3 + 5] = 51;
  const digits = new Digits(pixels, Uint8Array.of(4, 7));
  const collate = collatePixels({ mean: 0.1, deviation: 0.5 });
  const images = [digits.get(0), digits.get(1)];
  const { inputs: [values, mask], labels, size } = collate(images, Math.random);
  assertEquals(size, 2);
  assertEquals(values!.shape, [2, 784, 1]);
  assertEquals(mask!.shape, [2, 784]);
  assertEquals([...await labels.data()], [4, 7]);
  assertEquals(labels.dtype, "int32");
  const numbers = await values!.data();
  for (let i = 0; i < numbers.length; i++) {
    const brightness = i === 784 + 28 * 3 + 5 ? 0.2 : 0;
    assertAlmostEquals(numbers[i]!, (brightness - 0.1) / 0.5, 1e-6);
  }
  assertEquals((await mask!.data()).every((is) => is === 1), true);
  tf.dispose([values!, mask!, labels]);

  const small = { pixels: new Uint8Array(9), label: 0 };
  assertThrows(
    () => collatePixels()([small, images[0]!], Math.random),
    RangeError,
    "the images of a batch should be of one size, got 9 pixels at 0 and 784 at 1",
  );
});

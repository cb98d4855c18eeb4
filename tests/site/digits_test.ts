/** What is drawn on the page, and what its trained classifier reads. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "@lionjs/lion";
import { batchOf, withWeights } from "../../site/classifier.ts";
import { EXAMPLES } from "../../site/examples.ts";
import { SIDE } from "../../site/sizes.ts";
import { pictureOf, type Stroke } from "../../site/strokes.ts";

const WEIGHTS = new URL(
  "../../site/weights/digits.safetensors",
  import.meta.url,
);

function moved(
  strokes: readonly Stroke[],
  scale: number,
  [right, down]: readonly [number, number],
): Stroke[] {
  return strokes.map((stroke) =>
    stroke.map(({ x, y }) => ({ x: scale * x + right, y: scale * y + down }))
  );
}

Deno.test("pictureOf() makes the same of strokes at any place and of any size", () => {
  for (const strokes of EXAMPLES) {
    const { pixels, place } = pictureOf(strokes)!;
    const other = pictureOf(moved(strokes, 0.5, [0.3, 0.1]))!;
    const most = pixels.reduce(
      (most, ink, at) => Math.max(most, Math.abs(ink - other.pixels[at]!)),
      0,
    );
    assertLess(most, 2);
    assertLess(Math.abs(other.place.unit - place.unit / 2), 1e-9);
  }
});

Deno.test("pictureOf() puts the ink's centre of mass into the middle", () => {
  for (const strokes of [...EXAMPLES, [[{ x: 0, y: 1 }]]]) {
    const { pixels } = pictureOf(strokes)!;
    let [ink, x, y] = [0, 0, 0];
    pixels.forEach((value, at) => {
      ink += value;
      x += value * (at % SIDE + 0.5);
      y += value * (Math.floor(at / SIDE) + 0.5);
    });
    assertLess(Math.hypot(x / ink - SIDE / 2, y / ink - SIDE / 2), 0.1);
  }
});

Deno.test("pictureOf() makes a dot of a dot, and nothing of nothing", () => {
  assertEquals(pictureOf([]), undefined);
  const { pixels } = pictureOf([[{ x: 0.5, y: 0.5 }]])!;
  const inked = pixels.filter((ink) => ink > 0).length;
  assert(inked >= 4 && inked <= 12, `${inked} pixels`);
});

Deno.test("the trained classifier reads each example", async () => {
  await useBackend({ prefer: ["wasm"] });
  const model = await withWeights(await Deno.readFile(WEIGHTS));
  for (const [digit, strokes] of EXAMPLES.entries()) {
    const image = batchOf(pictureOf(strokes)!.pixels);
    const output = tf.tidy(() => tf.softmax(model.predict(image) as tf.Tensor));
    const probabilities = [...await output.data()];
    tf.dispose([image, output]);
    assertLess(0.8, probabilities[digit]!, `the ${digit}`);
  }
  model.dispose();
});

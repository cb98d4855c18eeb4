import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LabelledImage } from "../../lib/data/mod.ts";
import { collateDigits, Digits, loadMnist } from "../../lib/datasets/mod.ts";
import { parseIdx } from "../../lib/datasets/digits/idx.ts";
import { onCpu } from "../io/files.ts";

const header = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3];

Deno.test("parseIdx() reads shape and values", () => {
  const file = Uint8Array.from([...header, 1, 2, 3, 4, 5, 6]);
  const { shape, values } = parseIdx("a file", file);
  assertEquals(shape, [2, 3]);
  assertEquals([...values], [1, 2, 3, 4, 5, 6]);
});

Deno.test("parseIdx() names a file that is cut off or something else", () => {
  assertThrows(
    () => parseIdx("train-labels", Uint8Array.from([...header, 1, 2])),
    SyntaxError,
    "train-labels should have 18 bytes for shape [2, 3], got 14",
  );
  for (
    const bytes of [[], [0, 0], [1, 0, 8, 0], [0, 0, 13, 0], header.slice(0, 9)]
  ) {
    assertThrows(
      () => parseIdx("page.html", Uint8Array.from(bytes)),
      SyntaxError,
      "page.html is not an IDX file of unsigned bytes",
    );
  }
});

Deno.test("loadMnist() has all of MNIST", async () => {
  const { train, test } = await loadMnist();
  assertEquals(train.size, 60_000);
  assertEquals(test.size, 10_000);
  assertEquals([...train.labels.subarray(0, 5)], [5, 0, 4, 1, 9]);
  assertEquals([...test.labels.subarray(0, 5)], [7, 2, 1, 0, 4]);
  const heldBack = train.slice(55_000);
  assertEquals(heldBack.pixels.length, 5_000 * 784);
  assertEquals(heldBack.get(0), train.get(55_000));
  const mean = train.pixels.reduce((sum, pixel) => sum + pixel, 0) /
    train.pixels.length / 255;
  assertAlmostEquals(mean, 0.1307, 1e-4);
});

Deno.test("Digits name what does not fit", () => {
  assertThrows(
    () => new Digits(new Uint8Array(784), new Uint8Array(2)),
    RangeError,
    "pixels should be 28 · 28 for each of the 2 labels, 1568, got 784",
  );
  const digits = new Digits(new Uint8Array(784), new Uint8Array(1));
  assertThrows(() => digits.get(1), RangeError, "index");
});

/** A digit of one bright pixel. */
function dot(row: number, column: number): LabelledImage {
  const pixels = new Uint8Array(784);
  pixels[28 * row + column] = 255;
  return { pixels, label: 3 };
}

/** The images of one batch, from 0 to 1 again, with these random numbers. */
async function images(
  digits: LabelledImage[],
  augment: boolean,
  numbers: number[],
) {
  const next = numbers.values();
  const { inputs: [images], labels, size } = collateDigits({ augment })(
    digits,
    () => next.next().value ?? 0.5,
  );
  assertEquals(images!.shape, [size, 28, 28, 1]);
  assertEquals(labels.dtype, "int32");
  const values = (await images!.data() as Float32Array)
    .map((value) => value * 0.3081 + 0.1307);
  tf.dispose([images!, labels]);
  return values;
}

onCpu(
  "collateDigits() refuses images of another size, and without a label",
  () => {
    for (const augment of [false, true]) {
      const collate = collateDigits({ augment });
      for (const count of [400, 1024, 0]) {
        assertThrows(
          () =>
            collate(
              [dot(1, 1), { pixels: new Uint8Array(count), label: 1 }],
              () => 0,
            ),
          RangeError,
          `pixels should be 784, of an image of 28 × 28, got ${count} at 1`,
        );
      }
      assertThrows(
        () =>
          collate([{ pixels: new Uint8Array(784) } as LabelledImage], () => 0),
        RangeError,
        "labels should be integers of 32 bits, got undefined at 0",
      );
    }
  },
);

onCpu("collateDigits() normalises and moves images", async () => {
  const digits = [dot(10, 12), dot(20, 3)];
  const plain = await images(digits, false, []);
  assertAlmostEquals(plain[28 * 10 + 12]!, 1, 1e-5);
  assertAlmostEquals(plain[0]!, 0, 1e-5);
  const same = await images(digits, true, []);
  plain.forEach((value, i) => assertAlmostEquals(same[i]!, value, 1e-4));

  // Turn, scale, right, down; the second image stays.
  const shifted = await images(digits, true, [0.5, 0.5, 0.75, 0]);
  assertAlmostEquals(shifted[28 * 8 + 13]!, 1, 1e-4);
  assertAlmostEquals(shifted[784 + 28 * 20 + 3]!, 1, 1e-4);

  // By 10 degrees and 10 %, a dot comes to where a rotation puts it.
  const moved = (await images([dot(4, 20)], true, [1, 1])).map(Math.abs);
  const total = moved.reduce((sum, value) => sum + value, 0);
  const centre = (coordinate: (i: number) => number) =>
    moved.reduce((sum, value, i) => sum + value * coordinate(i), 0) / total;
  const [x, y] = [20 - 13.5, 4 - 13.5];
  const angle = Math.PI / 18;
  assertAlmostEquals(
    centre((i) => i % 28) - 13.5,
    1.1 * (Math.cos(angle) * x - Math.sin(angle) * y),
    0.3,
  );
  assertAlmostEquals(
    centre((i) => Math.floor(i / 28)) - 13.5,
    1.1 * (Math.sin(angle) * x + Math.cos(angle) * y),
    0.3,
  );
});

import { assertEquals, assertThrows } from "@std/assert";
import { splitImages } from "../../../lib/data/mod.ts";

/** Images of classes, named by their places. */
function imagesOf(labels: readonly number[]) {
  return {
    classes: ["cat", "lion", "seal"],
    labels: Uint16Array.from(labels),
    size: labels.length,
    get: (i: number) =>
      Promise.resolve({
        ...{ name: String(i), label: labels[i]! },
        bytes: () => Promise.resolve(new Uint8Array()),
      }),
  };
}

/** The names of all images of a part. */
async function namesIn(part: ReturnType<typeof splitImages>["train"]) {
  return await Promise.all(
    Array.from(
      { length: part.size },
      async (_, i) => Number((await part.get(i)).name),
    ),
  );
}

Deno.test("each image is in one part, by the shares of each class", async () => {
  const labels = Array.from({ length: 230 }, (_, i) => i < 200 ? i % 2 : 2);
  const images = imagesOf(labels);
  const split = splitImages(images, { validation: 0.1, test: 0.2, seed: 3 });
  const names = {
    train: await namesIn(split.train),
    validation: await namesIn(split.validation),
    test: await namesIn(split.test),
  };
  assertEquals(
    Object.values(names).flat().sort((a, b) => a - b),
    labels.map((_, i) => i),
  );
  for (const [part, found] of Object.entries(names)) {
    assertEquals(found, found.toSorted((a, b) => a - b), part);
    assertEquals(
      [...split[part as keyof typeof split].labels],
      found.map((i) => labels[i]!),
    );
  }
  const counts = (part: Uint16Array) =>
    [0, 1, 2].map((label) => part.filter((one) => one === label).length);
  assertEquals(counts(split.test.labels), [20, 20, 6]);
  assertEquals(counts(split.validation.labels), [10, 10, 3]);
  const again = splitImages(images, { validation: 0.1, test: 0.2, seed: 3 });
  assertEquals(await namesIn(again.test), names.test);
  const other = splitImages(images, { validation: 0.1, test: 0.2, seed: 4 });
  assertEquals((await namesIn(other.test)).join() === names.test.join(), false);
});

Deno.test("of a class of few images one at least is trained on", () => {
  const { train } = splitImages(imagesOf([0, 1, 1, 2, 2, 2]), {
    ...{ validation: 0.45, test: 0.5 },
  });
  assertEquals([...new Set(train.labels)], [0, 1, 2]);
});

Deno.test("shares that leave nothing are refused", () => {
  assertThrows(
    () => splitImages(imagesOf([0]), { validation: 0.5, test: 0.5 }),
    RangeError,
    "together below 1",
  );
});

Deno.test("a class may have more images than a call has arguments", () => {
  const size = 300_000;
  const labels = new Uint16Array(size);
  const split = splitImages({ ...imagesOf([]), labels, size });
  const sizes = [split.train, split.validation, split.test].map((p) => p.size);
  assertEquals(sizes, [240_000, 30_000, 30_000]);
});

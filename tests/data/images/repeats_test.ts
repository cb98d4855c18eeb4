/** Repeated augmentation, and images dealt to ranks, in the order of DeiT's sampler. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { epochOrders } from "../../../lib/data/batches/orders.ts";
import {
  dealt,
  imagesOfRank,
} from "../../../lib/data/images/batching/dealing.ts";
import {
  imageBatches,
  type ImageBatchesOptions,
} from "../../../lib/data/images/batching/image_batches.ts";
import type { ImageDataset } from "../../../lib/data/images/datasets/image_dataset.ts";
import { trainTransform } from "../../../lib/data/images/transforms/train_transform.ts";
import { encodePNG } from "../../../lib/notebook/pictures/png.ts";
import { onCpu } from "../../io/files.ts";
import { NO_PILLOW, runPillow } from "../python.ts";

/** What the sampler gives, by the number of ranks, and for each of them. */
type Orders = Record<1 | 2 | 4, number[][]>;

Deno.test({
  name: "an epoch's order is that of the reference, for 1, 2 and 4 ranks",
  ...NO_PILLOW,
  fn: async () => {
    const orders = [255, 256, 600, 770, 1030].map((
      size,
    ) => [...epochOrders(size, 3)(2)]);
    const truth = await runPillow<Orders[]>(
      "repeat_order.py",
      JSON.stringify(orders),
    );
    for (const [i, order] of orders.entries()) {
      for (const ranks of [1, 2, 4] as const) {
        const ours = Array.from({ length: ranks }, (_, rank) => {
          const dealing = { repeats: 3, rank, ranks };
          const length = imagesOfRank(order.length, dealing);
          return Array.from(
            { length },
            (_, place) => order[dealt(place, dealing).place]!,
          );
        });
        // Of fewer images than 256 the reference has none at all.
        if (order.length >= 256) assertEquals(ours, truth[i]![ranks]);
        else {
          assertEquals(truth[i]![ranks].flat(), []);
          assertEquals(ours.flat().length, ranks * Math.floor(255 / ranks));
        }
      }
    }
  },
});

/** Images whose labels are their places, and which all look the same. */
function imagesOf(size: number, bad: readonly number[] = []): ImageDataset {
  const data = Uint8Array.from({ length: 4 * 64 }, (_, i) => 31 * i);
  const file = encodePNG({ width: 8, height: 8, data });
  return {
    classes: Array.from({ length: size }, (_, i) => `${i}`),
    labels: Uint16Array.from({ length: size }, (_, i) => i),
    size,
    get: (index) => ({
      name: `image ${index}`,
      label: index,
      bytes: () =>
        Promise.resolve(bad.includes(index) ? new Uint8Array(9) : file),
    }),
  };
}

/** The labels and the pictures of some steps, one after another. */
async function take(
  images: ImageDataset,
  options: Partial<ImageBatchesOptions>,
  { from = 0, count }: { from?: number; count: number },
): Promise<{ labels: number[]; pictures: string[] }> {
  const batches = imageBatches(images, {
    ...{ batchSize: 4, seed: 3, workers: 0 },
    transform: trainTransform({ size: 4, erase: 0.5 }),
    ...options,
  });
  const taken = { labels: [] as number[], pictures: [] as string[] };
  let left = count;
  for await (const { inputs: [pictures], labels, size } of batches.from(from)) {
    const values = new Uint8Array((await pictures!.data()).slice().buffer);
    const each = values.length / size;
    taken.labels.push(...await labels.data());
    for (let i = 0; i < size; i++) {
      taken.pictures.push(values.subarray(i * each, (i + 1) * each).toHex());
    }
    tf.dispose([pictures!, labels]);
    if (--left === 0) break;
  }
  return taken;
}

onCpu("a batch has each image three times, never the same", async () => {
  const images = imagesOf(10);
  const { labels, pictures } = await take(images, { repeats: 3 }, { count: 2 });
  const order = epochOrders(10, 3)(0);
  const expected = [0, 0, 0, 1, 1, 1, 2, 2].map((place) => order[place]!);
  assertEquals(labels, expected);
  assertEquals(new Set(pictures).size, 8);
  const resumed = await take(images, { repeats: 3 }, { from: 1, count: 1 });
  assertEquals(resumed.pictures, pictures.slice(4));
  // The third step is of the next epoch.
  const next = await take(images, { repeats: 3 }, { from: 2, count: 1 });
  assertEquals(next.labels[0], epochOrders(10, 3)(1)[0]);
});

onCpu(
  "the ranks' batches together are the batches of one process",
  async () => {
    const images = imagesOf(20);
    for (const repeats of [1, 3]) {
      const whole = await take(images, { repeats, batchSize: 8 }, { count: 2 });
      const ranks = await Promise.all(
        [0, 1].map((rank) =>
          take(images, { repeats, rank, ranks: 2 }, { count: 2 })
        ),
      );
      const dealtInTurn = (name: "labels" | "pictures") =>
        whole[name].map((_, i) => ranks[i % 2]![name][Math.floor(i / 2)]);
      assertEquals(dealtInTurn("labels"), whole.labels);
      assertEquals(dealtInTurn("pictures"), whole.pictures);
    }
  },
);

onCpu("another image is in the place of each copy of a bad one", async () => {
  const order = epochOrders(10, 3)(0);
  const images = imagesOf(10, [order[1]!]);
  const { labels, pictures } = await take(images, {
    repeats: 3,
    onBad: { skip: true },
  }, { count: 2 });
  const expected = [0, 0, 0, 2, 2, 2, 2, 2].map((place) => order[place]!);
  assertEquals(labels, expected);
  assertEquals(new Set(pictures).size, 8);
});

onCpu("imageBatches refuses wrong options of ranks and mixing by name", () => {
  const wrong: [Record<string, unknown>, string][] = [
    [{ repeats: 0 }, "repeats"],
    [{ repeats: 1.5 }, "repeats"],
    [{ rank: 0 }, "rank and ranks should be given together"],
    [{ ranks: 2 }, "rank and ranks should be given together"],
    [{ rank: 2, ranks: 2 }, "rank should be an integer from 0 to 1, got 2"],
    [{ rank: 0, ranks: 0 }, "ranks"],
    [{ rank: 0, ranks: 3 }, "number of images of a rank, 3, got 4"],
    [
      { order: "in-order", repeats: 3 },
      "repeats should be left out with order",
    ],
    [{ order: "in-order", rank: 0, ranks: 2 }, "rank should be left out"],
    [{ order: "in-order", mix: {} }, "mix should be left out"],
    [{ mix: true }, "mix"],
    [{ mix: null }, "mix"],
    [{ mix: { alpha: 1 } }, "alpha"],
    [{ mix: { mixup: -1 } }, "mixup"],
    [{ mix: { cutmix: NaN } }, "cutmix"],
    [{ mix: { switch: 2 } }, "switch"],
    [{ mix: { smoothing: 1.1 } }, "smoothing"],
    [{ mix: { classes: 1.5 } }, "classes"],
    [{ mix: { classes: 9 } }, "from 0 to below 9, got 9 at 9"],
    [{ mix: {}, batchSize: 3 }, "batchSize should be even"],
  ];
  for (const [options, name] of wrong) {
    try {
      imageBatches(imagesOf(10), {
        ...{ batchSize: 4, transform: trainTransform({ size: 4 }) },
        ...options,
      } as ImageBatchesOptions);
    } catch (error) {
      assert(error instanceof TypeError || error instanceof RangeError);
      assert(error.message.includes(name), error.message);
      continue;
    }
    throw new Error(`${JSON.stringify(options)} is taken`);
  }
});

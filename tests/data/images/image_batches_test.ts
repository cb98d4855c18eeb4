/** Batches of images are the same by any number of workers, and name what is bad. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { fileURLToPath } from "node:url";
import { seeded } from "../../../lib/data/batches/random.ts";
import {
  imageBatches,
  type ImageBatchesOptions,
} from "../../../lib/data/images/batching/image_batches.ts";
import {
  drawMix,
  mixOf,
  mixPictures,
} from "../../../lib/data/images/batching/mix.ts";
import { mixTargets } from "../../../lib/data/images/batching/mix_targets.ts";
import { WorkerLanes } from "../../../lib/data/images/batching/worker_lanes.ts";
import type { ImageDataset } from "../../../lib/data/images/datasets/image_dataset.ts";
import { imageFolder } from "../../../lib/data/images/datasets/image_folder.ts";
import { evalTransform } from "../../../lib/data/images/transforms/eval_transform.ts";
import { trainTransform } from "../../../lib/data/images/transforms/train_transform.ts";
import { encodePNG } from "../../../lib/notebook/pictures/png.ts";
import {
  crossEntropy,
  evaluate,
  softCrossEntropy,
  train,
} from "../../../lib/training/mod.ts";
import { lionViT } from "../../../mod.ts";
import { onCpu, withFolder } from "../../io/files.ts";
import { NO_PILLOW, runPillow } from "../python.ts";
import { RED_PIXEL } from "./red_pixel.ts";

/** A test on the cpu backend, with the folder of make_folder.py and what it prints. */
function onFolder(
  name: string,
  run: (images: ImageDataset, truths: Truth[], folder: string) => Promise<void>,
): void {
  if (NO_PILLOW.ignore) return;
  onCpu(name, () =>
    withFolder(async (folder) => {
      const truths = await runPillow<Truth[]>("make_folder.py", folder);
      await run(await imageFolder(folder), truths, folder);
    }));
}

interface Truth {
  readonly label: number;
  readonly values: string;
}

/** The values and labels of batches. */
async function take(
  batches: AsyncIterable<
    { inputs: readonly tf.Tensor[]; labels: tf.Tensor; size: number }
  >,
  count = Infinity,
): Promise<{ values: Float32Array; labels: number[] }[]> {
  const taken: { values: Float32Array; labels: number[] }[] = [];
  for await (const { inputs: [pictures], labels, size } of batches) {
    assertEquals(pictures!.shape[0], size);
    assertEquals(pictures!.dtype, "float32");
    // Mixed labels are probabilities.
    assertEquals(labels.dtype, labels.rank === 1 ? "int32" : "float32");
    taken.push({
      values: await pictures!.data() as Float32Array,
      labels: [...await labels.data()],
    });
    tf.dispose([pictures!, labels]);
    if (taken.length >= count) break;
  }
  return taken;
}

const TRAIN = trainTransform({
  size: 16,
  randAugment: "rand-m9-mstd0.5-inc1",
  erase: 0.5,
});
const EVAL = evalTransform({ size: 16 });

/** Images of given bytes, one of each. */
function imagesOf(contents: readonly Uint8Array[]): ImageDataset {
  return {
    classes: ["one"],
    labels: new Uint16Array(contents.length),
    size: contents.length,
    get: (index) => ({
      name: `image ${index}`,
      label: index,
      bytes: () => Promise.resolve(contents[index]!),
    }),
  };
}

onFolder(
  "a pass in order is what torchvision makes of the images",
  async (images, truths) => {
    for (const decoder of ["sharp", "jsquash"] as const) {
      const batches = imageBatches(images, {
        batchSize: 4,
        transform: EVAL,
        order: "in-order",
        decoder,
      });
      assertEquals(batches.stepsPerEpoch, 4);
      const taken = await take(batches.from(0));
      assertEquals(taken.map(({ labels }) => labels.length), [4, 4, 4, 2]);
      const labels = taken.flatMap(({ labels }) => labels);
      assertEquals(labels, truths.map(({ label }) => label));
      const values = taken.flatMap(({ values }) => [...values]);
      const expected = truths.flatMap(({ values }) => [
        ...new Float32Array(Uint8Array.fromHex(values).buffer),
      ]);
      assertEquals(values, expected);
    }
  },
);

onFolder(
  "batches are the same by 0, 1 and 3 workers, from any step on",
  async (images) => {
    // With all that is drawn at random.
    const stream = (options: Partial<ImageBatchesOptions>) =>
      imageBatches(images, {
        ...{ batchSize: 4, seed: 7, transform: TRAIN, mix: {}, repeats: 3 },
        ...options,
      });
    const truth = await take(stream({ workers: 0, prefetch: 0 }).from(0), 8);
    for (const workers of [1, 3]) {
      const same = await take(stream({ workers, prefetch: 2 }).from(0), 8);
      assertEquals(same, truth);
    }
    for (const [workers, start] of [[0, 2], [1, 5], [3, 3]] as const) {
      const batches = stream({ workers, decoder: "jsquash" });
      const resumed = await take(batches.from(start), 8 - start);
      assertEquals(resumed, truth.slice(start));
    }
    // The next epoch has other parts of the images.
    const [first, , , second] = truth;
    assert(first!.values.some((value, i) => value !== second!.values[i]));
    const other = await take(stream({ workers: 0, seed: 8 }).from(0), 1);
    assert(other[0]!.values.some((value, i) => value !== first!.values[i]));
  },
);

onFolder("a model is trained and evaluated on images", async (images) => {
  const model = lionViT({
    ...{ dim: 8, depth: 1, numHeads: 2, imageSize: 16, patchSize: 8 },
    ...{ channels: 3, numClasses: 2, variant: "lit", seed: 1 },
  });
  const { losses } = await train(
    model,
    imageBatches(images, { batchSize: 7, transform: TRAIN }),
    { loss: crossEntropy(), steps: 3, progress: false },
  );
  assertEquals(losses.length, 3);
  const mixed = imageBatches(images, {
    ...{ batchSize: 4, transform: TRAIN, mix: {}, repeats: 3 },
  });
  const { losses: [soft] } = await train(model, mixed, {
    ...{ loss: softCrossEntropy(), steps: 1, progress: false },
  });
  assert(soft! > 0.1 && soft! < 5, `${soft}`);
  const once = imageBatches(images, {
    ...{ batchSize: 4, transform: EVAL },
    order: "in-order",
  });
  const { loss } = await evaluate(model, once.from(0), {
    loss: crossEntropy(),
  });
  assert(loss! > 0.1 && loss! < 5, `${loss}`);
  model.dispose();
});

onFolder(
  "pictures are mixed after all else, by the numbers of the step",
  async (images) => {
    const options = { batchSize: 4, seed: 2, transform: TRAIN, workers: 0 };
    const plain = await take(imageBatches(images, options).from(0), 3);
    const mix = { smoothing: 0.2 };
    const mixed = await take(
      imageBatches(images, { ...options, mix }).from(0),
      3,
    );
    const all = mixOf(mix, { classes: 2, batchSize: 4 });
    for (const [step, { values, labels }] of plain.entries()) {
      const drawn = drawMix(all, 16, seeded("step", 2, step, 0));
      mixPictures(values, 4, 16, drawn);
      assertEquals(mixed[step]!.values, values);
      const { lambda } = drawn;
      const targets = mixTargets(labels, {
        lambda,
        classes: 2,
        smoothing: 0.2,
      });
      assertEquals(mixed[step]!.labels, [...targets]);
    }
    // A dataset whose images have other labels than it says.
    const others = { ...images, labels: new Uint16Array(images.size) };
    const one = imageBatches(others, { ...options, mix: { classes: 1 } });
    const before = tf.memory().numTensors;
    await assertRejects(
      () => take(one.from(0), 3),
      RangeError,
      "below 1, got 1",
    );
    assertEquals(tf.memory().numTensors, before);
  },
);

onFolder("a bad image fails by its name", async (images, _, folder) => {
  await Deno.writeTextFile(`${folder}/cats/3.jpg`, "no image");
  for (const workers of [0, 2]) {
    const batches = imageBatches(images, {
      ...{ batchSize: 2, transform: EVAL, workers },
      order: "in-order",
    });
    await assertRejects(
      () => take(batches.from(0)),
      SyntaxError,
      `${folder}/cats/3.jpg: an image should be a JPEG`,
    );
  }
});

onFolder(
  "bad images are passed over and counted once",
  async (images, _, folder) => {
    const good = await Deno.readFile(`${folder}/dogs/1.png`);
    await Deno.writeTextFile(`${folder}/cats/3.jpg`, "");
    await Deno.writeFile(`${folder}/cats/4.png`, good.subarray(0, 60));
    await Deno.remove(`${folder}/dogs/0.jpg`);
    const settings = {
      ...{ batchSize: 3, transform: TRAIN, seed: 1 },
      onBad: { skip: true, limit: 0.25 },
    } as const;
    const truth = await take(
      imageBatches(images, { ...settings, workers: 0 }).from(0),
      12,
    );
    const batches = imageBatches(images, { ...settings, workers: 3 });
    assertEquals(batches.bad.count, 0);
    assertEquals(await take(batches.from(0), 12), truth);
    assertEquals(await take(batches.from(7), 5), truth.slice(7));
    assertEquals(truth.every(({ labels }) => labels.length === 3), true);
    assertEquals(batches.bad.count, 3);
    const found = batches.bad.records.map(({ index, name, reason }) => [
      ...[index, name.slice(folder.length)],
      reason.replace(`${name}: `, "").replace(/:.*$/s, ""),
    ]).sort(([a], [b]) => Number(a) - Number(b));
    assertEquals(found, [
      [
        3,
        "/cats/3.jpg",
        "an image should be a JPEG, a PNG, a WebP, a PPM or a PGM, got no bytes at all",
      ],
      [4, "/cats/4.png", "the PNG ends before its last chunk, IEND"],
      [7, "/dogs/0.jpg", "it cannot be read"],
    ]);
  },
);

onCpu(
  "10 images may be bad, or the share of them that is asked for",
  async () => {
    const files = Array.from(
      { length: 30 },
      (_, i) => i < 12 ? Uint8Array.of(i) : RED_PIXEL,
    );
    const pass = (limit?: number) => {
      const batches = imageBatches(imagesOf(files), {
        ...{ batchSize: 30, transform: EVAL, workers: 0, order: "in-order" },
        onBad: { skip: true, limit },
      });
      return take(batches.from(0)).then(
        () => `${batches.bad.count} are bad`,
        ({ message }) => message as string,
      );
    };
    assertEquals(await pass(0.4), "12 are bad");
    files[11] = files[10] = RED_PIXEL;
    assertEquals(await pass(), "10 are bad");
    files[10] = Uint8Array.of(1);
    for (const limit of [undefined, 0.01, 0.35]) {
      const message = await pass(limit);
      assert(
        message.includes("of 30 images at most 10 should be bad"),
        message,
      );
      for (let i = 0; i < 10; i++) assert(message.includes(`image ${i}: `));
    }
    const message = await pass(0);
    assert(message.includes("at most 0 should be bad"), message);
  },
);

onCpu("where all images are bad, a stream ends", async () => {
  const images = imagesOf(Array.from({ length: 8 }, () => new Uint8Array(9)));
  const batches = imageBatches(images, {
    ...{ batchSize: 4, transform: EVAL, workers: 0 },
    onBad: { skip: true, limit: 1 },
  });
  await assertRejects(() => take(batches.from(0)), Error, "got 8");
});

onFolder(
  "a dataset that gives no bytes, or no label, is told so by any number of workers",
  async (images) => {
    const wrong: [object, string][] = [
      [
        { bytes: () => Promise.resolve("pixels") },
        'Uint8Array, the content of an image file, got "pixels"',
      ],
      [
        { bytes: () => Promise.resolve(new ArrayBuffer(9)) },
        "class ArrayBuffer",
      ],
      [
        { label: NaN },
        "label should be a class, an integer of 0 or more, got NaN",
      ],
      [{ label: "1" }, 'got "1"'],
    ];
    for (const [change, message] of wrong) {
      for (const workers of [0, 1]) {
        const batches = imageBatches(
          {
            ...images,
            get: async (i) => ({ ...await images.get(i), ...change }),
          },
          {
            ...{ batchSize: 2, transform: EVAL, workers },
            onBad: { skip: true, limit: 1 },
          },
        );
        await assertRejects(() => take(batches.from(0)), TypeError, message);
      }
    }
  },
);

onCpu("a strip that a transform would make gigabytes of is bad", async () => {
  const strip = encodePNG({
    width: 1,
    height: 65_000,
    data: new Uint8Array(260_000),
  });
  const batches = imageBatches(imagesOf([strip]), {
    ...{ batchSize: 1, transform: evalTransform({ size: 224 }), workers: 0 },
  });
  await assertRejects(
    () => take(batches.from(0)),
    SyntaxError,
    "crop it first",
  );
});

onFolder(
  "a worker that dies once is replaced, and the batches are the same",
  async (images, _, folder) => {
    const options = { batchSize: 4, transform: TRAIN, prefetch: 1 };
    const whole = await take(
      imageBatches(images, { ...options, workers: 0 }).from(0),
      3,
    );
    const script = new URL("dying_once.ts", import.meta.url);
    script.searchParams.set("marker", `${folder}/../${crypto.randomUUID()}`);
    for (const workers of [1, 2]) {
      const batches = imageBatches(images, {
        ...{ ...options, workers, workerPath: script },
      });
      assertEquals(await take(batches.from(0), 3), whole);
      await Deno.remove(script.searchParams.get("marker")!);
    }
  },
);

onFolder(
  "a worker that dies twice fails the step by name",
  async (images, _, folder) => {
    const batches = imageBatches(images, {
      ...{ batchSize: 1, transform: EVAL, workers: 1, prefetch: 0 },
      order: "in-order",
      onBad: { skip: true, limit: 1 },
      workerPath: fileURLToPath(new URL("dying_worker.ts", import.meta.url)),
    });
    await assertRejects(
      () => take(batches.from(2)),
      Error,
      `failed twice while it decoded ${folder}/cats/2.webp: it has ended, with code 3`,
    );
  },
);

onCpu("a worker that never answers is given up by name", async () => {
  const settings = { transform: EVAL, side: 16, decode: {} };
  for (const fault of ["silent", "busy"]) {
    const script = new URL(`faulty_worker.ts?${fault}`, import.meta.url);
    const lanes = new WorkerLanes(2, settings, script, 2);
    const image = (name: string) => ({
      ...{ name, label: 0 },
      bytes: () => Promise.resolve(RED_PIXEL),
    });
    const [first, second, third] = await Promise.allSettled(
      ["one", "two", "three"].map((name) => lanes.run(image(name), name)),
    );
    const reasons = [first, second, third].map((result) =>
      (result as PromiseRejectedResult).reason.message
    );
    // Both workers are told of at once, by the images of the first.
    const said =
      "a worker failed while it decoded one or three: it has not answered for 2 s; check that workerPath";
    for (const reason of reasons) assert(reason.startsWith(said), reason);
    await assertRejects(() => lanes.run(image("four"), "four"), Error, said);
    await lanes.stop();
  }
});

onCpu("answers of another version's worker are no pictures", async () => {
  for (const fault of ["short", "empty", "text"]) {
    const batches = imageBatches(imagesOf([RED_PIXEL, RED_PIXEL]), {
      ...{ batchSize: 1, transform: EVAL, workers: 1, prefetch: 0 },
      order: "in-order",
      workerPath: new URL(`faulty_worker.ts?${fault}`, import.meta.url),
    });
    await assertRejects(
      () => take(batches.from(0)),
      Error,
      "a worker failed while it decoded image 0: it has answered {",
    );
  }
});

onCpu("an image for which memory is short is not bad", async () => {
  const pgm = new TextEncoder().encode("P5 64 64 255\n" + "x".repeat(64 * 64));
  const batches = imageBatches(imagesOf([pgm, RED_PIXEL]), {
    ...{ batchSize: 1, transform: EVAL, workers: 0 },
    order: "in-order",
    onBad: { skip: true, limit: 1 },
  });
  const { Uint8Array: plain } = globalThis;
  globalThis.Uint8Array = new Proxy(plain, {
    construct(target, [size, ...others], made) {
      if (size === 3 * 64 * 64) {
        throw new RangeError("Array buffer allocation failed");
      }
      return Reflect.construct(target, [size, ...others], made);
    },
  });
  try {
    await assertRejects(
      () => take(batches.from(0), 1),
      Error,
      "image 0: Array buffer allocation failed",
    );
    assertEquals(batches.bad.count, 0);
  } finally {
    globalThis.Uint8Array = plain;
  }
});

onFolder("a script that is not there is named", async (images) => {
  const batches = imageBatches(images, {
    ...{ batchSize: 1, transform: EVAL },
    workerPath: new URL("no_worker.js", import.meta.url),
  });
  await assertRejects(() => take(batches.from(0)), Error, "no_worker.js");
});

onFolder("an iteration that ends early leaves no worker", async (images) => {
  for (let i = 0; i < 3; i++) {
    const batches = imageBatches(images, {
      ...{ batchSize: 4, transform: TRAIN, workers: 2, prefetch: 3 },
    });
    // Deno's sanitizer finds what is left.
    await take(batches.from(0), 1);
  }
});

onFolder(
  "iterations at once, and batches asked for at once, are as alone",
  async (images) => {
    const before = tf.memory().numTensors;
    for (const workers of [0, 1]) {
      const stream = imageBatches(images, {
        ...{ batchSize: 4, transform: TRAIN, workers, prefetch: 2 },
      });
      const alone = await take(stream.from(0), 3);
      const both = await Promise.all([1, 2].map(() => take(stream.from(0), 3)));
      assertEquals(both, [alone, alone]);
      const iterator = stream.from(0)[Symbol.asyncIterator]();
      const asked = alone.map(() => iterator.next());
      const ended = iterator.return!(); // before any of them has come
      const values = await Promise.all(asked.map(async (result) => {
        const { inputs: [pictures], labels } = (await result).value!;
        const values = await pictures!.data();
        tf.dispose([pictures!, labels]);
        return values;
      }));
      assertEquals(values, alone.map(({ values }) => values));
      await ended;
    }
    assertEquals(tf.memory().numTensors, before);
  },
);

onFolder("a dataset's own bytes stay with it", async (_, __, folder) => {
  const bytes = await Deno.readFile(`${folder}/cats/1.png`);
  const batches = imageBatches(imagesOf([bytes]), {
    ...{ batchSize: 1, transform: EVAL, workers: 1 },
  });
  const [first, second] = await take(batches.from(0), 2);
  assertEquals(first, second);
  assert(bytes.length > 0);
});

onCpu("imageBatches refuses wrong options by name", () => {
  const images = imagesOf([new Uint8Array(), new Uint8Array()]);
  const wrong: Record<string, unknown>[] = [
    { batch: 1 },
    { batchSize: 0 },
    { batchSize: 3 },
    { transform: undefined },
    { transform: [] },
    { transform: [{ step: "resize", size: 4, interpolation: "bicubic" }] },
    { transform: [{ step: "turn" }, { step: "centreCrop", size: 4 }] },
    { transform: [{ step: "centreCrop", size: 4, note: () => {} }] },
    { seed: NaN },
    { mean: [1, 2] },
    { mean: "0.5" },
    { deviation: [1, 0, 1] },
    { workers: -1 },
    { workers: 1000 },
    { prefetch: -1 },
    { onBad: "skip" },
    { onBad: { skip: false } },
    { onBad: { skip: true, limits: 1 } },
    { onBad: { skip: true, limit: 2 } },
    { order: "in order" },
    { decoder: "pil" },
    { orientation: "turn" },
  ];
  for (const options of wrong) {
    try {
      imageBatches(images, {
        ...{ batchSize: 1, transform: EVAL },
        ...options,
      } as ImageBatchesOptions);
    } catch (error) {
      const [name] = Object.keys(options);
      assert(error instanceof TypeError || error instanceof RangeError);
      assert(error.message.includes(name!), error.message);
      continue;
    }
    throw new Error(`${JSON.stringify(options)} is taken`);
  }
});

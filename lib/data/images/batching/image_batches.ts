/** Batches of images that workers decode and transform. @module */
import {
  assertFinite,
  assertInteger,
  assertOneOf,
  assertOptions,
  assertPath,
  messageOf,
  mostThreads,
  optionsOf,
  shown,
} from "@lionjs/base";
import { seeded } from "../../batches/random.ts";
import {
  assertPrefetch,
  type BatchStream,
  ordersOf,
} from "../../batches/stream.ts";
import {
  BadRecordCount,
  type BadRecords,
  type SkipBad,
} from "../../records/bad_records.ts";
import { assertImages, type ImageDataset } from "../datasets/image_dataset.ts";
import {
  assertDecoder,
  type DecodeImageOptions,
} from "../decoding/decode_image.ts";
import { assertSteps } from "../transforms/apply_transform.ts";
import { sideOf, type Transform } from "../transforms/transform.ts";
import { callersLane } from "./callers_lane.ts";
import { dealingOf, dealt, imagesOfRank } from "./dealing.ts";
import { type Draw, gather } from "./gather.ts";
import type { JobSettings } from "./image_job.ts";
import { inTurn } from "./in_turn.ts";
import type { Lanes } from "./lanes.ts";
import { mixOf, type MixOptions } from "./mix.ts";
import { assertLabels } from "./mix_targets.ts";
import { IMAGENET, normaliser, type PerColour } from "./normalise.ts";
import { hasWorkers, usualWorkers } from "./start_worker.ts";
import { toBatch } from "./to_batch.ts";
import { WorkerLanes } from "./worker_lanes.ts";

/** Options of {@linkcode imageBatches}. */
export interface ImageBatchesOptions {
  /** Images per batch. */
  batchSize: number;
  /** The transform of each picture, as from `trainTransform` or `evalTransform`. */
  transform: Transform;
  /** Seed of the order and of the transform's random numbers. @default 0 */
  seed?: number | undefined;
  /**
   * Mean of red, green and blue, from 0 to 1. @default ImageNet's, 0.485, 0.456, 0.406
   */
  mean?: PerColour | undefined;
  /**
   * Standard deviation of red, green and blue. @default ImageNet's, 0.229, 0.224, 0.225
   */
  deviation?: PerColour | undefined;
  /**
   * Number of workers that read, decode and transform, which does not change
   * the batches. With 0, the calling thread does the work.
   * @default 1, and 0 in a browser or a bundle
   */
  workers?: number | undefined;
  /**
   * The URL of the workers' script: in a page, that of a bundle of
   * `lib/data/images/batching/image_worker.ts`.
   * @default image_worker.js, next to this module's script
   */
  workerPath?: string | URL | undefined;
  /** Number of batches made ahead. @default 1 */
  prefetch?: number | undefined;
  /**
   * How a bad image is handled: by an error that names it, or by skipping and
   * counting it. The next good image of the epoch takes its place. @default
   * "fail"
   */
  onBad?: "fail" | SkipBad | undefined;
  /**
   * `"shuffled"`: endless, each epoch in a different order. `"blocks"`: the
   * same for images that are read together, as in Parquet files, so that each
   * row group is read once per epoch. `"in-order"`: one pass in the dataset's
   * order, whose last batch may be smaller. @default "shuffled"
   */
  order?: "shuffled" | "blocks" | "in-order" | undefined;
  /**
   * Mixup and cutmix, as the last step; labels are then probabilities, float32
   * `[size, classes]`, for `softCrossEntropy`. `{}` mixes as the paper does.
   * @default pictures are not mixed
   */
  mix?: MixOptions | undefined;
  /**
   * Repeated augmentation: the number of consecutive copies of each image, each
   * transformed differently. An epoch still has ⌊N / 256⌋ · 256 images of N, or
   * all of fewer than 256, so 3 copies cover about a third of the dataset. The
   * paper uses 3 copies when several ranks train, otherwise 1. @default 1
   */
  repeats?: number | undefined;
  /**
   * The rank, from 0, in a program where each of `ranks` processes makes its
   * own batches: images and copies are dealt to them in turn. Leave both out
   * for `train` with a communicator, whose ranks all make the whole batches and
   * compute some rows each. A batch of R · B images then holds those of R
   * ranks' batches of B, mixed in different pairs. @default 0
   */
  rank?: number | undefined;
  /** Number of processes that make their own batches. @default 1 */
  ranks?: number | undefined;
  /** The package that decodes, as for `decodeImage`. @default "auto" */
  decoder?: DecodeImageOptions["decoder"];
  /** How EXIF's orientation is applied, as for `decodeImage`. @default "ignore" */
  orientation?: DecodeImageOptions["orientation"];
}

const OPTIONS = optionsOf<ImageBatchesOptions>()(
  "batchSize transform seed mean deviation workers workerPath prefetch onBad",
  "order mix repeats rank ranks decoder orientation",
);

/** Batches of images, and the bad images. */
export interface ImageBatchStream extends BatchStream {
  /** The images that have been skipped. */
  readonly bad: BadRecords;
}

/**
 * Makes batches of images for `train` and `evaluate`: pictures
 * `[size, side, side, 3]`, decoded, transformed and normalised, and labels,
 * int32 `[size]`; with `mix`, pictures are mixed at the end, and labels are
 * float32 `[size, classes]`.
 *
 * A picture's random numbers depend only on the seed, the epoch, its index and
 * its copy, and those of `mix` on the seed, the step and the rank. So any
 * number of workers makes the same batches, and `from` resumes at any step.
 * Workers start when an iteration begins and stop when it ends. Memory holds
 * the 8-bit pixels of `prefetch` + 1 batches, and two files per worker.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { evalTransform, imageBatches } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // A PNG of one pixel; imageFolder finds the images of a folder.
 * const text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1Pe" +
 *   "AAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
 * const red = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
 * const images = {
 *   classes: ["red"],
 *   labels: Uint16Array.of(0, 0),
 *   size: 2,
 *   get: (index: number) => ({
 *     name: `${index}.png`,
 *     label: 0,
 *     bytes: () => Promise.resolve(red),
 *   }),
 * };
 * const batches = imageBatches(images, {
 *   batchSize: 2,
 *   transform: evalTransform({ size: 4 }),
 *   mean: 0.5,
 *   deviation: 0.5,
 *   workers: 0,
 * });
 * for await (const { inputs: [pictures], labels } of batches.from(0)) {
 *   assertEquals(pictures!.shape, [2, 4, 4, 3]);
 *   assertEquals([...(await pictures!.data()).slice(0, 3)], [1, -1, -1]);
 *   assertEquals([...await labels.data()], [0, 0]);
 *   tf.dispose([pictures!, labels]);
 *   break;
 * }
 * assertEquals(batches.bad.count, 0);
 * ```
 *
 * @example How LION's classifiers of ImageNet were trained, on 4 ranks
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { imageBatches, trainTransform } from "@lionjs/lion/data";
 *
 * const name = "none";
 * const bytes = () => Promise.reject(new Error("this example reads no image"));
 * const images = {
 *   classes: ["cat", "dog"],
 *   labels: new Uint16Array(5000),
 *   size: 5000,
 *   get: () => ({ name, label: 0, bytes }),
 * };
 * const batches = imageBatches(images, {
 *   batchSize: 256,
 *   transform: trainTransform({
 *     size: 224,
 *     randAugment: "rand-m9-mstd0.5-inc1",
 *     erase: 0.25,
 *   }),
 *   mix: { mixup: 0.8, cutmix: 1, switch: 0.5, smoothing: 0.1 },
 *   repeats: 3,
 *   rank: 0,
 *   ranks: 4,
 * });
 * assertEquals(batches.stepsPerEpoch, 4); // of 4864 images, copies included
 * ```
 *
 * @param images The images, such as those of `imageFolder`.
 * @param options See {@linkcode ImageBatchesOptions}.
 * @returns The batches. An iteration fails with the name of an image that is
 * bad, that exceeds the limit of skipped ones, that crashes two workers, or
 * for which a worker has not answered for five minutes.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, the images do not
 * fill a batch, or one to mix has an invalid class.
 */
export function imageBatches(
  images: ImageDataset,
  options: ImageBatchesOptions,
): ImageBatchStream {
  assertOptions("imageBatches", options, OPTIONS);
  assertImages("imageBatches's images", images);
  const settings = settingsOf(options);
  const { batchSize, seed = 0, prefetch = 1, order = "shuffled" } = options;
  const { mean = IMAGENET.mean, deviation = IMAGENET.deviation } = options;
  const normalise = normaliser(mean, deviation);
  assertInteger("batchSize", batchSize, 1);
  assertFinite("seed", seed);
  assertPrefetch(prefetch);
  assertOneOf("order", order, ["shuffled", "blocks", "in-order"]);
  const isShuffled = order !== "in-order";
  if (!isShuffled) assertPlain(options);
  const dealing = dealingOf(options);
  const mix = options.mix === undefined
    ? undefined
    : mixOf(options.mix, { classes: images.classes.length, batchSize });
  if (mix) assertLabels("labels of images to mix", images.labels, mix.classes);
  const size = imagesOfRank(images.size, dealing);
  const steps = size / batchSize;
  const stepsPerEpoch = isShuffled ? Math.floor(steps) : Math.ceil(steps);
  if (stepsPerEpoch === 0) {
    throw new RangeError(
      `batchSize should be at most the number of images${
        dealing.ranks > 1 ? " of a rank" : ""
      }, ${size}, got ${batchSize}`,
    );
  }
  const { onBad = "fail" } = options;
  const bad = new BadRecordCount("imageBatches", onBad, "images");
  const open = lanesOf(options, settings);
  const orderOf = isShuffled ? ordersOf(images, { seed, order }) : undefined;
  const draw = (step: number): Draw => {
    const epoch = orderOf ? Math.floor(step / stepsPerEpoch) : 0;
    const first = (step - epoch * stepsPerEpoch) * batchSize;
    const order = orderOf?.(epoch);
    return {
      size: Math.min(batchSize, size - first),
      at(place, later) {
        const { place: own, copy } = dealt(first + place, dealing);
        const inEpoch = (own + later) % images.size;
        const index = order ? order[inEpoch]! : inEpoch;
        const parts = ["example", seed, epoch, index];
        if (dealing.repeats > 1) parts.push(copy);
        if (later > 0) parts.push(later);
        return { index, seed: parts.join(" ") };
      },
    };
  };
  return {
    stepsPerEpoch,
    bad,
    from(start) {
      assertInteger("start", start, 0);
      const end = isShuffled ? Infinity : stepsPerEpoch;
      return inTurn({ start, end, prefetch }, open, async (lanes, step) => {
        const made = await gather(images, draw(step), lanes, bad);
        return () => {
          bad.add(made.bad, images.size);
          const random = seeded("step", seed, step, dealing.rank);
          const mixing = mix && { mix, random };
          return toBatch(made.examples, settings, normalise, mixing);
        };
      });
    },
  };
}

/** Throws if a pass in order has options that are only for training. */
function assertPlain(options: ImageBatchesOptions): void {
  for (const name of ["mix", "repeats", "rank", "ranks"] as const) {
    if (options[name] === undefined) continue;
    throw new RangeError(
      `${name} should be left out with order "in-order", got ${
        shown(options[name])
      }`,
    );
  }
}

function settingsOf(options: ImageBatchesOptions): JobSettings {
  const { transform, decoder = "auto", orientation = "ignore" } = options;
  assertDecoder(decoder);
  assertOneOf("orientation", orientation, ["ignore", "apply"]);
  const side = sideOf(transform);
  assertSteps(transform);
  return {
    transform: copyOf(transform),
    side,
    decode: { decoder, orientation },
  };
}

/** A copy of a transform, as workers get it, before any is started. */
function copyOf(transform: Transform): Transform {
  try {
    return structuredClone(transform);
  } catch (cause) {
    throw new TypeError(
      `transform should be plain data, as workers get it: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** The function that opens the lanes of an iteration. */
function lanesOf(
  { workers, workerPath }: ImageBatchesOptions,
  settings: JobSettings,
): () => Lanes {
  const count = workers ?? usualWorkers();
  assertInteger("workers", count, 0, mostThreads());
  if (workerPath !== undefined && !(workerPath instanceof URL)) {
    assertPath("workerPath", workerPath);
  }
  if (count === 0) return () => callersLane(settings);
  if (!hasWorkers()) {
    throw new RangeError("workers should be 0 here: this host has none");
  }
  return () => new WorkerLanes(count, settings, workerPath);
}

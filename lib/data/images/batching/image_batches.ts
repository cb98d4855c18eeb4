import { assertOptions, type OptionNames } from "../../../contract/options.ts";
import { shown } from "../../../contract/shown.ts";
import { mostThreads } from "../../../contract/threads.ts";
import { assertFinite, assertPath } from "../../../contract/values.ts";
import { assertInteger } from "../../batches/assert_integer.ts";
import { type BatchStream, ordersOf } from "../../batches/stream.ts";
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
import { type Draw, gather } from "./gather.ts";
import type { JobSettings } from "./image_job.ts";
import { inTurn } from "./in_turn.ts";
import type { Lanes } from "./lanes.ts";
import { IMAGENET, normaliser, type PerColour } from "./normalise.ts";
import { hasWorkers, usualWorkers } from "./start_worker.ts";
import { toBatch } from "./to_batch.ts";
import { WorkerLanes } from "./worker_lanes.ts";

/** Options of {@linkcode imageBatches}. */
export interface ImageBatchesOptions {
  /** Images per batch. */
  batchSize: number;
  /** What is done to each picture, as by `trainTransform` or `evalTransform`. */
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
   * Workers that read, decode and transform; the batches are the same for any number.
   * With 0 the caller does it.
   * @default 1, and 0 in a browser or a bundle
   */
  workers?: number | undefined;
  /**
   * Where the workers' script lies: in a page, a bundle of
   * `lib/data/images/batching/image_worker.ts`.
   * @default beside this module's script, image_worker.js
   */
  workerPath?: string | URL | undefined;
  /** Number of batches made ahead. @default 1 */
  prefetch?: number | undefined;
  /**
   * What to do about a bad image: fail by its name, or pass it over and count it; the
   * next good image of the epoch is in its place. @default "fail"
   */
  onBad?: "fail" | SkipBad | undefined;
  /**
   * `"shuffled"`: endless, each epoch in another order. `"blocks"`: the same for images
   * that are read together, such as those of Parquet files, so that each row group is
   * read once an epoch. `"in-order"`: one pass in the dataset's order, of which the last
   * batch may be smaller. @default "shuffled"
   */
  order?: "shuffled" | "blocks" | "in-order" | undefined;
  /** Which package decodes, as for `decodeImage`. @default "auto" */
  decoder?: DecodeImageOptions["decoder"];
  /** What to do with EXIF's orientation, as for `decodeImage`. @default "ignore" */
  orientation?: DecodeImageOptions["orientation"];
}

const OPTIONS: OptionNames<ImageBatchesOptions> = {
  batchSize: true,
  transform: true,
  seed: true,
  mean: true,
  deviation: true,
  workers: true,
  workerPath: true,
  prefetch: true,
  onBad: true,
  order: true,
  decoder: true,
  orientation: true,
};

/** Batches of images, and which of them were bad. */
export interface ImageBatchStream extends BatchStream {
  /** The images that have been passed over in batches so far. */
  readonly bad: BadRecords;
}

/**
 * Makes batches of images for `train` and `evaluate`: pictures `[size, side, side, 3]`,
 * decoded, transformed and normalised, and labels, int32 `[size]`.
 *
 * A picture's random numbers depend on the seed, the epoch and its index alone, so
 * that any number of workers makes the same batches, and `from` resumes at any step.
 * Workers are started when an iteration begins, and stopped when it ends. In memory
 * are at once the pixels of `prefetch` + 1 batches, 8 bits each, and two files for
 * each worker.
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
 * @param images The images, such as those of `imageFolder`.
 * @param options See {@linkcode ImageBatchesOptions}.
 * @returns The batches. An iteration fails with the name of an image that is bad, that
 * ends a worker, or that is one too many of those passed over.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or the images do not fill a
 * batch.
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
  assertInteger("prefetch", prefetch, 0);
  if (!["shuffled", "blocks", "in-order"].includes(order)) {
    throw new RangeError(
      `order should be "shuffled", "blocks" or "in-order", got ${shown(order)}`,
    );
  }
  const isShuffled = order !== "in-order";
  const steps = images.size / batchSize;
  const stepsPerEpoch = isShuffled ? Math.floor(steps) : Math.ceil(steps);
  if (stepsPerEpoch === 0) {
    throw new RangeError(
      `batchSize should be at most the number of images, ${images.size}, got ${batchSize}`,
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
      seed: `example ${seed} ${epoch}`,
      size: Math.min(batchSize, images.size - first),
      indexAt: (place) => {
        const at = (first + place) % images.size;
        return order ? order[at]! : at;
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
          return toBatch(made.examples, settings, normalise);
        };
      });
    },
  };
}

function settingsOf(options: ImageBatchesOptions): JobSettings {
  const { transform, decoder = "auto", orientation = "ignore" } = options;
  assertDecoder(decoder);
  if (orientation !== "ignore" && orientation !== "apply") {
    throw new RangeError(
      `orientation should be "ignore" or "apply", got ${shown(orientation)}`,
    );
  }
  const side = sideOf(transform);
  assertSteps(transform);
  return {
    transform,
    side,
    decode: { decoder, orientation },
  };
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

/** Batches of pixels, of images that are arrays already. @module */
import {
  assertFinite,
  assertOptions,
  type Complete,
  optionsOf,
  shown,
} from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import { assertNumbers, integers } from "../batches/integers.ts";
import {
  assertLabelled,
  type LabelledImage,
} from "../batches/labelled_image.ts";
import type { Collate } from "../batches/stream.ts";

/** The scaling of pixels: `(pixel / 255 - mean) / deviation`. */
export interface PixelScale {
  /** Mean of the brightness, from 0 to 1. */
  mean?: number | undefined;
  /** Standard deviation of the brightness, above 0. */
  deviation?: number | undefined;
}

/**
 * Options of {@linkcode collatePixels}; the defaults give values from -1 to 1.
 */
export interface CollatePixelsOptions extends PixelScale {
  /** Mean of the brightness, from 0 to 1. @default 0.5 */
  mean?: number | undefined;
  /** Standard deviation of the brightness, above 0. @default 0.5 */
  deviation?: number | undefined;
}

const OPTIONS = optionsOf<CollatePixelsOptions>()("mean deviation");

/**
 * Makes batches of images as sequences of pixels, row by row, for `lionEncoder`
 * with `inputDim: 1`: inputs `values`, `[size, pixels, 1]`, and `mask`, ones
 * `[size, pixels]`; labels, int32 `[size]`. An image of MNIST has 784 pixels.
 *
 * Source: Le, Jaitly and Hinton 2015 (arXiv:1504.00941), sequential MNIST; Tay et
 * al. 2021 (arXiv:2011.04006).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { batchesInOrder, collatePixels, datasetOf } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const images = datasetOf([{ pixels: Uint8Array.of(0, 255, 255, 0), label: 1 }]);
 * const batches = batchesInOrder(images, { batchSize: 1, collate: collatePixels() });
 * for await (const { inputs: [values, mask], labels } of batches) {
 *   assertEquals(await values!.array(), [[[-1], [1], [1], [-1]]]);
 *   assertEquals(mask!.shape, [1, 4]);
 *   tf.dispose([values!, mask!, labels]);
 * }
 * ```
 *
 * @param options See {@linkcode CollatePixelsOptions}.
 * @returns The function, for `shuffledBatches` and `batchesInOrder`. The images
 * of a batch must have the same size.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value; when a batch is made,
 * if its images differ in size, or one has no label.
 */
export function collatePixels(
  options: CollatePixelsOptions = {},
): Collate<LabelledImage> {
  assertOptions("collatePixels", options, OPTIONS);
  const { mean = 0.5, deviation = 0.5 } = options;
  assertPixelScale({ mean, deviation });
  return (images) => {
    assertLabelled(images);
    const labels = integers("labels", images.map(({ label }) => label));
    images.forEach(({ pixels }) => assertPixels(pixels));
    const size = images.length, length = images[0]!.pixels.length;
    const values = new Float32Array(size * length);
    images.forEach(({ pixels }, i) => {
      if (pixels.length !== length) {
        throw new RangeError(
          `the images of a batch should be of one size, got ${length} pixels at 0 and ${pixels.length} at ${i}`,
        );
      }
      values.set(pixels, i * length);
    });
    scalePixels(values, { mean, deviation });
    return {
      inputs: [
        tf.tensor3d(values, [size, length, 1]),
        tf.ones([size, length]),
      ],
      labels: tf.tensor1d(labels, "int32"),
      size,
    };
  };
}

/** Throws unless a value can be the pixels of an image. */
export function assertPixels(pixels: Uint8Array): void {
  const given: unknown = pixels;
  if (given instanceof Uint8Array) return;
  // Other arrays may hold any numbers.
  assertNumbers("pixels", pixels);
  const all = Array.from(pixels);
  const wrong = all.findIndex((pixel) => !Number.isFinite(pixel));
  if (wrong < 0) return;
  throw new TypeError(`pixels should be numbers, got ${shown(all[wrong])}`);
}

/** Throws unless the scale is valid. */
export function assertPixelScale(
  { mean, deviation }: Complete<PixelScale>,
): void {
  assertFinite("mean", mean);
  assertFinite("deviation", deviation);
  if (!(deviation > 0)) {
    throw new RangeError(`deviation should be above 0, got ${deviation}`);
  }
}

/** Scales pixels from 0 to 255, in place. */
export function scalePixels(
  pixels: Float32Array,
  { mean, deviation }: Complete<PixelScale>,
): void {
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = (pixels[i]! / 255 - mean) / deviation;
  }
}

import { assertBoolean, assertOptions, optionsOf } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import {
  assertLabelled,
  type Collate,
  integers,
  type LabelledImage,
  type Random,
} from "@lionjs/data/batches";
import { MNIST_SIDE } from "./mnist.ts";
import {
  assertPixels,
  assertPixelScale,
  type PixelScale,
  scalePixels,
} from "@lionjs/data/images";

/** Options of {@linkcode collateDigits}. */
export interface CollateDigitsOptions extends PixelScale {
  /** Whether to shift, rotate and scale each image a little. @default false */
  augment?: boolean | undefined;
  /** Mean of the brightness, from 0 to 1. @default MNIST's, 0.1307 */
  mean?: number | undefined;
  /** Standard deviation of the brightness, above 0. @default MNIST's, 0.3081 */
  deviation?: number | undefined;
}

const OPTIONS = optionsOf<CollateDigitsOptions>()("augment mean deviation");

const PIXELS = MNIST_SIDE ** 2;

/** Mean and deviation of MNIST's training images. */
const MNIST_SCALE = { mean: 0.1307, deviation: 0.3081 };

/**
 * Largest augmentation in either direction: a shift in pixels, a rotation in
 * radians, and a scaling relative to the size.
 */
const SHIFT = 2;
const TURN = 10 * Math.PI / 180;
const SCALE = 0.1;

/**
 * Makes batches of digits, or of Fashion-MNIST's clothes, for `lionViT`: images
 * `[size, 28, 28, 1]`, which for MNIST have mean 0 and deviation 1, and labels
 * `[size]`.
 *
 * With `augment`, each image is shifted by up to 2 pixels, rotated by up to 10
 * degrees and scaled by up to 10 %, in one interpolation.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { batchesInOrder } from "@lionjs/lion/data";
 * import { collateDigits, Digits } from "@lionjs/lion/datasets";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const digits = new Digits(new Uint8Array(2 * 784), Uint8Array.of(3, 5));
 * const batches = batchesInOrder(digits, {
 *   batchSize: 2,
 *   collate: collateDigits({ augment: true }),
 * });
 * for await (const { inputs: [images], labels } of batches) {
 *   assertEquals(images!.shape, [2, 28, 28, 1]);
 *   assertEquals([...await labels.data()], [3, 5]);
 *   tf.dispose([images!, labels]);
 * }
 * ```
 *
 * @param options See {@linkcode CollateDigitsOptions}.
 * @returns The function, for `shuffledBatches` and `batchesInOrder`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value; when a batch is made,
 * if an image does not have 28 × 28 pixels, or a label.
 */
export function collateDigits(
  options: CollateDigitsOptions = {},
): Collate<LabelledImage> {
  assertOptions("collateDigits", options, OPTIONS);
  const { augment = false } = options;
  const { mean = MNIST_SCALE.mean, deviation = MNIST_SCALE.deviation } =
    options;
  const scale = { mean, deviation };
  assertPixelScale(scale);
  assertBoolean("augment", augment);
  return (digits, random) => {
    assertLabelled(digits);
    const size = digits.length;
    const images = new Float32Array(size * PIXELS);
    const labels = integers("labels", digits.map(({ label }) => label));
    digits.forEach(({ pixels }, i) => {
      assertDigit(pixels, i);
      images.set(augment ? moved(pixels, random) : pixels, i * PIXELS);
    });
    scalePixels(images, scale);
    return {
      inputs: [tf.tensor4d(images, [size, MNIST_SIDE, MNIST_SIDE, 1])],
      labels: tf.tensor1d(labels, "int32"),
      size,
    };
  };
}

/** Throws unless an image has as many pixels as a digit of MNIST. */
function assertDigit(pixels: Uint8Array | undefined, place: number): void {
  if (pixels !== undefined) assertPixels(pixels);
  const count = pixels?.length;
  if (count === PIXELS) return;
  throw new RangeError(
    `pixels should be ${PIXELS}, of an image of ${MNIST_SIDE} × ${MNIST_SIDE}, got ${count} at ${place}; resize it first`,
  );
}

/** Returns an image shifted, and rotated and scaled about its centre. */
function moved(pixels: Uint8Array, random: Random): Float32Array {
  const upTo = (most: number) => most * (2 * random() - 1);
  const turn = upTo(TURN);
  const scale = 1 + upTo(SCALE);
  const cosine = Math.cos(turn) / scale;
  const sine = Math.sin(turn) / scale;
  const middle = (MNIST_SIDE - 1) / 2;
  const [right, down] = [middle + upTo(SHIFT), middle + upTo(SHIFT)];
  const at = (x: number, y: number) =>
    x >= 0 && x < MNIST_SIDE && y >= 0 && y < MNIST_SIDE
      ? pixels[y * MNIST_SIDE + x]!
      : 0;
  const result = new Float32Array(PIXELS);
  for (let i = 0; i < PIXELS; i++) {
    const x = i % MNIST_SIDE - right;
    const y = Math.floor(i / MNIST_SIDE) - down;
    // The pixel's source position, between four pixels of the image.
    const fromX = cosine * x + sine * y + middle;
    const fromY = cosine * y - sine * x + middle;
    const left = Math.floor(fromX), top = Math.floor(fromY);
    const partX = fromX - left, partY = fromY - top;
    const above = at(left, top) * (1 - partX) + at(left + 1, top) * partX;
    const below = at(left, top + 1) * (1 - partX) +
      at(left + 1, top + 1) * partX;
    result[i] = above * (1 - partY) + below * partY;
  }
  return result;
}

/** A model's input for pictures whose classes are not known. @module */
import { assertOneOf, assertOptions, optionsOf, shown } from "@lionjs/base";
import type * as tf from "@tensorflow/tfjs-core";
import {
  assertDecoder,
  type DecodeImageOptions,
} from "../decoding/decode_image.ts";
import { assertSteps } from "../transforms/apply_transform.ts";
import { sideOf, type Transform } from "../transforms/transform.ts";
import { doJob, isBad } from "./image_job.ts";
import { IMAGENET, normaliser, type PerColour } from "./normalise.ts";
import { toBatch } from "./to_batch.ts";

/** Options of {@linkcode imageInput}. */
export interface ImageInputOptions {
  /** The transform of each picture, as from `evalTransform`. */
  transform: Transform;
  /**
   * Mean of red, green and blue, from 0 to 1.
   * @default ImageNet's, as for `imageBatches`
   */
  mean?: PerColour | undefined;
  /**
   * Standard deviation of red, green and blue.
   * @default ImageNet's, as for `imageBatches`
   */
  deviation?: PerColour | undefined;
  /** The package that decodes, as for `decodeImage`. @default "auto" */
  decoder?: DecodeImageOptions["decoder"];
  /** How EXIF's orientation is applied, as for `decodeImage`. @default "ignore" */
  orientation?: DecodeImageOptions["orientation"];
}

const OPTIONS = optionsOf<ImageInputOptions>()(
  "transform mean deviation decoder orientation",
);

/** The content of an image's file, or the file itself as a page has it. */
export type ImageBytes = Uint8Array | Blob;

/**
 * Makes a model's input of one picture or several, as `imageBatches` makes it
 * of the pictures that a model learns from. Pictures are decoded by the caller,
 * one after another.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { evalTransform, imageInput } from "@lionjs/lion/data";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // A PNG of one pixel; Deno.readFile and a page's file input give such bytes.
 * const text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1Pe" +
 *   "AAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
 * const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
 * const transform = evalTransform({ size: 4 });
 * const input = await imageInput(bytes, { transform, mean: 0.5, deviation: 0.5 });
 * assertEquals(input.shape, [1, 4, 4, 3]); // for model.predict(input)
 * assertEquals([...(await input.data()).slice(0, 3)], [1, -1, -1]);
 * input.dispose();
 * ```
 *
 * @param images The content of an image's file, or of several: a JPEG, PNG,
 * WebP, PPM or PGM. A page's `File` will do.
 * @param options See {@linkcode ImageInputOptions}.
 * @returns Pictures, float32 `[number, side, side, 3]`; the caller disposes of
 * them.
 * @throws {TypeError} If an image has no bytes, or an option is unknown or of the
 * wrong type.
 * @throws {RangeError} If there is no image, or an option has an invalid value.
 * @throws {SyntaxError} If an image is bad; the message says which and why.
 */
export async function imageInput(
  images: ImageBytes | readonly ImageBytes[],
  options: ImageInputOptions,
): Promise<tf.Tensor4D> {
  assertOptions("imageInput", options, OPTIONS);
  const { transform, decoder = "auto", orientation = "ignore" } = options;
  const { mean = IMAGENET.mean, deviation = IMAGENET.deviation } = options;
  assertDecoder(decoder);
  assertOneOf("orientation", orientation, ["ignore", "apply"]);
  const side = sideOf(transform);
  assertSteps(transform);
  const normalise = normaliser(mean, deviation);
  const settings = { transform, side, decode: { decoder, orientation } };
  const several = Array.isArray(images);
  const all: readonly unknown[] = several ? images : [images];
  if (all.length === 0) {
    throw new RangeError("images should be one or more, got none");
  }
  const examples = [];
  for (const [i, image] of all.entries()) {
    const name = several ? `images[${i}]` : "images";
    const bytes = await bytesOf(name, image);
    try {
      const pixels = await doJob(bytes, "", settings);
      examples.push({ pixels, label: 0, seed: "" });
    } catch (error) {
      if (!isBad(error)) throw error;
      throw new SyntaxError(`${name}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  const { inputs: [input], labels } = toBatch(examples, settings, normalise);
  labels.dispose();
  return input as tf.Tensor4D;
}

async function bytesOf(name: string, image: unknown): Promise<Uint8Array> {
  if (image instanceof Uint8Array) return image;
  if (image instanceof Blob) return new Uint8Array(await image.arrayBuffer());
  throw new TypeError(
    `${name} should be the content of an image's file, a Uint8Array such as Deno.readFile gives or a page's File, got ${
      shown(image)
    }`,
  );
}

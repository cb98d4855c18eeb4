/** The interface of decoding images, in workers or in the caller. @module */
import { messageOf, shown } from "@lionjs/base";
import type { EncodedImage } from "../datasets/image_dataset.ts";

/** An image that cannot be read, decoded or brought to its size. */
export class BadImageError extends Error {
  override name = "BadImageError";
}

/** A decoder of images, which takes few at a time, so that few files are in memory. */
export interface Lanes {
  /**
   * Decodes an image.
   *
   * @param seed The text on which all of its random numbers depend.
   * @returns `[side, side, 3]`, 8 bits.
   * @throws {BadImageError} If the image is at fault.
   * @throws {Error} If a package or a worker is; the message names the image.
   */
  run(image: EncodedImage, seed: string): Promise<Uint8Array>;
  /** Ends decoding after the images that are being decoded; waiting images fail. */
  stop(): Promise<void>;
}

export async function readImage(image: EncodedImage): Promise<Uint8Array> {
  let bytes: unknown;
  try {
    bytes = await image.bytes();
  } catch (cause) {
    const reason = messageOf(cause);
    throw new BadImageError(`it cannot be read: ${reason}`, { cause });
  }
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError(
    `${image.name}: bytes() should return a Uint8Array, the content of an image file, got ${
      shown(bytes)
    }`,
  );
}

/** The reason with which images fail that are not decoded when a stream ends. */
export const STOPPED = "the batches are no longer asked for";

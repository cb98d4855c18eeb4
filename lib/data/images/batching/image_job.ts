/** Decoding and transforming one image, in a worker or in the caller. @module */
import { seeded } from "../../batches/random.ts";
import {
  decodeImage,
  type DecodeImageOptions,
} from "../decoding/decode_image.ts";
import { UnfitPictureError } from "../pictures/picture.ts";
import { applyTransform } from "../transforms/apply_transform.ts";
import type { Transform } from "../transforms/transform.ts";

/** The settings that all images of a stream share, as plain data. */
export interface JobSettings {
  readonly transform: Transform;
  /** Side of the squares that the transform makes. */
  readonly side: number;
  readonly decode: DecodeImageOptions;
}

/**
 * Decodes an image and does the steps of the transform.
 *
 * @param seed The text on which all of the image's random numbers depend.
 * @returns `[side, side, 3]`, 8 bits, in a buffer of its own.
 * @throws {SyntaxError | UnfitPictureError} If the image is bad; see {@linkcode isBad}.
 */
export async function doJob(
  bytes: Uint8Array,
  seed: string,
  { transform, side, decode }: JobSettings,
): Promise<Uint8Array<ArrayBuffer>> {
  const picture = await decodeImage(bytes, decode);
  const { width, height, pixels } = applyTransform(
    picture,
    transform,
    seeded(seed),
  );
  if (width !== side || height !== side) {
    throw new UnfitPictureError(
      `the transform should make squares of ${side} pixels, got ${width} × ${height}`,
    );
  }
  return pixels as Uint8Array<ArrayBuffer>;
}

/** Whether an error is the image's fault, and not that of a package or a worker. */
export function isBad(error: unknown): boolean {
  return error instanceof SyntaxError || error instanceof UnfitPictureError;
}

/** The images of a step, decoded. @module */
import { shown } from "@lionjs/base";
import type { BadRecord, BadRecordCount } from "../../records/bad_records.ts";
import type { EncodedImage, ImageDataset } from "../datasets/image_dataset.ts";
import { BadImageError, type Lanes } from "./lanes.ts";

/** The images to draw for a step. */
export interface Draw {
  readonly size: number;
  /**
   * The index of the image at a place, or of the one `later` images after it in
   * the epoch, and the seed of its random numbers.
   */
  at(
    place: number,
    later: number,
  ): { readonly index: number; readonly seed: string };
}

/** A decoded image of a step. */
export interface Example {
  readonly pixels: Uint8Array;
  readonly label: number;
  readonly seed: string;
}

/** The decoded images of a step, and the bad ones that were passed over. */
export interface Gathered {
  readonly examples: readonly Example[];
  readonly bad: readonly BadRecord[];
}

/**
 * Decodes the images of a step, and replaces bad ones by the next ones.
 *
 * @throws {Error} If too many in a row are bad, or a package or a worker fails.
 */
export async function gather(
  images: ImageDataset,
  { size, at }: Draw,
  lanes: Lanes,
  count: BadRecordCount,
): Promise<Gathered> {
  const bad: BadRecord[][] = [];
  // At most this many bad images in a row are passed over; one image at least
  // must be good.
  const most = Math.min(count.mostOf(images.size), images.size - 1);
  const decode = async (place: number): Promise<Example> => {
    const passed: BadRecord[] = bad[place] = [];
    for (;;) {
      const { index, seed } = at(place, passed.length);
      const image = await images.get(index);
      if (typeof Object(image).bytes !== "function") {
        throw new TypeError(
          `get(${index}) of images should return { name, label, bytes }, got ${
            shown(image)
          }`,
        );
      }
      try {
        const pixels = await lanes.run(image, seed);
        return { pixels, label: labelOf(image), seed };
      } catch (cause) {
        if (!(cause instanceof BadImageError)) throw cause;
        const { name } = image;
        const reason = `${name}: ${cause.message}`;
        if (count.fails) {
          throw new SyntaxError(
            `${reason}; remove it, or skip bad images with onBad: { skip: true }`,
            { cause },
          );
        }
        passed.push({ index, name, reason });
        if (passed.length > most) throw count.tooMany(passed, images.size);
      }
    }
  };
  const places = Array.from({ length: size }, (_, place) => decode(place));
  return { examples: await Promise.all(places), bad: bad.flat() };
}

/** The label of an image; a tensor of integers would take another value for 0. */
function labelOf({ name, label }: EncodedImage): number {
  if (Number.isInteger(label) && label >= 0) return label;
  throw new TypeError(
    `${name}: label should be a class, an integer of 0 or more, got ${
      shown(label)
    }`,
  );
}

import type { Dataset } from "../../../data/batches/dataset.ts";
import type { LabelledImage } from "../../../data/batches/labelled_image.ts";
import type { ImageDataset } from "../../../data/images/datasets/image_dataset.ts";
import { decodeImage } from "../../../data/images/decoding/decode_image.ts";
import { greyPixels } from "../../../data/images/pictures/grey.ts";

/** Images as the brightness of their pixels, each decoded when it is needed. */
export function greyImages(
  images: ImageDataset,
  side: number,
): Dataset<LabelledImage> {
  return {
    size: images.size,
    async get(index) {
      const { name, label, bytes } = await images.get(index);
      const picture = await decodeImage(await bytes()).catch((cause) => {
        if (!(cause instanceof SyntaxError)) throw cause;
        throw new SyntaxError(`${name}: ${cause.message}`, { cause });
      });
      const { width, height } = picture;
      if (width === side && height === side) {
        return { pixels: greyPixels(picture), label };
      }
      throw new RangeError(
        `${name} should have ${side} × ${side} pixels, got ${width} × ${height}`,
      );
    },
  };
}

import type { Dataset, LabelledImage } from "@lionjs/data/batches";
import {
  decodeImage,
  greyPixels,
  type ImageDataset,
} from "@lionjs/data/images";

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

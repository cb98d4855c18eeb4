import { shown } from "@lionjs/base";
import { assertExamples } from "./dataset.ts";

/** A grey image and its label. */
export interface LabelledImage {
  /** Brightness of the pixels, 0–255, `[height, width]`, row by row. */
  readonly pixels: Uint8Array;
  /** The class of the image. */
  readonly label: number;
}

/** Throws unless the images of a batch are an array of one or more objects. */
export function assertLabelled(images: readonly LabelledImage[]): void {
  assertExamples(images);
  const wrong = images.findIndex((image: unknown) =>
    typeof image !== "object" || image === null
  );
  if (wrong < 0) return;
  throw new TypeError(
    `a batch's examples should be { pixels, label }, got ${
      shown(images[wrong])
    } at ${wrong}`,
  );
}

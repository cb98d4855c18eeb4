/** A grey image and its label. */
export interface LabelledImage {
  /** Brightness of the pixels, 0–255, `[height, width]`, row by row. */
  readonly pixels: Uint8Array;
  /** The class of the image. */
  readonly label: number;
}

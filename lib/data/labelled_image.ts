/** An image of one channel, and what it shows. */
export interface LabelledImage {
  /** Brightness 0–255, `[height, width]`, row by row. */
  readonly pixels: Uint8Array;
  /** The class of what it shows. */
  readonly label: number;
}

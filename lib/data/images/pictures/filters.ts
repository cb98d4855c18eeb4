/**
 * The filters that resample pictures.
 *
 * Source: Pillow's `src/libImaging/Resample.c` (HPND).
 *
 * @module
 */

/** The filters, by torchvision's names; all widen when a picture shrinks. */
export type Interpolation = "bicubic" | "bilinear" | "box";

/** A filter: its weight at a distance, and the distance from which on it is 0. */
export interface Filter {
  readonly support: number;
  weight(distance: number): number;
}

/** Cubic convolution with a = -0.5. */
const A = -0.5;

export const FILTERS: Readonly<Record<Interpolation, Filter>> = {
  bicubic: {
    support: 2,
    weight(distance) {
      const x = Math.abs(distance);
      if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    },
  },
  bilinear: {
    support: 1,
    weight: (distance) => Math.max(0, 1 - Math.abs(distance)),
  },
  box: {
    support: 0.5,
    weight: (distance) => distance > -0.5 && distance <= 0.5 ? 1 : 0,
  },
};

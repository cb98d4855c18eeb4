import {
  assertList,
  assertNumber,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import { curves } from "./curves.ts";
import type { Figure } from "./figure.ts";

/** A bin of predictions, as `calibration` of `./training` makes it. */
export interface Calibrated {
  /** Number of predictions in the bin. */
  readonly count: number;
  /** The mean confidence of these. */
  readonly confidence: number;
  /** The share of these that are right. */
  readonly accuracy: number;
}

/** Options of {@linkcode calibrationFigure}. */
export interface CalibrationFigureOptions {
  /** The title. @default none */
  title?: string | undefined;
  /** The caption: one or two sentences on what to see. @default none */
  caption?: string | undefined;
  /** Width in CSS pixels. @default 460 */
  width?: number | undefined;
  /** Height in CSS pixels. @default 420 */
  height?: number | undefined;
}

const OPTIONS = optionsOf<CalibrationFigureOptions>()(
  "title caption width height",
);

/**
 * Draws how often predictions are right against how confident they are. Points
 * below the dotted line are predictions that are too confident.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { calibrationFigure } from "@lionjs/lion/notebook";
 *
 * const figure = calibrationFigure([
 *   { count: 2, confidence: 0.4, accuracy: 0.5 },
 *   { count: 0, confidence: 0, accuracy: 0 },
 *   { count: 8, confidence: 0.9, accuracy: 0.75 },
 * ]);
 * assertEquals(figure.data[0]!["y"], [0.5, 0.75]);
 * ```
 *
 * @param bins The bins; those without predictions are left out.
 * @param options See {@linkcode CalibrationFigureOptions}.
 * @returns The figure.
 * @throws {TypeError} If the bins are not an array of such objects, or an option is
 * unknown or of the wrong type.
 */
export function calibrationFigure(
  bins: readonly Calibrated[],
  options: CalibrationFigureOptions = {},
): Figure {
  assertOptions("calibrationFigure", options, OPTIONS);
  assertList("calibrationFigure's bins", bins);
  for (const bin of bins) {
    const { count, confidence, accuracy } = Object(bin) as Calibrated;
    assertNumber("each bin's count", count);
    assertNumber("each bin's confidence", confidence);
    assertNumber("each bin's accuracy", accuracy);
  }
  const filled = bins.filter(({ count }) => count > 0);
  const { width = 460, height = 420, ...others } = options;
  return curves(
    {
      model: {
        x: filled.map(({ confidence }) => confidence),
        y: filled.map(({ accuracy }) => accuracy),
      },
      calibrated: { x: [0, 1], y: [0, 1], dash: "dot" },
    },
    {
      ...others,
      ...{ width, height, x: "confidence", y: "share that is right" },
      ...{ markers: true, fromZero: true },
    },
  );
}

/** Figures whose places are each a pair: the library's time, and PyTorch's. @module */
import { FIGURES } from "./figures.ts";
import { OURS, THEIRS } from "./names.ts";
import {
  type MeasuredFigure,
  type Point,
  steadyMilliseconds,
} from "../measure/report_file.ts";

/** Whether a figure is one of them. */
export function isOfPairs({ figure }: MeasuredFigure): boolean {
  return FIGURES[figure].torch === "pairs";
}

/** The library's time at a place divided by PyTorch's. */
export interface PairRatio extends Pick<Point, "panel" | "at"> {
  readonly ratio: number;
}

/** The ratios of a figure, without those of which a time is missing or not steady. */
export function pairRatios({ points }: MeasuredFigure): PairRatio[] {
  return points.filter(({ series }) => series === OURS)
    .flatMap(({ panel, at, time }) => {
      const rival = points.find((point) =>
        point.panel === panel && point.at === at && point.series === THEIRS
      );
      const own = steadyMilliseconds(time);
      const other = steadyMilliseconds(rival?.time ?? null);
      return own && other ? [{ panel, at, ratio: own / other }] : [];
    });
}

/** The geometric mean of ratios; NaN of none. */
export function geometricMean(ratios: readonly number[]): number {
  const sum = ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0);
  return Math.exp(sum / ratios.length);
}

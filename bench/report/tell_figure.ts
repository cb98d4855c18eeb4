/** A figure in the terminal. @module */
import { tellTime } from "./page.ts";
import {
  type MeasuredFigure,
  type Point,
  steadyMilliseconds,
} from "../measure/report_file.ts";

/** Rows for each place, with ratios to the first contender that is there. */
export function tellFigure(
  { figure, backend, points, gaps, costs = [], asked = [] }: MeasuredFigure,
): string {
  const places = Map.groupBy(points, ({ panel, at }) => `${panel}, ${at}`);
  return [
    ...[...places].map(([place, own]) =>
      [`\n${figure}, ${backend}, ${place}: ms`, ...rowsOf(own)].join("\n")
    ),
    ...asked.map(({ model, series, first, ...calls }) =>
      `  ${model}, ${series}: ${
        [
          ...Object.entries(calls).map(([what, count]) => `${what} ${count}`),
          ...first
            ? [
              `first step ${first.milliseconds.toFixed(0)} ms`,
              `pipelines ${first.pipelines}`,
            ]
            : [],
        ].join(", ")
      }`
    ),
    ...costs.map(({ kernel, milliseconds }) =>
      `  ${kernel} ${milliseconds.toPrecision(3)} ms`
    ),
    ...gaps.map(({ panel, series, at, why }) =>
      `  ${panel}, ${at}, ${series} is left out: ${why}`
    ),
  ].join("\n");
}

function rowsOf(points: readonly Point[]): string[] {
  const [first] = points.map(({ time }) => steadyMilliseconds(time));
  const width = Math.max(...points.map(({ series }) => series.length));
  return points.map(({ series, time, memoryBytes }) => {
    const own = steadyMilliseconds(time);
    return "  " + [
      series.padEnd(width),
      ...time ? [tellTime(time)] : [],
      ...own && first ? [`ratio ${(own / first).toFixed(2)}`] : [],
      ...memoryBytes === null
        ? []
        : [`${(memoryBytes / 2 ** 20).toFixed(2)} MiB`],
    ].join("  ");
  });
}

/** A report as tables in Markdown. @module */
import { markdownTable } from "../../tools/markdown_text.ts";
import { askedRows, paperRatioOf, ratioOf, tellTime } from "./page.ts";
import { geometricMean, isOfPairs, pairRatios } from "./pairs.ts";
import type { MeasuredFigure, Point } from "../measure/report_file.ts";
import { OURS, THEIRS } from "./names.ts";
import { FIGURES } from "./figures.ts";

/** All tables of a figure, with the ranges of times. */
export function detailedTables(measured: MeasuredFigure): string[] {
  const { kernels } = measured;
  if (isOfPairs(measured)) return pairTables(measured);
  if (measured.asked) return askedTables(measured);
  if (kernels) {
    return [markdownTable(
      ["kernel", "calls", "ms"],
      kernels.map(({ kernel, calls, milliseconds }) => [
        kernel,
        `${calls}`,
        milliseconds === null ? "" : digits(milliseconds),
      ]),
    )];
  }
  return FIGURES[measured.figure].paper
    ? paperTables(measured)
    : panelTables(measured);
}

/** What steps ask of WebGPU. */
function askedTables(measured: MeasuredFigure): string[] {
  const rows = askedRows(measured);
  return rows.length === 0 ? [] : [markdownTable(
    Object.keys(rows[0]!),
    rows.map((row) => Object.values(row).map(String)),
  )];
}

/** A point's time with its range, and its memory where it is known. */
function detailsOf(point: Point | undefined): string {
  return [
    ...point?.time ? [tellTime(point.time)] : [],
    ...memoryOf(point),
  ].join(", ");
}

/** A table of all pairs, and one for each panel that has others. */
function pairTables(figure: MeasuredFigure): string[] {
  const [pairs, others] = [true, false].map((isOfPair) =>
    figure.points.filter(({ series }) =>
      [OURS, THEIRS].includes(series) === isOfPair
    )
  ) as [Point[], Point[]];
  return [
    ...pairs.length > 0 ? [pairTable({ ...figure, points: pairs })] : [],
    ...panelTables({ ...figure, points: others }),
  ];
}

/** One table of all pairs, with their ratios and the mean of these. */
function pairTable(figure: MeasuredFigure): string {
  const { points } = figure;
  const ratios = pairRatios(figure);
  const along = FIGURES[figure.figure].column!;
  const places = [...new Set(points.map(({ at }) => at))];
  const rows = [...Map.groupBy(points, ({ panel, at }) => `${panel}, ${at}`)]
    .map(([, own]) => {
      const { panel, at } = own[0]!;
      const cells = [OURS, THEIRS].map((side) =>
        detailsOf(own.find(({ series }) => series === side))
      );
      const ratio = ratios.find((one) => one.panel === panel && one.at === at);
      const title = places.length > 1 ? `${panel}, ${at} ${along}` : panel;
      return [title, ...cells, ratio?.ratio.toFixed(2) ?? ""];
    });
  const mean = geometricMean(ratios.map(({ ratio }) => ratio));
  const last = ratios.length > 0
    ? [["geometric mean", "", "", mean.toFixed(2)]]
    : [];
  return markdownTable(["", OURS, THEIRS, "ratio"], [...rows, ...last]);
}

/** A table for each panel, with a row for each contender. */
function panelTables({ figure, points }: MeasuredFigure): string[] {
  const { column = "" } = FIGURES[figure];
  return [...Map.groupBy(points, ({ panel }) => panel)].map(
    ([panel, points]) => {
      const columns = [...new Set(points.map(({ at }) => at))]
        .sort((a, b) => a - b);
      const rows = [...Map.groupBy(points, ({ series }) => series)].map(
        ([series, own]) => [
          series,
          ...columns.map((column) =>
            detailsOf(own.find(({ at }) => at === column))
          ),
        ],
      );
      const head = [panel, ...columns.map((at) => `${at} ${column}`)];
      return markdownTable(head, rows);
    },
  );
}

/** A table for each panel, with the paper's ratios. */
function paperTables({ figure, points }: MeasuredFigure): string[] {
  return [...Map.groupBy(points, ({ panel }) => panel)].map(
    ([panel, points]) => {
      const softmax = points.find(({ series }) => series === "softmax")!;
      return markdownTable(
        [panel, "time", "relative to softmax", "in the paper"],
        points.map((point) => [
          point.series,
          detailsOf(point),
          ratioOf(point, softmax),
          String(paperRatioOf(figure, panel, point.series) ?? ""),
        ]),
      );
    },
  );
}

function memoryOf(point: Point | undefined): string[] {
  const bytes = point?.memoryBytes ?? null;
  return bytes === null ? [] : [`${digits(bytes / 2 ** 20)} MiB`];
}

/** Three digits, and none after the point from a thousand on. */
function digits(value: number): string {
  return value < 1000 ? value.toPrecision(3) : value.toFixed(0);
}

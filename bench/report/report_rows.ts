/** A report as it lies in a file: each point of a figure is a row of a table. @module */
import type { MeasuredFigure, Point, Report } from "./report_file.ts";

/** What the rows contain. */
const COLUMNS = [
  "panel",
  "series",
  "at",
  "median",
  "p20",
  "p80",
  "samples",
  "gpuMilliseconds",
  "memoryBytes",
  "operations",
  "bytes",
] as const;

/** A value for each column; a time of four is `null` where there was none. */
type Row = readonly (string | number | null)[];

interface ReportRows extends Omit<Report, "figures"> {
  readonly columns: readonly string[];
  readonly figures: readonly (Omit<MeasuredFigure, "points"> & {
    readonly points: readonly (Row | Point)[];
  })[];
}

/** A report for a file, which {@linkcode ofRows} reads. */
export function asRows({ figures, ...report }: Report): ReportRows {
  return {
    ...report,
    columns: COLUMNS,
    figures: figures.map(({ points, ...figure }) => ({
      ...figure,
      points: points.map(rowOf),
    })),
  };
}

/** The report of a file; earlier ones have their points as they are. */
export function ofRows({ columns, figures, ...report }: ReportRows): Report {
  return {
    ...report,
    figures: figures.map(({ points, ...figure }) => ({
      ...figure,
      points: points.map((one) => "panel" in one ? one : pointOf(one, columns)),
    })),
  };
}

function rowOf({ time, ...point }: Point): Row {
  const values = { ...point, ...time };
  return COLUMNS.map((name) => values[name as keyof typeof values] ?? null);
}

function pointOf(row: Row, columns: readonly string[]): Point {
  const values = Object.fromEntries(columns.map((name, i) => [name, row[i]]));
  const { median, p20, p80, samples, ...point } = values;
  const time = median === null ? null : { median, p20, p80, samples };
  return { ...point, time } as unknown as Point;
}

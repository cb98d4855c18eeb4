/** A report as it lies in a file: each point, and each gap, is a row of a table. @module */
import type { Gap, MeasuredFigure, Point, Report } from "./report_file.ts";

/** What the rows of points contain. */
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

/** What the rows of gaps contain. */
const GAP_COLUMNS = ["panel", "series", "at", "why"] as const;

/** Columns of texts, many of which come again: rows have their places in a list. */
const TEXTS: readonly string[] = ["panel", "series", "why"];

/** A value for each column; a time of four is `null` where there was none. */
type Row = readonly (string | number | null)[];

interface ReportRows extends Omit<Report, "figures"> {
  readonly columns: readonly string[];
  readonly texts: readonly string[];
  readonly figures: readonly (Omit<MeasuredFigure, "points" | "gaps"> & {
    readonly points: readonly (Row | Point)[];
    readonly gaps: readonly (Row | Gap)[];
  })[];
}

/** A report for a file, which {@linkcode ofRows} reads. */
export function asRows({ figures, ...report }: Report): ReportRows {
  const places = new Map<unknown, number>();
  const rowOf = (values: Partial<Point & Gap>, columns: readonly string[]) =>
    columns.map((name) => {
      const value = values[name as keyof typeof values] ?? null;
      if (!TEXTS.includes(name)) return value as number | null;
      const place = places.get(value) ?? places.size;
      places.set(value, place);
      return place;
    });
  const rows = figures.map(({ points, gaps, ...figure }) => ({
    ...figure,
    gaps: gaps.map((gap) => rowOf(gap, GAP_COLUMNS)),
    points: points.map(({ time, ...point }) =>
      rowOf({ ...point, ...time }, COLUMNS)
    ),
  }));
  const texts = [...places.keys()] as string[];
  return { ...report, columns: COLUMNS, texts, figures: rows };
}

/** The report of a file; earlier ones have texts, gaps and points as they are. */
export function ofRows(
  { columns, texts, figures, ...report }: ReportRows,
): Report {
  const valuesOf = (row: Row, columns: readonly string[]) =>
    Object.fromEntries(columns.map((name, i) => {
      const value = row[i];
      const isPlace = TEXTS.includes(name) && typeof value === "number";
      return [name, isPlace ? texts[value] : value];
    }));
  const pointOf = (row: Row): Point => {
    const values = valuesOf(row, columns);
    const { median, p20, p80, samples, ...point } = values;
    const time = median === null ? null : { median, p20, p80, samples };
    return { ...point, time } as unknown as Point;
  };
  const gapOf = (row: Row) => valuesOf(row, GAP_COLUMNS) as unknown as Gap;
  return {
    ...report,
    figures: figures.map(({ points, gaps, ...figure }) => ({
      ...figure,
      points: points.map((one) => "panel" in one ? one : pointOf(one)),
      gaps: gaps.map((one) => "panel" in one ? one : gapOf(one)),
    })),
  };
}

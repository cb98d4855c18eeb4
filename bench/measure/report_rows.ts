/** A report as it lies in a file: points, gaps and parities are rows of tables. @module */
import type {
  Gap,
  MeasuredFigure,
  Parity,
  Point,
  Report,
} from "./report_file.ts";

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

/** What the rows of parities contain. */
const PARITY_COLUMNS = [
  ...["backend", "variant", "form", "pass"] as const,
  ...["length", "error", "tolerance"] as const,
];

/** Columns of texts, many of which come again: rows have their places in a list. */
const TEXTS: readonly string[] = [
  ...["panel", "series", "why"],
  ...["backend", "variant", "form", "pass"],
];

/** A value for each column; a time of four is `null` where there was none. */
type Row = readonly (string | number | null)[];

interface ReportRows extends Omit<Report, "figures" | "parity"> {
  readonly columns: readonly string[];
  readonly texts: readonly string[];
  readonly parity: readonly (Row | Parity)[];
  readonly figures: readonly (Omit<MeasuredFigure, "points" | "gaps"> & {
    readonly points: readonly (Row | Point)[];
    readonly gaps: readonly (Row | Gap)[];
  })[];
}

/** A report for a file, which {@linkcode ofRows} reads. */
export function asRows({ figures, parity, ...report }: Report): ReportRows {
  const places = new Map<unknown, number>();
  const rowOf = (values: object, columns: readonly string[]) =>
    columns.map((name) => {
      const value = (values as Record<string, unknown>)[name] ?? null;
      if (!TEXTS.includes(name)) return value as number | null;
      const place = places.get(value) ?? places.size;
      places.set(value, place);
      return place;
    });
  const results = parity.map((one) => rowOf(one, PARITY_COLUMNS));
  const rows = figures.map(({ points, gaps, ...figure }) => ({
    ...figure,
    gaps: gaps.map((gap) => rowOf(gap, GAP_COLUMNS)),
    points: points.map(({ time, ...point }) =>
      rowOf({ ...point, ...time }, COLUMNS)
    ),
  }));
  const texts = [...places.keys()] as string[];
  return {
    ...report,
    ...{ columns: COLUMNS, texts, parity: results, figures: rows },
  };
}

/** The report of a file; earlier ones have all as it is. */
export function ofRows(
  { columns, texts, parity, figures, ...report }: ReportRows,
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
    parity: parity.map((one) =>
      "error" in one ? one : valuesOf(one, PARITY_COLUMNS) as unknown as Parity
    ),
    figures: figures.map(({ points, gaps, ...figure }) => ({
      ...figure,
      points: points.map((one) => "panel" in one ? one : pointOf(one)),
      gaps: gaps.map((one) => "panel" in one ? one : gapOf(one)),
    })),
  };
}

import { assertChart, assertNames } from "./chart_options.ts";
import {
  assertFinite,
  assertList,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import { Figure } from "./figure.ts";
import { matrix } from "./matrix.ts";

/** Options of {@linkcode confusionFigure}. */
export interface ConfusionFigureOptions {
  /** The names of the classes. @default 0, 1, … */
  classes?: readonly string[] | undefined;
  /** The title, above the cells. @default none */
  title?: string | undefined;
  /**
   * The caption below the cells: one or two sentences on what to see.
   * @default none
   */
  caption?: string | undefined;
  /** Whether each cell shows its count. @default true for 20 classes or fewer */
  showCounts?: boolean | undefined;
  /** Width in CSS pixels. @default 460 */
  width?: number | undefined;
  /** Height in CSS pixels. @default 420 */
  height?: number | undefined;
}

const OPTIONS = optionsOf<ConfusionFigureOptions>()(
  "classes title caption showCounts width height",
);

/** The most classes whose counts fit into the cells. */
const MOST_COUNTS = 20;

/**
 * Draws a confusion matrix, as `confusionMatrix` of `./training` counts it: a
 * row for each true class and a column for each predicted one. A cell's colour
 * shows its share of the row, so that rare classes are as visible as frequent
 * ones.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { confusionFigure } from "@lionjs/lion/notebook";
 *
 * const figure = await confusionFigure([[8, 2], [0, 5]], {
 *   classes: ["cat", "dog"],
 * });
 * assertEquals(figure.data[0]!["z"], [[0.8, 0.2], [0, 1]]);
 * assertEquals(figure.data[0]!["text"], [["8", "2"], ["0", "5"]]);
 * ```
 *
 * @param counts The counts, `[classes][classes]`.
 * @param options See {@linkcode ConfusionFigureOptions}.
 * @returns The figure.
 * @throws {TypeError} If `counts` is not an array, or an option is unknown.
 * @throws {RangeError} If the numbers of rows, columns and names differ.
 */
export async function confusionFigure(
  counts: readonly ArrayLike<number>[],
  options: ConfusionFigureOptions = {},
): Promise<Figure> {
  assertOptions("confusionFigure", options, OPTIONS);
  assertChart(options);
  assertList("confusionFigure's counts", counts);
  const { classes, title, caption, width, height } = options;
  const { showCounts = counts.length <= MOST_COUNTS } = options;
  const odd = counts.findIndex((row) => Object(row).length !== counts.length);
  if (odd >= 0) {
    throw new RangeError(
      `counts should have as many columns as rows, ${counts.length}, got ${
        Object(counts[odd]).length
      } in row ${odd}`,
    );
  }
  for (const row of counts) {
    for (const count of Array.from(row)) assertFinite("each of counts", count);
  }
  if (classes !== undefined) assertNames("classes", classes);
  if (classes !== undefined && classes.length !== counts.length) {
    throw new RangeError(
      `classes should be ${counts.length} names, one for each row of counts, got ${classes.length}`,
    );
  }
  const shares = counts.map((row) => {
    const sum = Array.from(row).reduce((sum, count) => sum + count, 0);
    return Array.from(row, (count) => sum === 0 ? 0 : count / sum);
  });
  const labels = classes ?? counts.map((_, i) => String(i));
  const { data: [trace], layout } = await matrix(shares, {
    ...{ title, width, height, rows: labels, columns: labels },
    range: [0, 1],
    showScale: false,
  });
  const axis = (name: "xaxis" | "yaxis", text: string) => ({
    ...layout[name] as object,
    title: { text, standoff: 12 },
    automargin: true,
  });
  const text = counts.map((row) => Array.from(row, String));
  return new Figure(
    [{ ...trace, text, ...(showCounts && { texttemplate: "%{text}" }) }],
    {
      ...layout,
      xaxis: axis("xaxis", "predicted"),
      yaxis: axis("yaxis", "true"),
    },
    { caption },
  );
}

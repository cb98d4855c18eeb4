import { assertChart, assertNames, assertValues } from "./chart_options.ts";
import * as tf from "@tensorflow/tfjs-core";
import { assertList, assertOptions, optionsOf } from "@lionjs/base";
import { Figure, type Layout } from "./figure.ts";
import { withPlainTags } from "./plot_text.ts";

/** Options of {@linkcode matrix}. */
export interface MatrixOptions {
  /** The title, above the cells. @default none */
  title?: string | undefined;
  /**
   * The caption below the cells: one or two sentences on what to see.
   * @default none
   */
  caption?: string | undefined;
  /** The title of the vertical axis, or a label for each row. @default 0, 1, … */
  rows?: string | readonly string[] | undefined;
  /** The title of the horizontal axis, or a label for each column. @default 0, 1, … */
  columns?: string | readonly string[] | undefined;
  /** The colour scale, one of plotly's. @default "Viridis" */
  colorscale?: string | undefined;
  /**
   * The values of the first and the last colour.
   * @default the smallest and the largest
   */
  range?: readonly [low: number, high: number] | undefined;
  /** Whether to show the colour scale. @default true */
  showScale?: boolean | undefined;
  /** Width in CSS pixels. @default 460 */
  width?: number | undefined;
  /** Height in CSS pixels. @default 420 */
  height?: number | undefined;
}

const OPTIONS = optionsOf<MatrixOptions>()(
  "title caption rows columns colorscale range showScale width height",
);

/**
 * Makes a heat map of a matrix, with the first row on top and square cells.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decayMask, fixedDecay } from "@lionjs/lion";
 * import { matrix } from "@lionjs/lion/notebook";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const decay = fixedDecay(tf.tensor1d([-0.5]));
 * const mask = tf.squeeze<tf.Tensor2D>(decayMask(decay, 8));
 * const figure = await matrix(mask, {
 *   title: "How much token j weighs for token i", rows: "i", columns: "j",
 * });
 * assertEquals((figure.data[0]!["z"] as number[][]).length, 8);
 * ```
 *
 * @param values The matrix, `[rows, columns]`: numbers, or a tensor, which is
 * not disposed of. A tensor may have leading axes of size 1, as for a single
 * head.
 * @param options See {@linkcode MatrixOptions}.
 * @returns The figure.
 * @throws {TypeError} If a tensor has another shape, or an option is unknown.
 * @throws {RangeError} If rows differ in length, or labels in number.
 */
export async function matrix(
  values: tf.Tensor | readonly ArrayLike<number>[],
  options: MatrixOptions = {},
): Promise<Figure> {
  assertOptions("matrix", options, OPTIONS);
  assertChart(options);
  const { title, colorscale = "Viridis", range, showScale = true } = options;
  const { width = 460, height = 420 } = options;
  const z = await rowsOf(values);
  const odd = z.findIndex((row) => row.length !== z[0]!.length);
  if (odd > 0) {
    throw new RangeError(
      `rows of values should have ${
        z[0]!.length
      } columns as the first has, got ${z[odd]!.length} in row ${odd}`,
    );
  }
  const scale = range ? { zmin: range[0], zmax: range[1] } : {};
  const layout: Layout = {
    width,
    height,
    xaxis: {
      ...axis("columns", options, z[0]?.length ?? 0),
      constrain: "domain",
    },
    yaxis: {
      ...axis("rows", options, z.length),
      autorange: "reversed",
      scaleanchor: "x",
      constrain: "domain",
    },
    margin: { t: title ? 60 : 20, r: 20, b: 60, l: 70 },
  };
  if (title !== undefined) layout["title"] = { text: title };
  return new Figure(
    [{ type: "heatmap", z, colorscale, showscale: showScale, ...scale }],
    withPlainTags(layout),
    { caption: options.caption },
  );
}

/**
 * Makes a heat map of attention: one row per query token i and one column per
 * key token j show how much i attends to j, from 0 to 1.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decayMask, fixedDecay } from "@lionjs/lion";
 * import { attentionMatrix } from "@lionjs/lion/notebook";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const mask = decayMask(fixedDecay(tf.tensor1d([-0.5])), 8); // [1, 1, 8, 8]
 * const figure = await attentionMatrix(mask, { title: "LION-D" });
 * assertEquals(figure.data[0]!["zmax"], 1);
 * ```
 *
 * @param values As for {@linkcode matrix}.
 * @param options As for {@linkcode matrix}; they take precedence.
 * @returns The figure.
 * @throws {TypeError} If a tensor has another shape, or an option is unknown.
 * @throws {RangeError} If rows differ in length, or labels in number.
 */
export function attentionMatrix(
  values: tf.Tensor | readonly ArrayLike<number>[],
  options: MatrixOptions = {},
): Promise<Figure> {
  assertOptions("matrix", options, OPTIONS);
  assertChart(options);
  const { rows = "query i", columns = "key j", range = [0, 1] } = options;
  return matrix(values, { ...options, rows, columns, range });
}

/** The rows of a matrix, which a tensor with leading axes of size 1 may be too. */
export async function rowsOf(
  values: tf.Tensor | readonly ArrayLike<number>[],
  name: string = "values",
): Promise<number[][]> {
  if (!(values instanceof tf.Tensor)) {
    assertList(name, values);
    values.forEach((row, i) => assertValues(`${name}, row ${i},`, row));
    return values.map((row) => Array.from(row));
  }
  const inFront = values.shape.slice(0, -2);
  if (values.rank < 2 || inFront.some((size) => size !== 1)) {
    throw new TypeError(
      `${name} should be [rows, columns], got a tensor of shape [${values.shape}]; squeeze or slice it`,
    );
  }
  let rows: unknown = await values.array();
  for (const _ of inFront) rows = (rows as unknown[])[0];
  return rows as number[][];
}

/** The largest number of cells along an axis that are all numbered. */
const NUMBERED = 10;

/** The plotly.js axis along the rows or columns of a matrix. */
function axis(
  along: "rows" | "columns",
  { [along]: names }: MatrixOptions,
  size: number,
): Layout {
  const numbers = size <= NUMBERED ? { tick0: 0, dtick: 1 } : {};
  if (names === undefined) return numbers;
  if (typeof names === "string") return { title: { text: names }, ...numbers };
  assertNames(along, names);
  if (names.length !== size) {
    throw new RangeError(
      `${along} should be a title or ${size} labels, got ${names.length}`,
    );
  }
  return {
    automargin: true,
    tickmode: "array",
    tickvals: names.map((_, i) => i),
    ticktext: names,
  };
}

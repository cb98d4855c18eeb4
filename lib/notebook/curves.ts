import { assertChart, assertValues } from "./chart_options.ts";
import {
  assertNamed,
  assertOneOf,
  assertOptions,
  assertText,
  optionsOf,
  shown,
} from "@lionjs/base";
import { Figure, type Layout } from "./figure.ts";
import { colorOf } from "./figure_style/palette.ts";
import { withPlainTags } from "./plot_text.ts";
import { labelled, type Scale, tickText } from "./figure_style/ticks.ts";

/** One curve of {@linkcode curves}. */
export interface Series {
  /** The horizontal positions of the curve's points. @default `at`, or 0, 1, 2, … */
  x?: ArrayLike<number> | undefined;
  /** The values of the curve's points; NaN is a gap. */
  y: ArrayLike<number>;
  /** The CSS colour of the curve. @default the palette's colour for its name */
  color?: string | undefined;
  /** The style of the curve's line. @default "solid" */
  dash?: "solid" | "dot" | "dash" | "dashdot" | undefined;
}

/** Options of {@linkcode curves}. */
export interface CurvesOptions {
  /** The title, above the curves. @default none */
  title?: string | undefined;
  /**
   * The caption below the curves: one or two sentences on what to see.
   * @default none
   */
  caption?: string | undefined;
  /** The title of the horizontal axis. @default none */
  x?: string | undefined;
  /** The title of the vertical axis. @default none */
  y?: string | undefined;
  /** The horizontal positions of all curves' points. @default 0, 1, 2, … */
  at?: ArrayLike<number> | undefined;
  /** The scale of the horizontal axis. @default "linear" */
  xType?: Scale | undefined;
  /** The scale of the vertical axis. @default "linear" */
  yType?: Scale | undefined;
  /** Whether points are drawn as dots. @default true for at most 16 points */
  markers?: boolean | undefined;
  /** Whether the vertical axis starts at 0. @default false */
  fromZero?: boolean | undefined;
  /** Width in CSS pixels. @default 700 */
  width?: number | undefined;
  /** Height in CSS pixels. @default 400 */
  height?: number | undefined;
}

const OPTIONS = optionsOf<CurvesOptions>()(
  "title caption x y at xType yType markers fromZero width height",
);

/** The largest number of points with dots, and of ticks at points. */
const FEW = 16;

/**
 * Draws curves in one figure. Each form and variant has a colour of its own,
 * the same in every figure. Logarithmic axes have full numbers at their ticks; a
 * horizontal one has a tick at each point if there are few.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { curves } from "@lionjs/lion/notebook";
 *
 * const figure = curves(
 *   { full: [1, 4, 16], chunkwise: { y: [2, 4, 8], dash: "dot" } },
 *   { at: [256, 512, 1024], x: "tokens", y: "ms", xType: "log", yType: "log" },
 * );
 * const { ticktext } = figure.layout["xaxis"] as { ticktext: string[] };
 * assertEquals(ticktext, ["256", "512", "1024"]);
 * ```
 *
 * @param series The curves by name: their values, or a {@linkcode Series}.
 * @param options See {@linkcode CurvesOptions}.
 * @returns The figure.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a curve's values and positions differ in number.
 */
export function curves(
  series: Readonly<Record<string, ArrayLike<number> | Series>>,
  options: CurvesOptions = {},
): Figure {
  assertOptions("curves", options, OPTIONS);
  assertChart(options);
  assertNamed("series", series);
  const { title, caption, x = "", y = "", xType = "linear", yType = "linear" } =
    options;
  const all = Object.entries(series).map(([name, one], i) =>
    pointsOf(name, i, seriesOf(name, one), options)
  );
  const places = [...new Set(all.flatMap((one) => one.x))];
  const isFew = places.length <= FEW;
  const { markers = isFew, fromZero = false } = options;
  const layout: Layout = {
    width: options.width ?? 700,
    height: options.height ?? 400,
    xaxis: {
      title: { text: x },
      ...labelled(places, xType),
      ...(xType === "log" && isFew && {
        tickvals: places,
        ticktext: places.map(tickText),
      }),
    },
    yaxis: {
      title: { text: y, standoff: 8 }, // distance from the longest tick label
      automargin: true,
      ...labelled(all.flatMap((one) => one.y), yType),
      ...(fromZero && { rangemode: "tozero" }),
    },
    margin: { t: title ? 60 : 20, r: 20, b: 60, l: 80 },
    showlegend: all.length > 1,
  };
  if (title !== undefined) layout["title"] = { text: title };
  const mode = markers ? "lines+markers" : "lines";
  return new Figure(
    all.map((one) => ({ type: "scatter", mode, ...one })),
    withPlainTags(layout),
    { caption },
  );
}

function seriesOf(name: string, one: ArrayLike<number> | Series): Series {
  const series = "y" in Object(one) ? one as Series : { y: one };
  if (typeof Object(series.y).length === "number") return series as Series;
  throw new TypeError(
    `series should be arrays of numbers, or objects with one as y, got ${
      shown(one)
    } for "${name}"`,
  );
}

function pointsOf(
  name: string,
  index: number,
  { x, y, color, dash = "solid" }: Series,
  { at }: CurvesOptions,
) {
  assertValues(`y of "${name}" in series`, y);
  const heights = Array.from(y);
  const given = x ?? at;
  if (given !== undefined) {
    assertValues(x !== undefined ? `x of "${name}" in series` : "at", given);
  }
  const places = Array.from(given ?? heights.map((_, i) => i));
  if (places.length !== heights.length) {
    throw new RangeError(
      `y of "${name}" should have ${places.length} values as x has, got ${heights.length}`,
    );
  }
  assertOneOf("dash", dash, ["solid", "dot", "dash", "dashdot"]);
  if (color !== undefined) assertText("color", color);
  const line = { color: color ?? colorOf(name, index), dash, width: 2.5 };
  return { name: withPlainTags(name), x: places, y: heights, line };
}

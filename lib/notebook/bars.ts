import { assertChart, assertValues } from "./chart_options.ts";
import { assertNamed, assertOptions, optionsOf } from "@lionjs/base";
import { Figure } from "./figure.ts";
import { colorOf } from "./figure_style/palette.ts";
import { withPlainTags } from "./plot_text.ts";

/** Options of {@linkcode bars}. */
export interface BarsOptions {
  /** The title, above the bars. @default none */
  title?: string | undefined;
  /**
   * The caption below the bars: one or two sentences on what to see.
   * @default none
   */
  caption?: string | undefined;
  /** The title of the axis. @default none */
  x?: string | undefined;
  /** Width in CSS pixels. @default 700 */
  width?: number | undefined;
}

const OPTIONS = optionsOf<BarsOptions>()("title caption x width");

/** The heights of a bar, and of the margins above and below all bars, in CSS pixels. */
const BAR = 28, MARGINS = { t: 20, titled: 60, b: 60 };

/**
 * Draws a horizontal bar for each value, the first on top. Each form and
 * variant has a colour of its own, the same in every figure; all others share
 * one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bars } from "@lionjs/lion/notebook";
 *
 * const figure = bars({ MatMul: 3.5, Add: 0.5 }, { x: "milliseconds" });
 * assertEquals(figure.data[0]!["y"], ["MatMul", "Add"]);
 * ```
 *
 * @param values The values by name; NaN draws no bar.
 * @param options See {@linkcode BarsOptions}.
 * @returns The figure.
 * @throws {TypeError} If an option is unknown.
 */
export function bars(
  values: Readonly<Record<string, number>>,
  options: BarsOptions = {},
): Figure {
  assertOptions("bars", options, OPTIONS);
  assertChart(options);
  assertNamed("values", values);
  assertValues("values", Object.values(values));
  const { title, caption, x = "", width = 700 } = options;
  const names = Object.keys(values);
  const top = title === undefined ? MARGINS.t : MARGINS.titled;
  return new Figure(
    [{
      type: "bar",
      orientation: "h",
      x: Object.values(values),
      y: withPlainTags(names),
      marker: { color: names.map((name) => colorOf(name, 0)) },
    }],
    withPlainTags({
      ...(title !== undefined && { title: { text: title } }),
      width,
      height: top + MARGINS.b + BAR * Math.max(1, names.length),
      xaxis: { title: { text: x }, rangemode: "tozero" },
      // A category axis, since names may be numbers; reversed, so that the first is on top.
      yaxis: { type: "category", autorange: "reversed", automargin: true },
      margin: { t: top, r: 20, b: MARGINS.b, l: 80 },
      showlegend: false,
    }),
    { caption },
  );
}

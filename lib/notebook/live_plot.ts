import { assertChart } from "./chart_options.ts";
import {
  assertNamed,
  assertOptions,
  assertText,
  type Complete,
  optionsOf,
} from "@lionjs/base";
import { type Curve, curvesSVG } from "./curves_svg.ts";
import { Figure, showCaption } from "./figure.ts";
import { isNotebook } from "./jupyter/kernel.ts";
import { LiveOutput } from "./jupyter/live_output.ts";
import { colorOf } from "./figure_style/palette.ts";
import { withPlainTags } from "./plot_text.ts";
import { labelled } from "./figure_style/ticks.ts";

/** Options of {@linkcode LivePlot}. */
export interface LivePlotOptions {
  /** The title, above the curves. */
  title: string;
  /**
   * The caption below the final curves: one or two sentences on what to see.
   * @default none
   */
  caption?: string | undefined;
  /** The title of the horizontal axis. @default "step" */
  x?: string | undefined;
  /** The title of the vertical axis. @default none */
  y?: string | undefined;
  /** The scale of the vertical axis. @default "linear" */
  yType?: "linear" | "log" | undefined;
  /**
   * The colours by the names of curves, such as `{ train: "#4c78a8" }`.
   * @default a colour of its own for each form and variant, others for other
   * names
   */
  colors?: Readonly<Record<string, string>> | undefined;
}

const OPTIONS = optionsOf<LivePlotOptions>()("title caption x y yType colors");

const MILLISECONDS_BETWEEN_DRAWINGS = 250;

/**
 * Curves that grow in a notebook during a measurement. In the end, an
 * interactive figure replaces them. In a script, nothing is shown.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LivePlot } from "@lionjs/lion/notebook";
 *
 * const plot = new LivePlot({ title: "Training", y: "loss", yType: "log" });
 * for (let step = 1; step <= 100; step++) plot.log(step, { train: 1 / step });
 * await plot.end();
 * assertEquals((plot.figure.data[0]!["x"] as number[]).length, 100);
 * ```
 */
export class LivePlot {
  readonly #options: Complete<LivePlotOptions>;
  readonly #curves = new Map<string, Curve>();
  readonly #output: LiveOutput | undefined;

  /**
   * Makes a plot without points.
   *
   * @param options See {@linkcode LivePlotOptions}.
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If there is no such scale.
   */
  constructor(options: LivePlotOptions) {
    assertOptions("LivePlot", options, OPTIONS);
    const { title, x = "step", y = "", yType = "linear" } = options;
    const { colors = {}, caption = "" } = options;
    assertChart(options);
    assertNamed("colors", colors);
    for (const color of Object.values(colors)) assertText("colors", color);
    this.#options = { title, caption, x, y, yType, colors };
    if (isNotebook()) {
      this.#output = new LiveOutput(MILLISECONDS_BETWEEN_DRAWINGS);
    }
  }

  /**
   * Adds a point to curves, and redraws them now and then.
   *
   * @param step The position on the horizontal axis.
   * @param values The values by the names of curves, existing or new.
   */
  log(step: number, values: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(values)) {
      const curve = this.#curves.get(name) ?? [];
      this.#curves.set(name, curve);
      curve.push([step, value]);
    }
    this.#output?.show(() => ({
      "image/svg+xml": this.#svg(),
      "text/plain": this.#options.title,
    }));
  }

  /** Replaces the curves by the interactive figure, and shows the caption. */
  async end(): Promise<void> {
    if (!this.#output) return;
    const { figure } = this;
    await this.#output.end(figure);
    await showCaption(figure);
  }

  /** The figure of the curves so far. */
  get figure(): Figure {
    const { title, caption, x, y, yType, colors } = this.#options;
    const heights = [...this.#curves.values()].flat().map(([, y]) => y);
    const data = [...this.#curves].map(([name, points], i) => ({
      x: points.map(([x]) => x),
      y: points.map(([, y]) => y),
      name: withPlainTags(name),
      mode: "lines",
      line: { color: colors[name] ?? colorOf(name, i) },
    }));
    const layout = {
      title: { text: title },
      height: 360,
      margin: { t: 50, r: 20, b: 60, l: 70 },
      xaxis: { title: { text: x } },
      yaxis: {
        title: { text: y },
        type: yType,
        ...labelled(heights, yType),
      },
    };
    return new Figure(data, withPlainTags(layout), { caption });
  }

  #svg(): string {
    return curvesSVG({ ...this.#options, curves: this.#curves });
  }
}

import { assertList, assertOptions, optionsOf, shown } from "@lionjs/base";
import { assertChart } from "./chart_options.ts";
import { Figure, type Layout, type Trace } from "./figure.ts";
import { withPlainTags } from "./plot_text.ts";

/** Options of {@linkcode panels}. */
export interface PanelsOptions {
  /** The title, above all panels. @default none */
  title?: string | undefined;
  /**
   * The caption below all panels: one or two sentences on what to see.
   * @default none
   */
  caption?: string | undefined;
  /** Width in CSS pixels. @default 860 */
  width?: number | undefined;
  /** Height in CSS pixels. @default the matrices' height, at most 400 */
  height?: number | undefined;
}

const OPTIONS = optionsOf<PanelsOptions>()("title caption width height");

/** The gap between panels: room for labels, or also for a scale or numbers. */
const GAP = 0.07, WIDE_GAP = 0.13;

/**
 * Puts figures side by side, each below its own title. Curves with the same
 * name share an entry in the legend, and matrices with the same range share a
 * colour scale.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { curves, panels } from "@lionjs/lion/notebook";
 *
 * const figure = panels([
 *   curves({ full: [1, 4, 16] }, { title: "time" }),
 *   curves({ full: [2, 4, 8] }, { title: "memory" }),
 * ], { title: "What the full form costs" });
 * assertEquals(figure.data.map(({ xaxis }) => xaxis), ["x", "x2"]);
 * ```
 *
 * @param figures Figures with one pair of axes each.
 * @param options See {@linkcode PanelsOptions}.
 * @returns The figure.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If there are no figures, or one has several pairs of
 * axes.
 */
export function panels(
  figures: readonly Figure[],
  options: PanelsOptions = {},
): Figure {
  assertOptions("panels", options, OPTIONS);
  assertChart(options);
  assertList("figures", figures);
  if (figures.length === 0) {
    throw new RangeError("figures should not be empty, got none");
  }
  for (const [i, figure] of figures.entries()) {
    if (figure instanceof Figure) continue;
    throw new TypeError(
      `figures should be figures, got ${shown(figure)} at ${i}`,
    );
  }
  const { title, caption, width = 860 } = options;
  const scales = figures.map(scaleOf);
  const areOfOneRange = scales.every((scale) => scale === scales[0]);
  const isOfMatrices = scales.every((scale) => scale !== "");
  const gap = isOfMatrices && areOfOneRange ? GAP : WIDE_GAP;
  const share = (1 + gap) / figures.length;
  const seen = new Set<unknown>();
  const data: Trace[] = [];
  const layout: Layout = { shapes: [], annotations: [] };
  figures.forEach((figure, i) => {
    const domain = [i * share, (i + 1) * share - gap] as const;
    const isLast = i === figures.length - 1;
    const parts = panelOf(figure, i === 0 ? "" : `${i + 1}`, domain);
    for (const trace of parts.data) {
      const isNew = !seen.has(trace["name"]);
      seen.add(trace["name"]);
      data.push({
        ...trace,
        ...("name" in trace &&
          { legendgroup: trace["name"], showlegend: isNew }),
        ...("z" in trace && trace["showscale"] !== false &&
          scaled(areOfOneRange, isLast, domain[1])),
      });
    }
    Object.assign(layout, parts.axes);
    (layout["shapes"] as unknown[]).push(...parts.shapes);
    (layout["annotations"] as unknown[]).push(...parts.annotations);
  });
  const height = options.height ??
    (isOfMatrices ? Math.min(400, 120 + 0.85 * width * (share - gap)) : 400);
  Object.assign(layout, {
    ...(title !== undefined && { title: { text: withPlainTags(title) } }),
    width,
    height: Math.round(height),
    margin: { t: title ? 90 : 50, r: 20, b: 60, l: 80 },
    showlegend: figures.some(({ layout }) => layout["showlegend"] === true),
  });
  return new Figure(data, layout, { caption });
}

/** Identifies the colour scale of a figure's matrix; "" without a matrix. */
function scaleOf({ data }: Figure): string {
  const matrix = data.find((trace) => "z" in trace);
  if (!matrix) return "";
  return JSON.stringify(
    [matrix["zmin"], matrix["zmax"], matrix["colorscale"]],
  );
}

/** The settings of a matrix's colour scale: shared by all panels, or next to its own. */
function scaled(areOfOneRange: boolean, isLast: boolean, right: number): Trace {
  if (areOfOneRange) return { showscale: isLast };
  return { colorbar: { x: right + 0.005, thickness: 10 } };
}

/** A figure's parts on the axes of a panel. */
function panelOf(
  { data, layout, title }: Figure,
  n: string,
  domain: readonly [left: number, right: number],
) {
  if (
    data.some(({ xaxis, yaxis }) => xaxis !== undefined || yaxis !== undefined)
  ) {
    throw new RangeError(
      `figures should have one pair of axes each, "${title}" has more; show it by itself`,
    );
  }
  const [x, y] = [`x${n}`, `y${n}`];
  const { xaxis = {}, yaxis = {}, shapes = [], annotations = [] } = layout as {
    xaxis?: Layout;
    yaxis?: Layout;
    shapes?: Trace[];
    annotations?: Trace[];
  };
  const onAxes = (part: Trace, by: string): Trace => {
    const { xref = by, yref = by } = part as { xref?: string; yref?: string };
    const placed = (ref: string, axis: string) =>
      ref === "paper" ? `${axis} domain` : axis;
    return { ...part, xref: placed(xref, x), yref: placed(yref, y) };
  };
  return {
    data: data.map((trace): Trace => ({ ...trace, xaxis: x, yaxis: y })),
    axes: {
      [`xaxis${n}`]: { ...xaxis, domain, anchor: y },
      [`yaxis${n}`]: {
        ...yaxis,
        anchor: x,
        ...(yaxis["scaleanchor"] !== undefined && { scaleanchor: x }),
      },
    },
    shapes: shapes.map((shape) => onAxes(shape, "axis")),
    annotations: [
      ...annotations.map((annotation) => onAxes(annotation, "paper")),
      {
        text: title,
        showarrow: false,
        xref: `${x} domain`,
        yref: `${y} domain`,
        x: 0.5,
        y: 1.02,
        yanchor: "bottom",
        font: { size: 14 },
      },
    ],
  };
}

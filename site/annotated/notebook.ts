/// <reference lib="dom" />
/**
 * In the page, what `@lionjs/lion/notebook` is in Jupyter, as far as the annotated
 * notebook uses it: figures as SVG, without plotly.js.
 *
 * @module
 */
import { DISPLAY, type Displayable } from "../../lib/notebook/jupyter/mime.ts";
import type { CurvesOptions, Series } from "../../lib/notebook/curves.ts";
import type { MatrixOptions } from "../../lib/notebook/matrix.ts";
import { output } from "./cells.ts";
import { drawCurves, drawMatrix, type Line } from "./drawing.ts";

export { table } from "../../lib/notebook/table.ts";

/** Shows what has HTML of itself. */
export async function display(shown: Displayable): Promise<void> {
  const { "text/html": html } = await shown[DISPLAY]();
  const element = document.createElement("div");
  element.className = "output";
  element.innerHTML = `${html}`;
  for (const table of element.querySelectorAll("table")) table.tabIndex = 0;
  output().show(element);
}

/** A figure: drawings beside each other, with a caption. */
class Drawn {
  constructor(
    readonly drawings: readonly SVGSVGElement[],
    readonly title: string,
    readonly caption: string | undefined,
  ) {}

  show(): Promise<void> {
    const figure = document.createElement("figure");
    const row = document.createElement("div");
    row.className = "drawings";
    row.tabIndex = 0;
    row.append(...this.drawings);
    if (this.drawings.length > 1) {
      const heading = document.createElement("p");
      heading.className = "title";
      heading.textContent = this.title;
      figure.append(heading);
    }
    figure.append(row);
    if (this.caption !== undefined) {
      const caption = document.createElement("figcaption");
      caption.className = "caption";
      caption.textContent = this.caption;
      figure.append(caption);
    }
    output().show(figure);
    return Promise.resolve();
  }
}

/** Curves by their names. */
export function curves(
  series: Readonly<Record<string, ArrayLike<number> | Series>>,
  options: CurvesOptions = {},
): Drawn {
  const { title = "", caption, at } = options;
  const lines = Object.entries(series).map(([name, one]): Line => {
    const own = "y" in one ? one : { y: one };
    const y = Array.from(own.y);
    const x = Array.from(own.x ?? at ?? y.keys());
    return {
      ...{ name, x, y },
      ...own.color !== undefined && { color: own.color },
      ...own.dash !== undefined && { dash: own.dash },
    };
  });
  return new Drawn([drawCurves(lines, options)], title, caption);
}

/** A matrix of numbers as cells in colours. */
export function matrix(
  values: readonly ArrayLike<number>[],
  options: MatrixOptions = {},
): Promise<Drawn> {
  const rows = values.map((row) => Array.from(row));
  const { title = "", caption } = options;
  const drawn = new Drawn([drawMatrix(rows, options)], title, caption);
  return Promise.resolve(drawn);
}

/** Figures beside each other. */
export function panels(
  figures: readonly Drawn[],
  { title = "", caption }: { title?: string; caption?: string } = {},
): Drawn {
  return new Drawn(
    figures.flatMap(({ drawings }) => drawings),
    title,
    caption,
  );
}

/// <reference lib="dom" />
/** Curves and matrices as SVG that takes the page's colours. @module */
import type { CurvesOptions } from "../../lib/notebook/curves.ts";
import type { MatrixOptions } from "../../lib/notebook/matrix.ts";
import { colorOf } from "../../lib/notebook/palette.ts";
import { spanOf, tickText } from "../../lib/notebook/ticks.ts";

/** A curve. */
export interface Line {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly color?: string;
  readonly dash?: string;
}

const NAMESPACE = "http://www.w3.org/2000/svg";

const DASHES: Readonly<Record<string, string>> = {
  solid: "none",
  dash: "8 5",
  dot: "2 4",
};

/** Where curves are, in units of the drawing. */
const AREA = { left: 62, right: 470, top: 40, bottom: 290 };
const [WIDTH, HEIGHT] = [680, 340];

type Attributes = Readonly<Record<string, string | number>>;

function make(
  name: string,
  attributes: Attributes,
  ...children: readonly (Node | string)[]
): SVGElement {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, `${value}`);
  }
  element.append(...children);
  return element;
}

function drawing(
  title: string,
  kind: "curves" | "matrix",
  [width, height]: readonly [number, number],
  children: readonly Node[],
): SVGSVGElement {
  return make(
    "svg",
    {
      ...{ viewBox: `0 0 ${width} ${height}`, width, height },
      ...{ class: kind, role: "img", "aria-label": title },
    },
    ...children,
  ) as SVGSVGElement;
}

const text = (
  x: number,
  y: number,
  content: string,
  anchor: "start" | "middle" | "end",
  size = 13,
) =>
  make(
    "text",
    { x, y, "text-anchor": anchor, "font-size": size, fill: "currentColor" },
    content,
  );

/** Draws curves with their axes, and their names beside them. */
export function drawCurves(
  lines: readonly Line[],
  { title = "", x = "", y = "", xType = "linear", yType = "linear", fromZero }:
    CurvesOptions,
): SVGSVGElement {
  const isShown = (value: number, type: "linear" | "log") =>
    Number.isFinite(value) && (type === "linear" || value > 0);
  const shown = lines.map((line) => ({
    ...line,
    points: line.x.map((at, i) => [at, line.y[i]!] as const)
      .filter(([a, b]) => isShown(a, xType) && isShown(b, yType)),
  }));
  const points = shown.flatMap(({ points }) => points);
  const horizontal = spanOf(points.map(([a]) => a), xType);
  const vertical = spanOf(
    [...points.map(([, b]) => b), ...fromZero ? [0] : []],
    yType,
  );
  const share = (value: number, type: string, low: number, high: number) =>
    ((type === "log" ? Math.log10(value) : value) - low) / (high - low);
  const { left, right, top, bottom } = AREA;
  const across = (value: number) =>
    left +
    (right - left) * share(value, xType, horizontal.low, horizontal.high);
  const up = (value: number) =>
    bottom - (bottom - top) * share(value, yType, vertical.low, vertical.high);
  const grid = { stroke: "currentColor", "stroke-opacity": 0.15 };
  return drawing(title, "curves", [WIDTH, HEIGHT], [
    text(left, 22, title, "start", 16),
    ...horizontal.ticks.flatMap((tick) => [
      make("path", { d: `M${across(tick)} ${top}V${bottom}`, ...grid }),
      text(across(tick), bottom + 18, tickText(tick), "middle"),
    ]),
    ...vertical.ticks.flatMap((tick) => [
      make("path", { d: `M${left} ${up(tick)}H${right}`, ...grid }),
      text(left - 8, up(tick) + 4, tickText(tick), "end"),
    ]),
    ...shown.flatMap(({ name, color, dash = "solid", points }, i) => {
      const stroke = {
        ...{ stroke: color ?? colorOf(name, i), "stroke-width": 2.5 },
        ...{ fill: "none", "stroke-dasharray": DASHES[dash] ?? "none" },
      };
      const path = points.map(([a, b]) => `${across(a)} ${up(b)}`).join("L");
      const at = top + 10 + 20 * i;
      return [
        ...path === "" ? [] : [make("path", { d: `M${path}h0`, ...stroke })],
        ...points.length > 40 ? [] : points.map(([a, b]) =>
          make(
            "circle",
            { cx: across(a), cy: up(b), r: 3.5, fill: stroke.stroke },
            make("title", {}, `${name}: ${tickText(a)}, ${tickText(b)}`),
          )
        ),
        make("path", { d: `M${right + 14} ${at}h26`, ...stroke }),
        text(right + 46, at + 4, name, "start"),
      ];
    }),
    text((left + right) / 2, HEIGHT - 12, x, "middle"),
    make(
      "g",
      { transform: `translate(16 ${(top + bottom) / 2}) rotate(-90)` },
      text(0, 0, y, "middle"),
    ),
  ]);
}

/** The size of a drawing of a matrix, and of its margins. */
const SQUARE = { side: 300, left: 44, top: 34, bottom: 46 };

/** Draws a matrix: the larger a number, the fuller its cell. */
export function drawMatrix(
  rows: readonly (readonly number[])[],
  { title = "", rows: down = "", columns = "", range }: MatrixOptions,
): SVGSVGElement {
  const all = rows.flat();
  const [low, high] = range ?? [Math.min(...all), Math.max(...all)];
  const { side, left, top, bottom } = SQUARE;
  const size = side / Math.max(rows.length, rows[0]?.length ?? 1);
  const cells = rows.flatMap((row, i) =>
    row.map((value, j) =>
      make(
        "rect",
        {
          ...{ x: left + j * size, y: top + i * size },
          ...{ width: size - 1, height: size - 1, class: "cell" },
          "fill-opacity": Math.max(0, Math.min(1, (value - low) / (high - low)))
            .toFixed(3),
        },
        make("title", {}, `row ${i}, column ${j}: ${tickText(value)}`),
      )
    )
  );
  const [width, height] = [left + side + 16, top + side + bottom];
  return drawing(title, "matrix", [width, height], [
    text(left, 20, title, "start", 15),
    make("rect", {
      ...{ x: left - 1, y: top - 1, width: side + 1, height: side + 1 },
      ...{ fill: "none", stroke: "currentColor", "stroke-opacity": 0.3 },
    }),
    ...cells,
    text(left + side / 2, height - 22, nameOf(columns), "middle"),
    make(
      "g",
      { transform: `translate(20 ${top + side / 2}) rotate(-90)` },
      text(0, 0, nameOf(down), "middle"),
    ),
  ]);
}

/** The title of an axis; a list of labels has none. */
function nameOf(axis: string | readonly string[]): string {
  return typeof axis === "string" ? axis : "";
}

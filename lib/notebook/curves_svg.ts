import { escapeHTML } from "./jupyter/html.ts";
import { colorOf } from "./figure_style/palette.ts";
import {
  type Scale,
  type Span,
  spanOf,
  tickText,
} from "./figure_style/ticks.ts";

/** The points of a curve, in the order in which they were added. */
export type Curve = [x: number, y: number][];

/** The curves of a picture. */
export interface Curves {
  readonly title: string;
  /** The title of the horizontal axis. */
  readonly x: string;
  /** The title of the vertical axis. */
  readonly y: string;
  readonly yType: Scale;
  readonly curves: ReadonlyMap<string, Curve>;
  /** The colours by the names of curves; those of other curves come from the palette. */
  readonly colors?: Readonly<Record<string, string>>;
}

const WIDTH = 700, HEIGHT = 360;
const AREA = { left: 70, right: WIDTH - 180, top: 50, bottom: HEIGHT - 60 };

/** The largest number of points that are drawn per curve, about two per pixel. */
const MOST_POINTS = 1000;

/** Draws curves as SVG in a millisecond, much faster than plotly.js. */
export function curvesSVG(
  { title, x, y, yType, curves, colors = {} }: Curves,
): string {
  const isShown = ([x, y]: Curve[number]) =>
    Number.isFinite(x) && Number.isFinite(y) && (yType === "linear" || y > 0);
  const shown = [...curves].map(([name, points]) =>
    [name, points.filter(isShown)] as const
  );
  const all = shown.flatMap(([, points]) => points);
  const horizontal = spanOf(all.map(([x]) => x), "linear");
  const vertical = spanOf(all.map(([, y]) => y), yType);
  const across = (x: number) =>
    round(
      AREA.left + shareOf(x, horizontal, "linear") * (AREA.right - AREA.left),
    );
  const up = (y: number) =>
    round(AREA.bottom - shareOf(y, vertical, yType) * (AREA.bottom - AREA.top));

  const { left, right, top, bottom } = AREA;
  const grid = [
    ...horizontal.ticks.map((tick) =>
      `<path d="M${across(tick)} ${top}V${bottom}" stroke="#eee"/>` +
      text(across(tick), bottom + 18, tickText(tick), "middle")
    ),
    ...vertical.ticks.map((tick) =>
      `<path d="M${left} ${up(tick)}H${right}" stroke="#eee"/>` +
      text(left - 8, up(tick) + 4, tickText(tick), "end")
    ),
  ];
  const lines = shown.map(([name, points], i) => {
    const color = colors[name] ?? colorOf(name, i);
    const path = thinned(points).map(([x, y]) => `${across(x)} ${up(y)}`);
    const at = top + 8 + 19 * i;
    // A step of length zero draws a single point as a dot.
    const line = path.length > 0 ? `<path d="M${path.join("L")}h0"/>` : "";
    return `<g stroke="${
      escapeHTML(color)
    }" stroke-width="2" stroke-linecap="round" fill="none">${line}` +
      `<path d="M${right + 15} ${at}h30"/></g>` +
      text(right + 51, at + 4, name, "start");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="Verdana, Arial, sans-serif" font-size="12" fill="#444">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<g font-size="17">${text(left, 28, title, "start")}</g>
${grid.join("\n")}
${lines.join("\n")}
<g font-size="14">${text((left + right) / 2, HEIGHT - 16, x, "middle")}
<g transform="translate(18 ${(top + bottom) / 2}) rotate(-90)">${
    text(0, 0, y, "middle")
  }</g></g>
</svg>`;
}

/** A curve thinned to every n-th point and the last one. */
function thinned(points: Curve): Curve {
  const step = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, i) => (points.length - 1 - i) % step === 0);
}

/** The position of a value along an axis, 0–1. */
function shareOf(value: number, { low, high }: Span, scale: Scale): number {
  return ((scale === "log" ? Math.log10(value) : value) - low) / (high - low);
}

function text(
  x: number,
  y: number,
  content: string,
  anchor: "start" | "middle" | "end",
): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${
    escapeHTML(content)
  }</text>`;
}

function round(pixels: number): number {
  return Math.round(100 * pixels) / 100;
}

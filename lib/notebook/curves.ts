import { escapeHTML } from "../jupyter/html.ts";

/** Points of a curve, in the order they came. */
export type Curve = [x: number, y: number][];

/** Curves in one picture. */
export interface Curves {
  readonly title: string;
  /** The title of the horizontal axis. */
  readonly x: string;
  /** The title of the vertical axis. */
  readonly y: string;
  readonly yType: "linear" | "log";
  readonly curves: ReadonlyMap<string, Curve>;
}

/** Those of plotly.js, so that the last drawing looks like the ones before. */
const COLORS = [
  "#1f77b4",
  "#ff7f0e",
  "#2ca02c",
  "#d62728",
  "#9467bd",
  "#8c564b",
  "#e377c2",
  "#7f7f7f",
  "#bcbd22",
  "#17becf",
];
const WIDTH = 700, HEIGHT = 360;
const AREA = { left: 70, right: WIDTH - 180, top: 50, bottom: HEIGHT - 60 };

/** The most points of a curve that are drawn, some two per pixel. */
const MOST_POINTS = 1000;

/** A picture of curves, drawn in a millisecond, which plotly.js is not. */
export function curvesSVG({ title, x, y, yType, curves }: Curves): string {
  const isShown = ([x, y]: Curve[number]) =>
    Number.isFinite(x) && Number.isFinite(y) && (yType === "linear" || y > 0);
  const shown = [...curves].map(([name, points]) =>
    [name, points.filter(isShown)] as const
  );
  const all = shown.flatMap(([, points]) => points);
  const horizontal = new Axis(all.map(([x]) => x), "linear");
  const vertical = new Axis(all.map(([, y]) => y), yType);
  const across = (x: number) =>
    round(AREA.left + horizontal.share(x) * (AREA.right - AREA.left));
  const up = (y: number) =>
    round(AREA.bottom - vertical.share(y) * (AREA.bottom - AREA.top));

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
    const color = COLORS[i % COLORS.length];
    const path = thinned(points).map(([x, y]) => `${across(x)} ${up(y)}`);
    const at = top + 8 + 19 * i;
    // The step of no length makes a dot of a point alone.
    const line = path.length > 0 ? `<path d="M${path.join("L")}h0"/>` : "";
    return `<g stroke="${color}" stroke-width="2" stroke-linecap="round" fill="none">${line}` +
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

/** Every so many points, and the last one. */
function thinned(points: Curve): Curve {
  const step = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, i) => (points.length - 1 - i) % step === 0);
}

/** What a direction of the picture spans. */
class Axis {
  readonly ticks: readonly number[];
  readonly #low: number;
  readonly #span: number;
  readonly #scale: (value: number) => number;

  constructor(values: readonly number[], type: "linear" | "log") {
    this.#scale = type === "log" ? Math.log10 : (value) => value;
    const scaled = values.map(this.#scale);
    let low = scaled.reduce((a, b) => Math.min(a, b), Infinity);
    let high = scaled.reduce((a, b) => Math.max(a, b), -Infinity);
    if (!(low < high)) {
      // No points, or all at one height.
      const middle = Number.isFinite(low) ? low : 0;
      [low, high] = [middle - 0.5, middle + 0.5];
    }
    this.#low = low;
    this.#span = high - low;
    this.ticks = type === "log" ? logTicks(low, high) : linearTicks(low, high);
  }

  /** How far along the axis a value is, 0–1. */
  share(value: number): number {
    return (this.#scale(value) - this.#low) / this.#span;
  }
}

/** Round numbers, four to nine of them. */
function linearTicks(low: number, high: number): number[] {
  const power = 10 ** Math.floor(Math.log10((high - low) / 4));
  const step = power *
    [5, 2, 1].find((factor) => (high - low) / (factor * power) >= 4)!;
  const first = Math.ceil(low / step), last = Math.floor(high / step);
  return Array.from(
    { length: last - first + 1 },
    (_, i) => (first + i) * step,
  );
}

/** 1, 2 and 5 times powers of ten, or the powers alone where there are many. */
function logTicks(low: number, high: number): number[] {
  const first = Math.floor(low), count = Math.ceil(high) - first + 1;
  const factors = high - low > 3 ? [1] : [1, 2, 5];
  const ticks = Array.from({ length: count }, (_, i) => 10 ** (first + i))
    .flatMap((power) => factors.map((factor) => factor * power))
    .filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high);
  return ticks.length > 1 ? ticks : linearTicks(10 ** low, 10 ** high);
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

function tickText(tick: number): string {
  return `${Number(tick.toPrecision(6))}`;
}

/** To a hundredth of a pixel. */
function round(pixels: number): number {
  return Math.round(100 * pixels) / 100;
}

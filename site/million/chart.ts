/// <reference lib="dom" />
/** Time against length to a million tokens, both in powers. @module */
import { VARIANT_COLORS } from "@lionjs/notebook/figure_style";
import { draw, label } from "../elements.ts";
import type { Point } from "./calls.ts";

/** Times as lines of the chart, in milliseconds. */
const LINES = [
  [1, "1 ms"],
  [1000, "1 s"],
  [60_000, "1 min"],
  [3_600_000, "1 h"],
  [86_400_000, "1 day"],
  [86_400_000 * 30, "30 days"],
] as const;

/** Powers of two from a thousand to a million tokens, every second one with a label. */
const [FIRST, LAST] = [10, 20];

const HEIGHT = 340;
const [WIDEST, NARROWEST] = [760, 300];
const [LEFT, RIGHT, TOP, BOTTOM] = [60, 74, 12, 44];

/** What was measured, and how the time of softmax goes on. */
export interface Times {
  readonly lion: readonly Point[];
  readonly softmax: readonly Point[];
  /** The time of softmax at a length, from the longest at which it was measured. */
  estimate(length: number): number;
}

/** Draws what there is into an SVG. */
export function drawTimes(
  chart: SVGSVGElement,
  { lion, softmax, estimate }: Times,
): void {
  const width = Math.max(NARROWEST, Math.min(WIDEST, chart.clientWidth));
  const right = width - RIGHT;
  const longest = 2 ** LAST;
  const end = softmax.length > 0 ? estimate(longest) : 0;
  const times = [...lion, ...softmax].map(({ milliseconds }) => milliseconds);
  const low = Math.log10(Math.max(0.05, Math.min(1, ...times)) / 1.5);
  const high = Math.log10(Math.max(3_600_000, end, ...times) * 2);
  const x = (length: number) =>
    LEFT + (right - LEFT) * (Math.log2(length) - FIRST) / (LAST - FIRST);
  const y = (milliseconds: number) =>
    TOP +
    (HEIGHT - TOP - BOTTOM) *
      (high - Math.log10(Math.max(0.05, milliseconds))) / (high - low);
  const parts: SVGElement[] = [];
  for (const [time, name] of LINES) {
    if (Math.log10(time) > high) continue;
    const at = y(time);
    parts.push(
      draw("path", { d: `M${LEFT} ${at}H${right}`, class: "grid" }),
      label(LEFT - 8, at + 5, name, "end"),
    );
  }
  for (let power = FIRST; power <= LAST; power += 2) {
    const at = x(2 ** power);
    parts.push(
      draw("path", { d: `M${at} ${TOP}V${HEIGHT - BOTTOM}`, class: "grid" }),
      label(
        at,
        HEIGHT - BOTTOM + 18,
        power < LAST ? `${2 ** (power - 10)}k` : "1M",
      ),
    );
  }
  const middle = (LEFT + right) / 2;
  parts.push(label(middle, HEIGHT - 6, "tokens"));
  if (times.length === 0) {
    const height = (TOP + HEIGHT - BOTTOM) / 2;
    parts.push(
      label(middle, height - 12, "Press Run:"),
      label(middle, height + 12, "the times of your device appear here"),
    );
  }
  const way = (points: readonly Point[]) =>
    `M${
      points.map(({ length, milliseconds }) =>
        `${x(length)} ${y(milliseconds)}`
      )
        .join("L")
    }`;
  const line = (
    points: readonly Point[],
    name: keyof typeof VARIANT_COLORS,
  ) => [
    draw("path", {
      ...{ d: way(points), fill: "none", stroke: VARIANT_COLORS[name] },
      "stroke-width": 3,
    }),
    ...points.map(({ length, milliseconds }) =>
      draw("circle", {
        ...{ cx: x(length), cy: y(milliseconds), r: 4.5 },
        fill: VARIANT_COLORS[name],
      })
    ),
  ];
  const measured = softmax.at(-1);
  if (measured) {
    parts.push(
      draw("path", {
        d: way([measured, { length: longest, milliseconds: end }]),
        ...{ fill: "none", stroke: VARIANT_COLORS.softmax },
        ...{ "stroke-width": 3, "stroke-dasharray": "7 6" },
        class: "estimated",
      }),
      ...line(softmax, "softmax"),
      label(right + 8, y(end) + 5, "softmax", "start"),
    );
  }
  const sorted = lion.toSorted((a, b) => a.length - b.length);
  const last = sorted.at(-1);
  if (last) {
    parts.push(
      ...line(sorted, "LION-S"),
      label(x(last.length) + 8, y(last.milliseconds) + 5, "LION", "start"),
    );
  }
  chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  chart.replaceChildren(...parts);
}

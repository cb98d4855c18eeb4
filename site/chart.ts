/// <reference lib="dom" />
/** Time against length, both in powers. @module */
import { FORM_COLORS, VARIANT_COLORS } from "@lionjs/notebook/figure_style";
import { steadyMilliseconds } from "../bench/measure/report_file.ts";
import type { Timing } from "./calls.ts";
import { type Contender, CONTENDERS } from "./contenders.ts";
import { draw, label } from "./elements.ts";

/** A contender at a length. */
export interface Measured extends Timing {
  readonly contender: Contender;
  readonly length: number;
}

/** At most, and at least: it is as wide as its place, so that text keeps its size. */
const [WIDEST, NARROWEST] = [760, 300];
const HEIGHT = 380;
const [LEFT, RIGHT, TOP, BOTTOM] = [70, 92, 12, 44];

/** The least milliseconds that are drawn: where clocks are coarse, a time may be 0. */
const LEAST = 0.01;

/** Its colour in every figure of the library. */
function colourOf(contender: Contender): string {
  return contender === "softmax"
    ? VARIANT_COLORS.softmax
    : FORM_COLORS[contender];
}

/** Where a measurement is drawn: its median, or the best of its runs if they vary. */
function heightOf(one: Measured): number {
  return steadyMilliseconds(one) === null ? one.p20 : one.median;
}

/**
 * Draws what was measured, of lengths from one to another, into an SVG.
 *
 * @param behind Times of another machine, drawn faintly where a contender has none.
 */
export function drawChart(
  chart: SVGSVGElement,
  measured: readonly Measured[],
  [shortest, longest]: readonly [number, number],
  behind: readonly Measured[] = [],
): void {
  const width = Math.max(NARROWEST, Math.min(WIDEST, chart.clientWidth));
  const right = width - RIGHT;
  const times = [...measured, ...behind].flatMap(({ p20, p80 }) => [p20, p80]);
  const low = Math.floor(
    Math.log10(Math.max(LEAST, Math.min(0.1, ...times))),
  );
  const high = Math.ceil(Math.log10(Math.max(10, ...times)));
  const x = (length: number) =>
    LEFT + (right - LEFT) * Math.log2(length / shortest) /
      Math.log2(longest / shortest);
  const y = (milliseconds: number) =>
    TOP +
    (HEIGHT - TOP - BOTTOM) *
      (high - Math.log10(Math.max(LEAST, milliseconds))) / (high - low);
  const parts: SVGElement[] = [];
  for (let power = low; power <= high; power++) {
    const at = y(10 ** power);
    parts.push(
      draw("path", { d: `M${LEFT} ${at}H${right}`, class: "grid" }),
      label(LEFT - 8, at + 5, named(10 ** power), "end"),
    );
  }
  for (let length = shortest; length <= longest; length *= 2) {
    const at = x(length);
    parts.push(
      draw("path", { d: `M${at} ${TOP}V${HEIGHT - BOTTOM}`, class: "grid" }),
      label(at, HEIGHT - BOTTOM + 18, shortened(length)),
    );
  }
  parts.push(
    label((LEFT + right) / 2, HEIGHT - 6, "tokens"),
  );
  const ends: { contender: Contender; x: number; y: number }[] = [];
  for (const contender of CONTENDERS) {
    const colour = colourOf(contender);
    const line = { stroke: colour, fill: "none" };
    const pointsOf = (measured: readonly Measured[]) =>
      measured.map((one) => [x(one.length), y(heightOf(one))] as const);
    const faint = pointsOf(behind.filter((one) => one.contender === contender));
    if (faint.length > 1) {
      parts.push(draw("path", {
        d: `M${faint.map(([x, y]) => `${x} ${y}`).join("L")}`,
        ...{ ...line, "stroke-width": 2, "stroke-opacity": 0.25 },
        class: "behind",
      }));
    }
    const own = measured.filter((one) => one.contender === contender);
    if (own.length === 0) continue;
    const points = pointsOf(own);
    parts.push(
      // From the 20th percentile to the 80th.
      ...own.map(({ length, p20, p80 }) =>
        draw("path", {
          ...{ d: `M${x(length)} ${y(p20)}V${y(p80)}`, ...line },
          ...{ class: "spread", "stroke-width": 2, "stroke-opacity": 0.6 },
        })
      ),
      ...points.length > 1
        ? [draw("path", {
          d: `M${points.map(([x, y]) => `${x} ${y}`).join("L")}`,
          ...{ ...line, "stroke-width": 3 },
          ...(contender === "softmax" ? { "stroke-dasharray": "8 5" } : {}),
        })]
        : [],
      // The best of unsteady runs is a ring.
      ...own.map((one, at) => {
        const [cx, cy] = points[at]!;
        const isSteady = steadyMilliseconds(one) !== null;
        return draw(
          "circle",
          isSteady ? { cx, cy, r: 4, fill: colour } : {
            ...{ cx, cy, r: 4, fill: "none", stroke: colour },
            "stroke-width": 2,
          },
        );
      }),
    );
    const [endX, endY] = points.at(-1)!;
    ends.push({ contender, x: endX, y: endY });
  }
  parts.push(...names(ends, right));
  chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  chart.replaceChildren(...parts);
}

/** A power of ten of milliseconds. */
function named(milliseconds: number): string {
  return milliseconds < 1000
    ? `${milliseconds} ms`
    : `${milliseconds / 1000} s`;
}

/** 1k for 1024: eight of them stand beside each other on a telephone. */
function shortened(length: number): string {
  return length < 1024 ? `${length}` : `${length / 1024}k`;
}

/** The name of each line beside the chart, at the height of its end; none covers another. */
function names(
  ends: readonly { contender: Contender; x: number; y: number }[],
  right: number,
): SVGElement[] {
  let free = TOP;
  return ends.toSorted((a, b) => a.y - b.y).flatMap(({ contender, x, y }) => {
    const at = Math.max(y + 5, free);
    free = at + 17;
    return [
      // From a line that ends early.
      draw("path", {
        ...{ d: `M${x + 6} ${y}L${right + 6} ${at - 5}`, fill: "none" },
        ...{ stroke: colourOf(contender), "stroke-dasharray": "1 4" },
      }),
      label(right + 10, at, contender, "start"),
    ];
  });
}

/// <reference lib="dom" />
/** The loss against the step. @module */
import { draw, label } from "../elements.ts";

/** A loss at a step. */
export interface Loss {
  readonly step: number;
  readonly loss: number;
}

/** The losses of a training. */
export interface Losses {
  /** Of each step's examples. */
  readonly steps: readonly Loss[];
  /** Of all held-out examples. */
  readonly heldOut: readonly Loss[];
}

/** As wide as its place, so that text keeps its size. */
const [WIDEST, NARROWEST] = [760, 300];
const HEIGHT = 260;
const [LEFT, RIGHT, TOP, BOTTOM] = [50, 14, 30, 44];

/** Draws losses into an SVG, for a training of so many steps. */
export function drawLosses(
  chart: SVGSVGElement,
  { steps, heldOut }: Losses,
  total: number,
): void {
  const width = Math.max(NARROWEST, Math.min(WIDEST, chart.clientWidth));
  const highest = Math.max(...[...steps, ...heldOut].map(({ loss }) => loss));
  const most = niceAbove(highest);
  const x = (step: number) => LEFT + (width - LEFT - RIGHT) * step / total;
  const y = (loss: number) =>
    TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(1, loss / most));
  const parts: SVGElement[] = [];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const at = y(share * most);
    parts.push(
      draw("path", { d: `M${LEFT} ${at}H${width - RIGHT}`, class: "grid" }),
      label(LEFT - 8, at + 5, `${+(share * most).toPrecision(3)}`, "end"),
    );
  }
  for (const share of [0, 0.5, 1]) {
    const step = Math.round(share * total);
    const anchor = share === 1 ? "end" : "middle";
    parts.push(label(x(step), HEIGHT - BOTTOM + 18, `${step}`, anchor));
  }
  parts.push(
    label((LEFT + width - RIGHT) / 2, HEIGHT - 6, "steps"),
    line(steps, "training"),
    line(heldOut, "held-out"),
    ...heldOut.map(({ step, loss }) =>
      draw("circle", { cx: x(step), cy: y(loss), r: 4, class: "held-out" })
    ),
    ...legend("training", LEFT, "training loss"),
    ...legend("held-out", LEFT + 140, "held-out loss"),
  );
  chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  chart.replaceChildren(...parts);

  function line(losses: readonly Loss[], kind: string): SVGElement {
    const points = losses.map(({ step, loss }) => `${x(step)} ${y(loss)}`);
    const d = points.length > 0 ? `M${points.join("L")}` : "";
    return draw("path", { d, class: `losses ${kind}` });
  }
}

function legend(kind: string, x: number, text: string): SVGElement[] {
  return [
    draw("path", { d: `M${x} 12H${x + 22}`, class: `losses ${kind}` }),
    label(x + 28, 17, text, "start"),
  ];
}

/** The next number that is easily read. */
function niceAbove(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((factor) => factor * power)
    .find((nice) => nice >= value) ?? 10 * power;
}

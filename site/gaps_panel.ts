/// <reference lib="dom" />
/** A line that one draws and rubs out, and what the model puts into the gap. @module */
import type { DiffusionCalls, FilledGaps } from "./calls.ts";
import type { Computer } from "./computer.ts";
import { byId, draw, radios } from "./elements.ts";

/** The places of the series, each as wide as a unit of the plot, and the plot's height. */
const PLACES = 192, HEIGHT = 100;

/** The fewest places that must be left. */
const FEWEST = 16;

/** After the last change, in milliseconds. */
const PAUSE = 120;

/** A number from -1 to 1 that looks random, the same for a place each time. */
const noiseAt = (t: number) => {
  const x = 43758.5453 * Math.sin(12.9898 * t + 4.1);
  return 2 * (x - Math.floor(x)) - 1;
};

/** The examples, from 0 at the bottom to 100 at the top. */
const EXAMPLES: Readonly<Record<string, (t: number) => number>> = {
  rhythm: (t) =>
    45 + 24 * Math.sin(t / 3.82) + 9 * Math.sin(t / 1.91 + 1) + t / 16 +
    3 * noiseAt(t),
  swing: (t) =>
    50 + 25 * Math.sin(t / 9 + 2 * Math.sin(t / 61)) * Math.cos(t / 47) +
    12 * Math.sin(t / 30),
  pulse: (t) => {
    const phase = t % 31;
    return 30 + 55 * Math.exp(-((phase - 9) ** 2) / 6) -
      18 * Math.exp(-((phase - 14) ** 2) / 10) + 2 * noiseAt(t);
  },
  walk: (t) => {
    let height = 50;
    for (let i = 0; i < t; i++) height += 4 * noiseAt(i);
    return height;
  },
};

/** Fills the panel, and keeps it up to date. */
export function gapsPanel(computer: () => Computer<DiffusionCalls>): void {
  const plot = byId("gaps-plot", SVGSVGElement);
  const verdict = byId("gaps-verdict", HTMLElement);
  const example = byId("gaps-example", HTMLSelectElement);
  const from = byId("gaps-from", HTMLInputElement);
  const length = byId("gaps-length", HTMLInputElement);
  const tool = radios("gaps-tool", () => {});
  let values: number[] = [];
  let hidden: boolean[] = [];
  let filled: FilledGaps | undefined;
  let isInView = false;
  let last: { place: number; height: number } | undefined;
  /** Counts what was asked: older answers no longer matter. */
  let version = 0;

  example.addEventListener("change", takeExample);
  from.addEventListener("input", hide);
  length.addEventListener("input", hide);
  plot.addEventListener("pointerdown", (event) => {
    plot.setPointerCapture(event.pointerId);
    last = undefined;
    touch(event);
  });
  plot.addEventListener("pointermove", (event) => {
    if (plot.hasPointerCapture(event.pointerId)) touch(event);
  });
  takeExample();
  // The weights are fetched when the panel comes into view.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    isInView = true;
    changed();
  }).observe(byId("gaps-panel", HTMLElement));

  function takeExample(): void {
    const at = EXAMPLES[example.value]!;
    values = Array.from(
      { length: PLACES },
      (_, t) => Math.max(2, Math.min(HEIGHT - 2, at(t))),
    );
    hide();
  }

  /** Rubs out what the sliders say, and nothing else. */
  function hide(): void {
    const first = Number(from.value), count = Number(length.value);
    hidden = values.map((_, t) => t >= first && t < first + count);
    byId("gaps-from-number", HTMLOutputElement).value = from.value;
    byId("gaps-length-number", HTMLOutputElement).value = length.value;
    changed();
  }

  /** Draws or rubs out from where the pointer was to where it is. */
  function touch({ clientX, clientY }: PointerEvent): void {
    const box = plot.getBoundingClientRect();
    const bounded = (share: number) => Math.max(0, Math.min(1, share));
    const place = Math.round(
      (PLACES - 1) * bounded((clientX - box.left) / box.width),
    );
    const height = HEIGHT * (1 - bounded((clientY - box.top) / box.height));
    const start = last ?? { place, height };
    const step = Math.sign(place - start.place) || 1;
    for (let t = start.place;; t += step) {
      const share = place === start.place
        ? 1
        : (t - start.place) / (place - start.place);
      if (tool.value() === "rub") hidden[t] = true;
      else {
        hidden[t] = false;
        values[t] = start.height + share * (height - start.height);
      }
      if (t === place) break;
    }
    last = { place, height };
    changed();
  }

  function changed(): void {
    filled = undefined;
    show();
    const asked = ++version;
    if (isInView) setTimeout(() => void fill(asked), PAUSE);
  }

  async function fill(asked: number): Promise<void> {
    if (asked !== version) return;
    const count = hidden.filter(Boolean).length;
    if (count === 0) {
      verdict.textContent = "Rub something out, and the model fills it.";
      return;
    }
    if (PLACES - count < FEWEST) {
      verdict.textContent = `Leave ${FEWEST} places or more.`;
      return;
    }
    try {
      const series = values.map((value, t) => hidden[t] ? null : value);
      const answer = await computer().call("fillGaps", series);
      if (asked !== version) return;
      filled = answer;
      show();
      const awayFrom = (numbers: readonly number[]) =>
        (numbers.reduce(
          (sum, number, t) =>
            sum + (hidden[t] ? Math.abs(number - values[t]!) : 0),
          0,
        ) / count).toFixed(1);
      verdict.textContent =
        `${count} places, filled in ${answer.milliseconds.toFixed(0)} ms: ` +
        `${awayFrom(answer.values)} away from what was there on average; ` +
        `a straight line is ${awayFrom(answer.line)} away.`;
    } catch (error) {
      verdict.textContent = `This failed: ${(error as Error).message}`;
    }
  }

  function show(): void {
    const paths: SVGElement[] = [];
    const add = (kind: string, d: string) =>
      paths.push(draw("path", { class: `gaps-${kind}`, d }));
    if (filled) {
      for (const [start, end] of runs(hidden)) {
        const { low, high } = filled;
        const upper = points(high, start, end);
        const lower = points(low, start, end).reverse();
        add("band", `M${[...upper, ...lower].join("L")}Z`);
      }
    }
    for (const [start, end] of runs(hidden)) {
      add("truth", pathOf(values, start, end));
      if (!filled) continue;
      add("line", pathOf(filled.line, start, end));
      add("model", pathOf(filled.values, start, end));
    }
    for (const [start, end] of runs(hidden.map((isHidden) => !isHidden))) {
      add("seen", `M${points(values, start, end).join("L")}`);
    }
    plot.replaceChildren(...paths);
  }
}

/** The runs of places where something is so: the first, and the one after the last. */
function runs(is: readonly boolean[]): [start: number, end: number][] {
  const found: [number, number][] = [];
  is.forEach((isSo, t) => {
    if (!isSo) return;
    if (t > 0 && is[t - 1]) found.at(-1)![1] = t + 1;
    else found.push([t, t + 1]);
  });
  return found;
}

/** Places of the plot, which has its top at 0. */
const points = (numbers: readonly number[], start: number, end: number) =>
  numbers.slice(start, end).map((number, i) =>
    `${start + i},${(HEIGHT - number).toFixed(1)}`
  );

/** A line through a run and its neighbours, so that it meets what is seen. */
const pathOf = (numbers: readonly number[], start: number, end: number) =>
  `M${points(numbers, Math.max(0, start - 1), end + 1).join("L")}`;

/** What notebooks are made with refuses options that there are not. @module */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  bars,
  confusionFigure,
  curves,
  Figure,
  LivePlot,
  matrix,
  panels,
  Progress,
  progressBar,
  table,
  weightsOverImage,
  weightsOverText,
} from "../../lib/notebook/mod.ts";

const FIGURE = new Figure([]);

/** By name: a call with options, and a misspelling beside what was meant. */
const CALLS: Record<
  string,
  [call: (options: never) => unknown, unknown: string, known: string]
> = {
  toHTML: [(options) => FIGURE.toHTML(options), "fullpage", "fullPage"],
  toImage: [(options) => FIGURE.toImage(options), "fmt", "format"],
  LivePlot: [(options) => new LivePlot(options), "ytype", "yType"],
  Figure: [(options) => new Figure([], {}, options), "capton", "caption"],
  confusionFigure: [
    (options) => confusionFigure([[1]], options),
    "clases",
    "classes",
  ],
  curves: [(options) => curves({}, options), "ytype", "yType"],
  bars: [(options) => bars({}, options), "titel", "title"],
  panels: [(options) => panels([FIGURE], options), "titel", "title"],
  matrix: [(options) => matrix([[1]], options), "colourscale", "colorscale"],
  weightsOverImage: [
    (options) => weightsOverImage([[1]], [1], options),
    "opacty",
    "opacity",
  ],
  weightsOverText: [
    (options) => weightsOverText(["a"], [1], options),
    "readr",
    "reader",
  ],
  Progress: [(options) => new Progress(options), "desc", "description"],
  table: [(options) => table([], options), "digit", "digits"],
  progressBar: [
    (options) => progressBar(1, options as never).next(),
    "signl",
    "signal",
  ],
};

for (const [name, [call, unknown, known]] of Object.entries(CALLS)) {
  Deno.test(`${name} refuses unknown options`, async () => {
    await assertRejects(
      async () => await call({ [unknown]: 1 } as never),
      TypeError,
      `${name} has no option "${unknown}"; did you mean "${known}"?`,
    );
  });
}

Deno.test("LivePlot and toHTML refuse values that there are not", () => {
  assertThrows(
    () => new LivePlot({ title: "", yType: "log10" as never }),
    RangeError,
    'yType should be "linear" or "log", got "log10"',
  );
  assertThrows(
    () => FIGURE.toHTML({ plotly: true as never }),
    RangeError,
    'plotly should be "source", "cdn" or false, got true',
  );
});

Deno.test("progressBar hands what it shares with Progress on, and no signal", async () => {
  const { signal } = new AbortController();
  const items: number[] = [];
  for await (
    const item of progressBar(2, { signal, description: "two", unit: "step" })
  ) items.push(item);
  assertEquals(items, [0, 1]);
});

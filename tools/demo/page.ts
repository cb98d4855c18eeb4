/** The page that the demo leaves behind. @module */
import { type FormAtLength, type FormOnTestSet, FORMS } from "./measure.ts";
import { MNIST_SIDE as SIDE } from "@lionjs/lion/datasets";
import { Figure } from "@lionjs/lion/notebook";
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";
import { asPlotTexts } from "../../lib/notebook/plot_text.ts";
import { colorOf } from "../../lib/notebook/palette.ts";
import { plotPolicy } from "../../lib/notebook/plotly_page.ts";

/** What the page shows. */
export interface Report {
  readonly title: string;
  readonly summary: string;
  /** `[step, loss]` of each step of training. */
  readonly losses: readonly (readonly [step: number, loss: number])[];
  readonly forms: readonly FormOnTestSet[];
  readonly lengths: readonly FormAtLength[];
  readonly examples: readonly {
    readonly pixels: Uint8Array;
    readonly label: number;
    readonly prediction: number;
  }[];
}

/** One self-contained page: it opens without a network. */
export function renderPage(report: Report): string {
  const drawn = asPlotTexts(report);
  const figures = [
    lossFigure(drawn),
    formsFigure(drawn),
    ...lengthFigures(drawn),
    examplesFigure(drawn),
  ];
  // The first one brings plotly.js.
  const parts = figures.map((figure, i) =>
    figure.toHTML({ fullPage: false, plotly: i === 0 && "source" })
  );
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
${plotPolicy(parts, "source")}
<meta name="viewport" content="width=device-width">
<title>${escapeHTML(report.title)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222; }
  main { display: grid; grid-template-columns: repeat(auto-fit, minmax(30rem, 1fr)); gap: 1rem; }
  figure { margin: 0; }
  table { border-collapse: collapse; margin: 1rem 0; }
  th, td { padding: .2rem 1rem .2rem 0; text-align: right; }
  th:first-child, td:first-child { text-align: left; }
  tr + tr { border-top: 1px solid #ddd; }
</style>
<h1>${escapeHTML(report.title)}</h1>
<p>${escapeHTML(report.summary)}</p>
${formsTable(report)}
<main>
${parts.map((part) => `<figure>${part}</figure>`).join("\n")}
</main>
</html>
`;
}

function formsTable({ forms }: Report): string {
  const rows = forms.map((form) =>
    `<tr><td>${escapeHTML(form.form)}<td>${
      (100 * form.accuracy).toFixed(2)
    } %<td>${(100 * form.agreement).toFixed(2)} %<td>${
      form.seconds.toFixed(2)
    } s<td>${(form.peakBytes / 2 ** 20).toFixed(1)} MiB`
  );
  return `<table><tr><th>form<th>test accuracy<th>same prediction as full<th>time for 10,000 images<th>peak memory, 500 images
${rows.join("\n")}
</table>`;
}

function layout(title: string, x: string, y: string) {
  return {
    title: { text: title, x: 0.02, xanchor: "left" },
    xaxis: { title: { text: x } },
    yaxis: { title: { text: y } },
    margin: { t: 50, r: 20 },
  };
}

/** An exponential running mean. */
function smooth(values: readonly number[]): number[] {
  let mean = values[0] ?? 0;
  return values.map((value) => mean = 0.95 * mean + 0.05 * value);
}

function lossFigure({ losses }: Report): Figure {
  return new Figure(
    [
      {
        x: losses.map(([step]) => step),
        y: losses.map(([, loss]) => loss),
        mode: "lines",
        line: { width: 1, color: "#b5cde3" },
        name: "each batch",
      },
      {
        x: losses.map(([step]) => step),
        y: smooth(losses.map(([, loss]) => loss)),
        mode: "lines",
        name: "running mean",
      },
    ],
    layout("Training", "step", "cross-entropy"),
  );
}

function formsFigure({ forms }: Report): Figure {
  return new Figure(
    forms.map(({ form, seconds, peakBytes }, i) => ({
      x: [peakBytes / 2 ** 20],
      y: [seconds],
      mode: "markers",
      marker: { size: 14, color: colorOf(form, i) },
      name: form,
    })),
    layout(
      "The same weights in four forms",
      "peak memory, MiB",
      "seconds for 10,000 images",
    ),
  );
}

function lengthFigures({ lengths }: Report): Figure[] {
  const traces = (value: (measured: FormAtLength) => number) =>
    FORMS.map((form, i) => {
      const points = lengths.filter((measured) => measured.form === form);
      return {
        x: points.map(({ length }) => length),
        y: points.map(value),
        mode: "lines+markers",
        line: { color: colorOf(form, i) },
        name: form,
      };
    });
  const logarithmic = (title: string, y: string) => {
    const base = layout(title, "tokens (pixels)", y);
    return {
      ...base,
      xaxis: { ...base.xaxis, type: "log", tickvals: [49, 196, 784, 4096] },
      yaxis: { ...base.yaxis, type: "log" },
    };
  };
  return [
    new Figure(
      traces(({ milliseconds }) => milliseconds),
      logarithmic("Time of one attention", "milliseconds"),
    ),
    new Figure(
      traces(({ peakBytes }) => peakBytes / 2 ** 20),
      logarithmic("Peak memory of one attention", "MiB"),
    ),
  ];
}

function examplesFigure({ examples }: Report): Figure {
  const columns = 6;
  const gap = SIDE + 8;
  const rows = Math.ceil(examples.length / columns);
  const z = Array.from(
    { length: rows * gap },
    () => new Array<number>(columns * gap).fill(0),
  );
  const annotations = examples.map(({ pixels, label, prediction }, i) => {
    const left = (i % columns) * gap;
    const top = Math.floor(i / columns) * gap + 8;
    pixels.forEach((value, at) => {
      z[top + Math.floor(at / SIDE)]![left + at % SIDE] = value;
    });
    const right = prediction === label;
    return {
      x: left + SIDE / 2,
      y: top - 4,
      text: right ? `${prediction}` : `${prediction}, is ${label}`,
      showarrow: false,
      font: { color: right ? "#2a2" : "#d22" },
    };
  });
  return new Figure(
    [{ type: "heatmap", z, colorscale: "Greys", showscale: false }],
    {
      title: {
        text: "Predictions, wrong ones last",
        x: 0.02,
        xanchor: "left",
      },
      annotations,
      margin: { t: 50, r: 20, b: 20, l: 20 },
      xaxis: { visible: false },
      yaxis: { visible: false, autorange: "reversed", scaleanchor: "x" },
    },
  );
}

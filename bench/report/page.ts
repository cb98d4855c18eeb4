/** The report as a page that needs no network. @module */
import { DISPLAY, table, type TableRow } from "@lionjs/lion/notebook";
import { asPlotTexts } from "../../lib/notebook/plot_text.ts";
import { plotlyScript, plotPolicy } from "../../lib/notebook/plotly_page.ts";
import { NIGHT } from "../../tools/site/night.ts";
import { proseToHTML } from "../../tools/site/prose.ts";
import style from "../../site/docs.css" with { type: "text" };
import { asMarkdownTexts, codeOf } from "../../tools/markdown_text.ts";
import { spreadOf } from "../measure/timing.ts";
import { tellCrossings } from "./crossings.ts";
import { ON_PROCESSOR, ON_WALL_CLOCK } from "./names.ts";
import { plotsOf, reachedBy, reachedByWork } from "./plots.ts";
import {
  FIGURE_NAMES,
  type FigureName,
  type KernelCost,
  type MeasuredFigure,
  type Point,
  type Report,
  type ReportBackend,
  steadyMilliseconds,
  type Time,
} from "../measure/report_file.ts";
import { FIGURES } from "./figures.ts";

/** A report with its texts as they are, and escaped for Markdown and for plots. */
interface Texts {
  readonly plain: Report;
  readonly asMarkdown: Report;
  readonly drawn: Report;
}

/** The whole page. A report may be somebody else's, and names in it anything. */
export async function reportPage(report: Report): Promise<string> {
  const asMarkdown = asMarkdownTexts(report), drawn = asPlotTexts(report);
  const loader = plotlyScript("source"), plots = [loader];
  const parts = [proseToHTML(summaryOf(asMarkdown))];
  parts.push(await details("Limits and features", limitsOf(report)));
  parts.push(proseToHTML(methodOf(asMarkdown)));
  parts.push(await details("All comparisons with float64", parityOf(report)));
  for (const name of FIGURE_NAMES) {
    const places = [...report.figures.keys()]
      .filter((at) => report.figures[at]!.figure === name);
    if (places.length === 0) continue;
    const { title, about } = FIGURES[name];
    parts.push(proseToHTML(`## ${title}\n\n${about}`));
    for (const at of places) {
      const part = await partOf(at, { plain: report, asMarkdown, drawn });
      parts.push(part.html);
      plots.push(...part.plots);
    }
  }
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
${plotPolicy(plots, "source")}
<meta name="viewport" content="width=device-width">
<title>LION on this machine</title>
<style>
${style}
body, main { max-width: 66rem; }
.plot { overflow-x: auto; }
@media (prefers-color-scheme: dark) {
  .plot { filter: url("#night"); }
}
</style>
${loader}
<body>
${NIGHT}
<main>
${parts.join("\n")}
</main>
</body>
</html>
`;
}

function summaryOf(report: Report): string {
  const { machine, load } = report;
  const isBusy = load.before > machine.cores / 2;
  return `# LION on this machine

${codeOf(report.command)}, ${tellDate(report)}, ${report.seconds} s.${
    isBusy
      ? "\n\n**The machine was busy in the minute before. If what ran there went on, these times mean little.**"
      : ""
  }

${[machineLines(report), ...absentLines(report)].join("\n")}
`;
}

/** What a report lacks, as items of a list: one for each backend, by reason. */
export function absentLines({ absent }: Pick<Report, "absent">): string[] {
  const split = absent.map(({ name, why }) => {
    const [figure, backend] = name.split(" on ");
    return { figure: figure!, where: backend ? ` on ${backend}` : "", why };
  });
  const list = new Intl.ListFormat("en");
  return [...Map.groupBy(split, ({ where }) => where)].map(([where, own]) => {
    const reasons = [...Map.groupBy(own, ({ why }) => why)].map((
      [why, alike],
    ) => `${list.format(alike.map(({ figure }) => figure))} (${why})`);
    return `- Not measured${where}: ${reasons.join("; ")}.`;
  });
}

/** The day and the minute; another text than a date is what it is. */
function tellDate({ date }: Report): string {
  return date.replace(/^(\S{10})T(\d\d:\d\d):[\d.]+Z$/, "$1, $2 UTC");
}

/** The machine, the versions and the backends of a report whose texts are escaped, as a list. */
export function machineLines(
  { machine, backends, load, version, peers }: Report,
): string {
  const backendLines = backends.map((backend) => {
    const { info, operationsPerSecond, bytesPerSecond } = backend;
    const on = info.adapter
      ? `${info.adapter.description || info.adapter.vendor}${
        info.adapter.isFallbackAdapter ? ", in software" : ""
      }`
      : info.threads
      ? `${info.threads} threads`
      : "one thread";
    return `- **${info.name}** (${on}): at best ${
      (operationsPerSecond / 1e9).toPrecision(3)
    } GFLOP/s in a matrix product, ${
      (bytesPerSecond / 1e9).toPrecision(3)
    } GB/s in a copy.`;
  });
  return `- ${machine.cpu}, ${machine.cores} cores, ${
    (machine.memoryBytes / 2 ** 30).toFixed(0)
  } GiB, ${machine.system}; load ${load.before.toFixed(1)} before and ${
    load.after.toFixed(1)
  } after.
- lion ${version}, Deno ${machine.deno}${
    machine.v8Flags ? ` with ${codeOf(machine.v8Flags)}` : ""
  }, ${[`TensorFlow.js ${machine.tfjs}`, ...peers].join(", ")}.
${backendLines.join("\n")}`;
}

function limitsOf({ backends }: Report): TableRow[] {
  return backends.flatMap(({ info }) => [
    ...info.features.map((feature) => ({
      backend: info.name,
      what: feature,
      value: "granted",
    })),
    ...Object.entries(info.limits).map(([what, value]) => ({
      backend: info.name,
      what,
      value,
    })),
  ]);
}

function methodOf({ mostSpread, parity }: Report): string {
  const percent = `${100 * mostSpread} %`;
  return `## How it is measured

1. **Results first.** Small problems of every form and variant are compared with
   float64 loops from the definition: ${parity.length} comparisons, none above its
   tolerance, or there would be no report. Then every contender is compared with a
   reference at its own size before its first time is taken; models are compared
   with plain JavaScript at a short input and with plain forms.
2. **Time.** Contenders take turns, A B C A B C …, so that what slows the machine
   slows all of them. A turn begins with runs that do not count. A time is that of
   the whole call; on WebGPU it ends when one number of the result has been read.
   The number is the median, and the bars are where a fifth of the samples lie
   below and above (p20, p80).
3. **No number without a steady time.** Where p80 − p20 is more than ${percent} of
   the median, a contender runs up to four times as often. If its times still vary
   that much, the tables say *unsteady* with the range, and plots have a gap.
4. **Memory** is what is in use at the worst moment, beyond what was there before:
   outputs, what lies between, and the kernels' scratch. On WebAssembly it is what
   is allocated, on WebGPU buffers, on cpu tensors.
5. **Each figure has a time** of its own; what does not fit it is left out, and
   below each figure it says what and why. Sizes depend on the kind of backend.
`;
}

function parityOf({ parity }: Report): TableRow[] {
  return parity.map(({ backend, variant, form, pass, error, tolerance }) => ({
    backend,
    variant: `LION-${variant.toUpperCase()}`,
    form,
    pass,
    "largest error": error.toExponential(1),
    allowed: tolerance.toExponential(0),
  }));
}

/** The figure at a place in a report: plots, crossings, and tables to open. */
async function partOf(
  at: number,
  { plain, asMarkdown, drawn }: Texts,
): Promise<{ html: string; plots: string[] }> {
  const [measured, backend] = measuredAt(plain, at);
  const { gaps, kernels } = measured;
  const plots = plotsOf(...measuredAt(drawn, at)).map((figure) =>
    figure.toHTML({ fullPage: false, plotly: false })
  );
  const html = [
    proseToHTML(introductionOf(asMarkdown.figures[at]!)),
    ...plots.map((plot) => `<div class="plot">${plot}</div>`),
    proseToHTML(sentencesOf(...measuredAt(asMarkdown, at))),
    await details("What a step asks for", askedRows(measured)),
    kernels
      ? await details("The numbers", kernelRows(kernels, backend))
      : await details("The numbers", rowsOf(measured, backend)),
    await details(
      "What is left out",
      gaps.map(({ panel, series, at, why }) => ({ panel, series, at, why })),
    ),
  ].join("\n");
  return { html, plots };
}

function measuredAt(
  { figures, backends }: Report,
  at: number,
): [MeasuredFigure, ReportBackend] {
  const measured = figures[at]!;
  const { backend: name } = measured;
  return [measured, backends.find(({ info }) => info.name === name)!];
}

function introductionOf(
  { backend, settings, seconds }: MeasuredFigure,
): string {
  return `### On ${backend}\n\n${tellSettings(settings)}. It took ${
    seconds.toFixed(0)
  } s.`;
}

function sentencesOf(measured: MeasuredFigure, backend: ReportBackend): string {
  const { costs = [] } = measured;
  return [
    ...tellCrossings(measured),
    ...costs.map((cost) => tellReached(cost, backend)),
  ].map((sentence) => `- ${sentence}`).join("\n");
}

/** What is the same for all points of a figure. */
export function tellSettings(settings: MeasuredFigure["settings"]): string {
  return Object.entries(settings)
    .map(([what, value]) => `${what}: ${value}`).join("; ");
}

/** In words, how close a kernel comes to the roof. */
export function tellReached(
  cost: KernelCost,
  backend: ReportBackend,
): string {
  const { share, operationsPerSecond } = reachedByWork(cost, backend);
  const rate = (operationsPerSecond / 1e9).toPrecision(3);
  const percent = (100 * share).toFixed(0);
  return `${cost.kernel}: ${rate} GFLOP/s, ${percent} % of the roof.`;
}

/** The paper's ratio for a series of a training step; `undefined` if it has none. */
export function paperRatioOf(
  figure: FigureName,
  panel: string,
  series: string,
): number | undefined {
  if (!panel.startsWith("training")) return undefined;
  return FIGURES[figure].paper?.[series.replace(", full in tfjs", "")];
}

/** A figure's points as rows. */
export function rowsOf(
  { figure, points }: MeasuredFigure,
  backend: ReportBackend,
): TableRow[] {
  const baselines = new Map(
    points.filter(({ series }) => series === "softmax").map((point) =>
      [`${point.panel} ${point.at}`, point] as const
    ),
  );
  return points.map((point) => {
    const { panel, series, at, time, memoryBytes, gpuMilliseconds } = point;
    const baseline = baselines.get(`${panel} ${at}`);
    const paper = paperRatioOf(figure, panel, series);
    const reached = figure === "lengths" ? reachedBy(point, backend) : null;
    return {
      panel,
      series,
      at,
      ...(time && { milliseconds: tellTime(time), runs: time.samples }),
      ...(baseline && time &&
        { "relative to softmax": ratioOf(point, baseline) }),
      ...(paper !== undefined && { "in the paper": paper }),
      ...(gpuMilliseconds !== null && { "GPU ms": gpuMilliseconds }),
      ...(memoryBytes !== null && { MiB: memoryBytes / 2 ** 20 }),
      ...(reached &&
        { "of the roof": `${(100 * reached.share).toFixed(0)} %` }),
    };
  });
}

/** A median with its range, or only the range where it is not steady. */
export function tellTime(time: Time): string {
  const { median, p20, p80 } = time;
  const range = `${p20.toPrecision(3)}–${p80.toPrecision(3)}`;
  return steadyMilliseconds(time) === null
    ? `unsteady, ${range} (spread ${(100 * spreadOf(time)).toFixed(0)} %)`
    : `${median.toPrecision(3)} (${range})`;
}

/** The ratio of two steady times. */
export function ratioOf(point: Point, baseline: Point): string {
  const [own, other] = [point, baseline].map(({ time }) =>
    steadyMilliseconds(time)
  );
  return own === null || other === null || own === undefined ||
      other === undefined
    ? "unsteady"
    : (own / other).toFixed(2);
}

/** What steps ask of WebGPU, with their times; no rows of other figures. */
export function askedRows({ asked = [], points }: MeasuredFigure): TableRow[] {
  return asked.map(({ model, series, bindGroups, buffersCreated, ...rest }) => {
    const { launches, submissions, writes, first } = rest;
    const timeOf = (clock: string) => {
      const time = points.find((point) =>
        point.panel === `${model}, ${clock}` && point.series === series
      )?.time;
      return time ? tellTime(time) : "";
    };
    return {
      ...{ model, series },
      "processor, ms": timeOf(ON_PROCESSOR),
      "wall clock, ms": timeOf(ON_WALL_CLOCK),
      ...{ launches, submissions, writes },
      "bind groups": bindGroups,
      "buffers created": buffersCreated,
      "first step, ms": first ? first.milliseconds.toFixed(0) : "",
      pipelines: first ? String(first.pipelines) : "",
    };
  });
}

function kernelRows(
  kernels: NonNullable<MeasuredFigure["kernels"]>,
  { bytesPerSecond }: ReportBackend,
): TableRow[] {
  return kernels.map((
    { kernel, calls, milliseconds, share, bytes, newBytes },
  ) => ({
    kernel,
    calls,
    ...(milliseconds !== null && Number.isFinite(milliseconds) &&
      { milliseconds, "share, %": 100 * share }),
    ...(bytes !== null && Number.isFinite(bytes) && {
      "MiB moved": bytes / 2 ** 20,
      "MiB needed": newBytes / 2 ** 20,
    }),
    ...(milliseconds && bytes && {
      "GB/s": bytes / milliseconds / 1e6,
      "of a copy, %": 1e5 * bytes / milliseconds / bytesPerSecond,
    }),
  }));
}

/** A table to be opened; nothing without rows. */
async function details(
  summary: string,
  rows: readonly TableRow[],
): Promise<string> {
  if (rows.length === 0) return "";
  const { "text/html": html } = await table(rows, { digits: 3 })[DISPLAY]();
  return `<details><summary>${summary} (${rows.length})</summary>${html}</details>`;
}

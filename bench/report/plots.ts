/** Draws what was measured. @module */
import { bars, Figure, panels, type Trace } from "@lionjs/lion/notebook";
import { colorOf, labelled, tickText } from "@lionjs/notebook/figure_style";
import { isOfPairs, pairRatios } from "./pairs.ts";
import {
  type MeasuredFigure,
  type Point,
  type ReportBackend,
  steadyMilliseconds,
  type Work,
} from "../measure/report_file.ts";
import { FIGURES } from "./figures.ts";

/** What is on a vertical axis. */
type Measure = "time" | "memory";

/** Bytes of a MiB. */
const MIB = 2 ** 20;

/** Of lines of one colour, in their order. */
const DASHES = ["solid", "dot", "dash", "dashdot"];

/** A point's height, and how far up and down it may be; `null` if it is not steady. */
function heightOf(
  point: Point,
  measure: Measure,
): { y: number | null; up: number; down: number } {
  const { time, memoryBytes } = point;
  if (measure === "memory") {
    const bytes = memoryBytes !== null && memoryBytes > 0 ? memoryBytes : null;
    return { y: bytes && bytes / MIB, up: 0, down: 0 };
  }
  const y = steadyMilliseconds(time);
  return y === null
    ? { y, up: 0, down: 0 }
    : { y, up: time!.p80 - y, down: y - time!.p20 };
}

/**
 * Time or memory against the place, a line for each contender that has any;
 * logarithmic axes. `undefined` without a line.
 */
function lines(
  points: readonly Point[],
  names: readonly string[],
  measure: Measure,
  title: string,
  x: string,
): Figure | undefined {
  const places = [...new Set(points.map(({ at }) => at))].sort((a, b) => a - b);
  const traces = names.flatMap((name, i): Trace[] => {
    const own = points.filter(({ series }) => series === name)
      .sort((a, b) => a.at - b.at);
    const heights = own.map((point) => heightOf(point, measure));
    if (heights.every(({ y }) => y === null)) return [];
    const color = colorOf(name, i);
    // The forms of a variant have its colour.
    const alike = names.slice(0, i)
      .filter((other, j) => colorOf(other, j) === color).length;
    return [{
      ...{ name, type: "scatter", mode: "lines+markers" },
      x: own.map(({ at }) => at),
      y: heights.map(({ y }) => y),
      error_y: {
        type: "data",
        symmetric: false,
        array: heights.map(({ up }) => up),
        arrayminus: heights.map(({ down }) => down),
        ...{ thickness: 1, width: 3, color },
        visible: measure === "time",
      },
      line: { color, width: 2.5, dash: DASHES[alike % DASHES.length]! },
    }];
  });
  if (traces.length === 0) return undefined;
  // With the bars, lest an axis be as long as noise.
  const shown = points.map((point) => heightOf(point, measure))
    .flatMap(({ y, up, down }) => y === null ? [] : [y - down, y + up]);
  return new Figure(traces, {
    title: { text: title },
    xaxis: {
      ...{ type: "log", title: { text: x } },
      tickvals: places,
      ticktext: places.map(tickText),
    },
    yaxis: {
      title: { text: measure === "time" ? "milliseconds" : "MiB" },
      automargin: true,
      ...labelled(shown, "log"),
    },
    showlegend: true,
  });
}

/** All plots of a figure; none where there are no points. */
export function plotsOf(
  measured: MeasuredFigure,
  backend: ReportBackend,
): Figure[] {
  const { figure, points } = measured;
  if (figure === "kernels") return kernelPlots(measured);
  if (points.length === 0) return [];
  if (figure === "forms") return memoryAgainstTime(measured);
  if (isOfPairs(measured)) return ratioPlots(measured);
  const { short: subject, axis: x } = FIGURES[figure];
  const isLine = new Set(points.map(({ at }) => at)).size > 1;
  if (!x || !isLine) return barPlots(measured);
  const parts = [...new Set(points.map(({ panel }) => panel))];
  const measures = points.some(({ time }) => time)
    // The memory of other libraries is not known.
    ? figure === "peers" ? ["time"] as const : ["time", "memory"] as const
    : ["memory"] as const;
  const names = [...new Set(points.map(({ series }) => series))];
  const drawn = measures.flatMap((measure) => {
    const drawable = parts.flatMap((panel) =>
      lines(
        points.filter((point) => point.panel === panel),
        names,
        measure,
        panel,
        x,
      ) ?? []
    );
    if (drawable.length === 0) return [];
    return [panels(drawable, {
      title: `${
        measure === "time" ? "Time" : "Memory"
      } of ${subject}, ${measured.backend}`,
      width: drawable.length > 1 ? 980 : 620,
      // Room for a long legend, whose entries are 29 pixels high.
      ...(names.length > 8 && { height: 160 + 29 * names.length }),
    })];
  });
  return figure === "lengths"
    ? [...drawn, ...roofline(points, backend)]
    : drawn;
}

/** Figure 1: a mark for each form and variant. */
function memoryAgainstTime({ points, backend }: MeasuredFigure): Figure[] {
  const variants = [...new Set(points.map(({ panel }) => panel))];
  const symbols = ["circle", "square", "diamond"];
  const traces = points.flatMap((point): Trace[] => {
    const { y: time, up, down } = heightOf(point, "time");
    const { y: memory } = heightOf(point, "memory");
    if (time === null || memory === null) return [];
    const color = colorOf(point.series, 0);
    return [{
      ...{ type: "scatter", mode: "markers" },
      name: `${point.series}, ${point.panel}`,
      ...{ x: [time], y: [memory] },
      error_x: {
        type: "data",
        symmetric: false,
        ...{ array: [up], arrayminus: [down], thickness: 1, color },
      },
      marker: {
        ...{ size: 12, color },
        symbol: symbols[variants.indexOf(point.panel)]!,
      },
    }];
  });
  const numbers = (axis: "x" | "y") =>
    traces.flatMap((trace) => trace[axis] as number[]);
  if (traces.length === 0) return [];
  return [
    new Figure(traces, {
      title: { text: `Memory against time of the forms, ${backend}` },
      xaxis: {
        title: { text: "milliseconds" },
        ...labelled(numbers("x"), "log"),
      },
      yaxis: {
        title: { text: "MiB besides the inputs" },
        automargin: true,
        ...labelled(numbers("y"), "log"),
      },
      ...{ width: 820, height: 500 },
    }),
  ];
}

/** Contenders that have one place, by time, for each panel. */
function barPlots({ figure, points, backend }: MeasuredFigure): Figure[] {
  const parts = [...new Set(points.map(({ panel }) => panel))];
  return parts.flatMap((panel) => {
    const times = points.filter((point) => point.panel === panel)
      .map(({ series, time }) => [series, steadyMilliseconds(time)] as const);
    if (times.every(([, milliseconds]) => milliseconds === null)) return [];
    return [bars(
      Object.fromEntries(times.map(([name, time]) => [name, time ?? NaN])),
      {
        title: `Time of ${FIGURES[figure].short}: ${panel}, ${backend}`,
        ...{ x: "milliseconds", width: 620 },
      },
    )];
  });
}

/** Our time divided by PyTorch's for each pair; our time alone where nothing is beside it. */
function ratioPlots(measured: MeasuredFigure): Figure[] {
  const { figure, backend, points } = measured;
  const places = new Set(points.map(({ at }) => at));
  const titleOf = ({ panel, at }: Pick<Point, "panel" | "at">) =>
    places.size > 1 ? `${panel}, ${at}` : panel;
  const ratios = pairRatios(measured)
    .map((pair) => [titleOf(pair), pair.ratio] as const);
  const times = points.flatMap((point) => {
    const time = steadyMilliseconds(point.time);
    return time === null ? [] : [[titleOf(point), time] as const];
  });
  const shown = ratios.length > 0 ? ratios : times;
  if (shown.length === 0) return [];
  return [bars(Object.fromEntries(shown), {
    title: `Time of ${FIGURES[figure].short}, ${backend}`,
    x: ratios.length > 0 ? "our time divided by PyTorch's" : "milliseconds",
    width: 820,
  })];
}

/** The longest kernels that a figure shows. */
const MOST_KERNELS = 16;

/** A kernel and, of a launch, what it writes: without sizes and what it reads. */
function shortName(kernel: string): string {
  const [name, launch] = kernel.split(/: (.*)/s);
  if (launch === undefined) return kernel;
  const [shader, ...rest] = launch.split(" ");
  const text = rest.join(" ");
  const found = [/(\w+)=\w·/g, /(\w+)\(/g]
    .map((pattern) => [...text.matchAll(pattern)].map(([, output]) => output))
    .find(({ length }) => length > 0);
  const outputs = [...new Set(found)];
  return [`${name}:`, shader, outputs.join(", ")].join(" ").trimEnd();
}

function kernelPlots({ kernels = [], backend }: MeasuredFigure): Figure[] {
  const longest = kernels
    .filter(({ milliseconds }) => milliseconds !== null && milliseconds > 0)
    .slice(0, MOST_KERNELS);
  if (longest.length === 0) return [];
  const names = longest.map(({ kernel }) => shortName(kernel));
  return [bars(
    Object.fromEntries(longest.map((row, i) => {
      // Two launches may write the same from other states.
      const earlier = names.slice(0, i).filter((name) => name === names[i]);
      const name = earlier.length > 0
        ? `${names[i]} (${earlier.length + 1})`
        : names[i]!;
      return [name, row.milliseconds];
    })),
    {
      title: `The kernels of LION-S, ${backend}`,
      x: "milliseconds",
      width: 900,
    },
  )];
}

/** What a point reached of what its operations and bytes allow. */
export interface Reached {
  /** Operations per byte. */
  readonly intensity: number;
  readonly operationsPerSecond: number;
  /** Share of the roof: the backend's best product, or its bandwidth. */
  readonly share: number;
}

/** How close some work comes to the roof. */
export function reachedByWork(
  { operations, bytes, milliseconds }: Work,
  { operationsPerSecond: arithmetic, bytesPerSecond }: ReportBackend,
): Reached {
  const rate = 1e3 * operations / milliseconds;
  const intensity = operations / bytes;
  const roof = Math.min(arithmetic, intensity * bytesPerSecond);
  return { intensity, operationsPerSecond: rate, share: rate / roof };
}

/** How close a point comes to the roof; `null` where it has no steady time or no cost. */
export function reachedBy(
  point: Point,
  backend: ReportBackend,
): Reached | null {
  const { operations, bytes, gpuMilliseconds, memoryBytes } = point;
  const steady = steadyMilliseconds(point.time);
  // Whose memory is not known runs elsewhere, beneath another roof.
  if (!operations || !bytes || steady === null || memoryBytes === null) {
    return null;
  }
  const milliseconds = gpuMilliseconds || steady;
  return reachedByWork({ operations, bytes, milliseconds }, backend);
}

/** The roof, and what each contender reached beneath it. */
function roofline(points: readonly Point[], backend: ReportBackend): Figure[] {
  const { operationsPerSecond: arithmetic, bytesPerSecond, name } = backend;
  const names = [...new Set(points.map(({ series }) => series))];
  const found = points.flatMap((point) => {
    const reached = reachedBy(point, backend);
    return reached ? [{ ...point, ...reached }] : [];
  });
  if (found.length === 0) return [];
  const intensities = found.map(({ intensity }) => intensity);
  const ridge = arithmetic / bytesPerSecond;
  const from = Math.min(ridge, ...intensities) / 2;
  const to = Math.max(ridge, ...intensities) * 2;
  const traces: Trace[] = [{
    ...{ name: "roof", type: "scatter", mode: "lines" },
    x: [from, ridge, to],
    y: [from * bytesPerSecond, arithmetic, arithmetic].map((y) => y / 1e9),
    line: { color: "#666" },
  }];
  for (const [i, series] of names.entries()) {
    for (const panel of ["forward", "gradients"]) {
      const own = found.filter((point) =>
        point.series === series && point.panel === panel
      );
      if (own.length === 0) continue;
      traces.push({
        ...{ type: "scatter", mode: "markers" },
        name: panel === "forward" ? series : `${series}, with gradients`,
        x: own.map(({ intensity }) => intensity),
        y: own.map((point) => point.operationsPerSecond / 1e9),
        text: own.map(({ at }) => `${at} tokens`),
        marker: {
          ...{ color: colorOf(series, i), size: 9 },
          symbol: panel === "forward" ? "circle" : "circle-open",
        },
      });
    }
  }
  const heights = traces.flatMap(({ y }) => y as number[]);
  return [
    new Figure(traces, {
      title: { text: `Roofline of LION-S and softmax, ${name}` },
      xaxis: {
        title: { text: "operations per byte" },
        ...labelled([from, to], "log"),
      },
      yaxis: {
        title: { text: "GFLOP/s" },
        automargin: true,
        ...labelled(heights, "log"),
      },
      ...{ width: 860, height: 520 },
    }),
  ];
}

/** What recipes reached, as figures. @module */
import { Figure, type Trace } from "@lionjs/lion/notebook";
import { colorOf, tickText } from "@lionjs/notebook/figure_style";
import { QUANTILES } from "./learned_decays.ts";
import type { Figures } from "./recipe.ts";
import { columnsOf, contendersIn } from "./report.ts";
import type { CurvePoint, RecipeResults } from "./results_file.ts";
import { type Interval, interval, mean } from "./statistics.ts";

/** What contenders are kinds of, by how their names begin. */
const VARIANTS: readonly (readonly [start: string, variant: string])[] = [
  ["lion-lit", "LION-LIT"],
  ["lion-d", "LION-D"],
  ["lion-s", "LION-S"],
  ["softmax", "softmax"],
];

/** Ticks of perplexity. */
const PERPLEXITIES = [
  ...[1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 70, 100],
  ...[150, 200, 300, 500, 700, 1000],
];

/** The dash of the first guess without a model; the next have those that follow. */
const BASELINE_DASH = 2;

/** Of contenders of one colour, in their order. */
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];

/**
 * The figures of a recipe: curves, accuracy or perplexity by size where tests
 * have sizes, and decays where they are kept.
 */
export function figuresOf(results: RecipeResults): Figure[] {
  return [curves(results), ...bySize(results), ...learnedDecays(results)];
}

/** The measure on validation data against steps, and against seconds of training. */
function curves(results: RecipeResults): Figure {
  const { title, measure, stepMilliseconds } = results;
  const lines = stylesIn(results).map(({ name, color, order }) => ({
    ...{ name, style: styleOf(color, order) },
    points: meanCurve(results, name),
    secondsPerStep: stepMilliseconds[name]! / 1000,
  }));
  const traces = lines.flatMap(({ name, style, points, secondsPerStep }) => {
    const y = points.map(({ value }) => value);
    return [
      { x: points.map(({ step }) => step), y, name, ...style },
      {
        x: points.map(({ step }) => step * secondsPerStep),
        ...{ y, name, ...style, xaxis: "x2", showlegend: false },
      },
    ];
  });
  return new Figure(traces, {
    title: { text: title },
    xaxis: { title: { text: "step" }, domain: [0, 0.47] },
    xaxis2: { title: { text: "seconds of training steps" }, domain: [0.53, 1] },
    yaxis: { title: { text: `validation ${named(measure.name)}` } },
    width: 960,
    height: 380,
  });
}

/** Of all seeds that came to their end; those that ended early stay where they were. */
function meanCurve(
  { trials, measure }: RecipeResults,
  contender: string,
): { step: number; value: number }[] {
  const own = trials.filter((trial) =>
    trial.contender === contender && trial.divergedAt === undefined
  ).map(({ curve }) => curve);
  const longest = own.reduce(
    (a, b) => b.length > a.length ? b : a,
    [] as readonly CurvePoint[],
  );
  return longest.map(({ step }, i) => ({
    step,
    value: shareOf(measure.name) *
      mean(
        own.map((curve) => (curve[i] ?? curve.at(-1)!).means[measure.name]!),
      ),
  }));
}

/** By what a measure's values are multiplied: accuracies are in per cent, as in tables. */
function shareOf(measure: string): number {
  return measure === "accuracy" ? 100 : 1;
}

/** A measure with its unit. */
function named(measure: string): string {
  return measure === "accuracy" ? "accuracy, %" : measure;
}

/** A logarithmic axis with ticks where models differ, too: between 20 and 50. */
function perplexityAxis(values: readonly number[]): Record<string, unknown> {
  const known = values.filter((value) => Number.isFinite(value));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const ticks = PERPLEXITIES.filter((tick) =>
    tick > low / 1.2 && tick < high * 1.2
  );
  return {
    ...{ type: "log", tickmode: "array", tickvals: ticks },
    ticktext: ticks.map(tickText),
  };
}

/** What a column is of, and at which size: "accuracy at 4 pairs". */
const SIZED = /^(\w+) at (?:(\w+) )?(\d+)(?: (\w+))?$/;

/** A column of a size. */
interface SizedColumn {
  readonly column: string;
  readonly what: string;
  /** "" where sizes are lengths. */
  readonly unit: string;
  readonly size: number;
}

/** A figure for each kind of size. */
function bySize(results: RecipeResults): Figure[] {
  const kinds = new Map<string, SizedColumn[]>();
  for (const column of columnsOf(results)) {
    const [, what, before = "", size, after = ""] = SIZED.exec(column) ?? [];
    if (what === undefined) continue;
    const unit = before || after, kind = `${what} ${unit}`;
    kinds.set(kind, [
      ...kinds.get(kind) ?? [],
      { column, what, unit, size: Number(size) },
    ]);
  }
  return [...kinds.values()].filter(({ length }) => length > 1)
    .map((columns) => sizeFigure(results, columns));
}

function sizeFigure(
  results: RecipeResults,
  columns: readonly SizedColumn[],
): Figure {
  const { trials, title, baselines } = results;
  const { what, unit } = columns[0]!;
  const line = (
    name: string,
    style: Trace,
    valueOf: (column: string) => Interval | undefined,
  ): Trace => {
    const points = columns.flatMap(({ column, size }) => {
      const value = valueOf(column);
      return value ? [{ size, ...value }] : [];
    });
    return {
      ...{ name, ...style },
      x: points.map(({ size }) => size),
      y: points.map(({ mean }) => mean),
      error_y: { array: points.map(({ half }) => half || 0), thickness: 1 },
    };
  };
  const traces = [
    ...stylesIn(results).map(({ name, color, order }) =>
      line(name, styleOf(color, order), (column) => {
        const values = trials.filter(({ contender }) => contender === name)
          .flatMap(({ figures }) => figures[column] ?? []);
        return values.length > 0
          ? interval(values.map((value) => shareOf(what) * value))
          : undefined;
      })
    ),
    ...Object.entries(baselines).map(([name, figures]: [string, Figures], i) =>
      line(
        name,
        {
          mode: "lines",
          line: { color: "#999", dash: dashOf(BASELINE_DASH + i) },
        },
        (column) => {
          const mean = figures[column];
          return mean === undefined
            ? undefined
            : { mean: shareOf(what) * mean, half: 0 };
        },
      )
    ),
  ];
  return new Figure(traces, {
    title: { text: `${title}: ${what} by ${unit || "length"}` },
    xaxis: {
      title: { text: unit || "tokens" },
      type: unit === "depth" ? "linear" : "log",
      tickvals: columns.map(({ size }) => size),
      ticktext: columns.map(({ size }) => `${size}`),
    },
    // A guess without a model may be far above all of them.
    yaxis: {
      title: { text: named(what) },
      ...what === "perplexity" && perplexityAxis(
        traces.flatMap(({ y }) => y as number[]),
      ),
      // Intervals of few seeds reach beyond what an accuracy can be.
      ...(what === "accuracy" && {
        autorangeoptions: { clipmin: 0, clipmax: 102 },
      }),
    },
    width: 720,
    height: 380,
  });
}

/** Which share of a block's decays is below each value: the paper's figure 12. */
function learnedDecays(results: RecipeResults): Figure[] {
  const traces = stylesIn(results).flatMap(
    ({ name, color, order }): Trace[] => {
      const own = results.trials.filter(({ contender }) => contender === name)
        .flatMap(({ decays }) => decays ? [decays] : []);
      return Object.keys(own[0] ?? {}).map((block, b) => ({
        name: `${name}, ${block}`,
        x: QUANTILES.map((_, q) =>
          mean(own.map((decays) => decays[block]![q]!))
        ),
        y: [...QUANTILES],
        mode: "lines",
        line: { color, dash: dashOf(2 * order + (b === 0 ? 0 : 1)) },
      }));
    },
  );
  if (traces.length === 0) return [];
  return [
    new Figure(traces, {
      title: { text: `${results.title}: decays after training` },
      xaxis: { title: { text: "decay λ" }, range: [0, 1] },
      yaxis: { title: { text: "share of decays below" }, range: [0, 1] },
      width: 720,
      height: 380,
    }),
  ];
}

/**
 * The contenders with the colours of their variants, which are the same in every
 * figure of the library, and how many of that colour are before them.
 */
function stylesIn(
  results: RecipeResults,
): { name: string; color: string; order: number }[] {
  const taken = new Map<string, number>();
  return contendersIn(results).map((name, i) => {
    const [, variant] = VARIANTS.find(([start]) => name.startsWith(start)) ??
      [];
    const color = colorOf(variant ?? name, i);
    const order = taken.get(color) ?? 0;
    taken.set(color, order + 1);
    return { name, color, order };
  });
}

function styleOf(color: string, order: number): Trace {
  return {
    mode: "lines+markers",
    marker: { size: 4 },
    line: { color, dash: dashOf(order) },
  };
}

function dashOf(order: number): string {
  return DASHES[order % DASHES.length]!;
}

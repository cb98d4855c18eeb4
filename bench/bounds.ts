/** Ratios that should not be exceeded, and what a report says of them. @module */
import {
  FIGURE_NAMES,
  type FigureName,
  type Machine,
  type Point,
  type Report,
  steadyMilliseconds,
} from "./measure/report_file.ts";
import type { Bound, Measure } from "./report/figure.ts";
import { FIGURES } from "./report/figures.ts";
import { OURS, THEIRS } from "./report/names.ts";
import { geometricMean, pairRatios } from "./report/pairs.ts";

/** The library beside PyTorch at all places of some figures, and the geometric mean. */
interface PairBound {
  readonly figures: readonly FigureName[];
  /** Of each ratio; none where it is infinite. */
  readonly each: (machine: Machine) => number;
  /** Of their geometric mean. */
  readonly mean: (machine: Machine) => number;
}

/** Whether PyTorch computes on vectors of 512 bits, which no V8 has. */
const hasWideVectors = ({ torchVectors = "" }: Machine) =>
  torchVectors.includes("512");

const PAIRS: readonly PairBound[] = [
  {
    figures: ["operations"],
    each: ({ v8Flags }) => v8Flags ? 6 : Infinity,
    mean: ({ v8Flags }) => v8Flags ? 2.5 : 5,
  },
  {
    figures: ["models", "large"],
    each: (machine) => hasWideVectors(machine) ? 1.1 : 1,
    mean: (machine) => hasWideVectors(machine) ? 1 : 0.85,
  },
];

/** A bound, and what was measured. */
export interface Reached {
  readonly what: string;
  readonly ratio: number;
  readonly most: number;
}

/** What a point has, if it is a number. */
function amountOf({ time, memoryBytes }: Point, measure: Measure): number[] {
  const amount = measure === "time" ? steadyMilliseconds(time) : memoryBytes;
  return amount === null ? [] : [amount];
}

/**
 * A contender's time divided by that of the quickest of its rivals at a place, or its
 * memory; `null` where either has none that is steady.
 */
export function ratioIn(
  { figures }: Pick<Report, "figures">,
  { figure, backend = "wasm", panel, series, beside, measure = "time" }:
    & Omit<Bound, "at" | "most">
    & { readonly figure: FigureName },
  at: number,
): number | null {
  const amountsOf = (isMeant: (series: string) => boolean, at: number) =>
    figures
      .filter((one) => one.figure === figure && one.backend === backend)
      .flatMap(({ points }) => points)
      .filter((point) =>
        point.panel === panel && point.at === at && isMeant(point.series)
      )
      .flatMap((point) => amountOf(point, measure));
  const [own] = amountsOf((name) => name === series, at);
  const rivals = typeof beside === "string"
    ? amountsOf(
      (name) => name === beside || name.startsWith(`${beside}, `),
      at,
    )
    : amountsOf((name) => name === series, beside.at);
  return own === undefined || rivals.length === 0
    ? null
    : own / Math.min(...rivals);
}

/** What a report has bounds and figures for. */
type Bounded = Pick<Report, "figures" | "machine">;

/** The bounds that a report has figures for. */
export function reachedIn(report: Bounded): Reached[] {
  return [
    ...FIGURE_NAMES.flatMap((figure) =>
      (FIGURES[figure].bounds ?? [])
        .flatMap((bound) => reachedOne(report, figure, bound))
    ),
    ...PAIRS.flatMap((pairs) => reachedPairs(report, pairs)),
  ];
}

function reachedOne(
  report: Bounded,
  figure: FigureName,
  bound: Bound,
): Reached[] {
  const { backend = "wasm", panel, series, beside, most } = bound;
  return bound.at.flatMap((at): Reached[] => {
    const ratio = ratioIn(report, { ...bound, figure }, at);
    if (ratio === null) return [];
    const rival = typeof beside === "string"
      ? beside
      : `itself at ${beside.at}`;
    const place = `${figure} on ${backend}, ${panel}, ${at}`;
    const measured = bound.measure === "memory" ? ", memory" : "";
    return [{
      what: `${place}: ${series} compared with ${rival}${measured}`,
      ...{ ratio, most },
    }];
  });
}

function reachedPairs(
  { figures, machine }: Bounded,
  { figures: names, each, mean }: PairBound,
): Reached[] {
  const ratios = figures
    .filter(({ figure, backend }) =>
      backend === "wasm" && names.includes(figure)
    )
    .flatMap((figure) =>
      pairRatios(figure).map((pair) => ({ ...pair, figure: figure.figure }))
    );
  if (ratios.length === 0) return [];
  const measured = [...new Set(ratios.map(({ figure }) => figure))];
  return [
    {
      what: `${measured.join(" and ")} on wasm: geometric mean of ` +
        `${ratios.length}, ${OURS} compared with ${THEIRS}`,
      ratio: geometricMean(ratios.map(({ ratio }) => ratio)),
      most: mean(machine),
    },
    ...ratios.map(({ figure, panel, at, ratio }) => ({
      what:
        `${figure} on wasm, ${panel}, ${at}: ${OURS} compared with ${THEIRS}`,
      ...{ ratio, most: each(machine) },
    })),
  ].filter(({ most }) => most < Infinity);
}

/** Whether a bound is kept; NaN keeps none. */
export function isKept({ ratio, most }: Reached): boolean {
  return ratio <= most;
}

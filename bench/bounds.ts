/** Ratios that should not be exceeded, and what a report says of them. @module */
import type { BackendName } from "@lionjs/lion";
import {
  type FigureName,
  type Machine,
  type Point,
  type Report,
  steadyMilliseconds,
} from "../measure/report_file.ts";
import {
  BEFORE,
  BY_HAND,
  BY_TFJS,
  BY_TRAIN,
  KEPT,
  KERNELS,
  NOW,
  OURS,
  RECOMPUTED,
  RELAXED_MODULE,
  STEP,
  STRICT_MODULE,
  THEIRS,
  UNRECORDED,
  WITH_FLAGS,
  WITHOUT_FLAGS,
} from "./report/models/names.ts";
import { geometricMean, pairRatios } from "./report/pairs.ts";

/** What a point has: its steady time, or its bytes. */
type Measure = "time" | "memory";

/** A contender beside another, at some places of a figure. */
interface Bound {
  readonly figure: FigureName;
  readonly panel: string;
  /** @default "wasm" */
  readonly backend?: BackendName;
  /** What is divided. @default "time" */
  readonly measure?: Measure;
  readonly series: string;
  /**
   * The rival, of which the quickest counts if there are several, such as
   * PyTorch's with either pool of threads; or the place of the contender's own
   * shorter time.
   */
  readonly beside: string | { readonly at: number };
  readonly at: readonly number[];
  readonly most: number;
}

/** The same bound forward and with gradients. */
function bothPasses(
  bound: Omit<Bound, "panel" | "most">,
  most: { readonly forward: number; readonly gradients: number },
): Bound[] {
  return Object.entries(most)
    .map(([panel, most]) => ({ ...bound, panel, most }));
}

/** Of a member of the family: beside attention with scalar decays, PyTorch's scan, and itself. */
function familyBounds(
  series: string,
  forward: number,
  gradients: number,
  torch?: string,
): Bound[] {
  const own = { figure: "family", at: [4096], series } as const;
  return [
    ...bothPasses({ ...own, beside: "scalar" }, { forward, gradients }),
    ...bothPasses(
      { ...own, beside: { at: 1024 } },
      { forward: 4.3, gradients: 4.3 },
    ),
    ...torch === undefined ? [] : bothPasses(
      { ...own, beside: torch },
      { forward: 0.6, gradients: 0.6 },
    ),
    {
      ...{ ...own, panel: "forward", backend: "webgpu", at: [256] },
      ...{ beside: `${series} in tfjs`, most: 1 },
    },
  ];
}

/** What is aimed at, without a GPU. */
const BOUNDS: readonly Bound[] = [
  ...bothPasses({
    ...{ figure: "peers", at: [1024, 4096] },
    ...{ series: "chunkwise", beside: "PyTorch" },
  }, { forward: 0.6, gradients: 0.65 }),
  ...bothPasses({
    ...{ figure: "peers", at: [256, 1024] },
    ...{ series: "full", beside: "PyTorch full" },
  }, { forward: 0.3, gradients: 0.3 }),
  ...bothPasses({
    ...{ figure: "peers", at: [1024, 4096] },
    ...{ series: "softmax", beside: "PyTorch SDPA" },
  }, { forward: 1, gradients: 1 }),
  ...bothPasses({
    ...{ figure: "lengths", at: [1024, 4096] },
    ...{ series: "recurrent", beside: "chunkwise" },
  }, { forward: 4, gradients: 2 }),
  {
    ...{ figure: "lengths", panel: "forward", at: [256, 1024, 4096] },
    ...{ series: "blockwise", beside: "full", most: 1.3 },
  },
  ...bothPasses({
    ...{ figure: "lengths", backend: "webgpu", at: [1024] },
    ...{ series: "softmax", beside: "softmax in tfjs" },
  }, { forward: 1, gradients: 1 }),
  ...familyBounds("diagonal", 2, 2.5, "PyTorch GLA"),
  ...familyBounds("gated delta", 2.5, 3, "PyTorch gated delta rule"),
  ...familyBounds("Kimi delta", 4, 5),
  ...bothPasses({
    ...{ figure: "scan", at: [1024, 4096] },
    ...{ series: "selectiveScan", beside: "PyTorch" },
  }, { forward: 1, gradients: 1 }),
  ...bothPasses({
    ...{ figure: "scan", backend: "webgpu", at: [1024] },
    ...{ series: "selectiveScan", beside: "selectiveScan in tfjs" },
  }, { forward: 1, gradients: 1 }),
  {
    ...{ figure: "tokens", panel: "next token", at: [4096], most: 1.05 },
    ...{ series: "LION-S, recurrence", beside: { at: 64 } },
  },
  ...Object.entries({ [BY_TRAIN]: 1.03, [BY_TFJS]: 1.5 })
    .map(([series, most]): Bound => ({
      ...{ figure: "optimizers", panel: "ViT-tiny, training", at: [1] },
      ...{ series, beside: BY_HAND, most },
    })),
  {
    ...{ figure: "mixer", panel: "training", at: [256] },
    ...{ series: OURS, beside: THEIRS, most: 1.5 },
  },
  {
    ...{ figure: "overhead", panel: "training", at: [64] },
    ...{ series: STEP, beside: KERNELS, most: 1.25 },
  },
  {
    ...{ figure: "overhead", panel: "training", at: [64] },
    ...{ series: STEP, beside: UNRECORDED, most: 0.8 },
  },
  ...([["recompute", "tiny"], ["large", "base"]] as const)
    .flatMap(([figure, size]) =>
      Object.entries({ memory: 0.45, time: 1.35 }).map(([measure, most]) => ({
        ...{ figure, panel: `ViT-${size}, training`, at: [8], most },
        ...{ series: RECOMPUTED, beside: KEPT, measure: measure as Measure },
      }))
    ),
  ...["Math.exp", "Math.random", "sqrt"].map((panel): Bound => ({
    ...{ figure: "flags", panel, at: [1e6] },
    ...{ series: WITH_FLAGS, beside: WITHOUT_FLAGS, most: 1.1 },
  })),
  ...[RELAXED_MODULE, STRICT_MODULE].map((panel): Bound => ({
    ...{ figure: "size", panel, at: [1], measure: "memory" },
    ...{ series: NOW, beside: BEFORE, most: 1.6 },
  })),
];

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
  { figure, backend = "wasm", panel, series, beside, measure = "time" }: Omit<
    Bound,
    "at" | "most"
  >,
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
    ...BOUNDS.flatMap((bound) => reachedOne(report, bound)),
    ...PAIRS.flatMap((pairs) => reachedPairs(report, pairs)),
  ];
}

function reachedOne(report: Bounded, bound: Bound): Reached[] {
  const { backend = "wasm", figure, panel, series, beside, most } = bound;
  return bound.at.flatMap((at): Reached[] => {
    const ratio = ratioIn(report, bound, at);
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

/** Ratios that should not be exceeded, and what a report says of them. @module */
import type { BackendName } from "@lionjs/lion";
import {
  type FigureName,
  type Report,
  steadyMilliseconds,
} from "./report/report_file.ts";

/** A contender's time beside another's, at some places of a figure. */
interface Bound {
  readonly figure: FigureName;
  readonly panel: string;
  /** @default "wasm" */
  readonly backend?: BackendName;
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
  }, { forward: 4, gradients: 5 }),
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
];

/** A bound, and what was measured. */
export interface Reached {
  readonly what: string;
  readonly ratio: number;
  readonly most: number;
}

/**
 * A contender's time divided by that of the quickest of its rivals at a place;
 * `null` where either has no steady time.
 */
export function ratioIn(
  { figures }: Pick<Report, "figures">,
  { figure, backend = "wasm", panel, series, beside }: Omit<
    Bound,
    "at" | "most"
  >,
  at: number,
): number | null {
  const timesOf = (isMeant: (series: string) => boolean, at: number) =>
    figures
      .filter((one) => one.figure === figure && one.backend === backend)
      .flatMap(({ points }) => points)
      .filter((point) =>
        point.panel === panel && point.at === at && isMeant(point.series)
      )
      .flatMap(({ time }) => steadyMilliseconds(time) ?? []);
  const [own] = timesOf((name) => name === series, at);
  const rivals = typeof beside === "string"
    ? timesOf(
      (name) => name === beside || name.startsWith(`${beside}, `),
      at,
    )
    : timesOf((name) => name === series, beside.at);
  return own === undefined || rivals.length === 0
    ? null
    : own / Math.min(...rivals);
}

/** The bounds that a report has figures for. */
export function reachedIn(report: Pick<Report, "figures">): Reached[] {
  return BOUNDS.flatMap((bound) =>
    bound.at.flatMap((at): Reached[] => {
      const ratio = ratioIn(report, bound, at);
      if (ratio === null) return [];
      const { backend = "wasm", figure, panel, series, beside, most } = bound;
      const rival = typeof beside === "string"
        ? beside
        : `itself at ${beside.at}`;
      const place = `${figure} on ${backend}, ${panel}, ${at}`;
      return [{ what: `${place}: ${series} beside ${rival}`, ratio, most }];
    })
  );
}

/** Whether a bound is kept; NaN keeps none. */
export function isKept({ ratio, most }: Reached): boolean {
  return ratio <= most;
}

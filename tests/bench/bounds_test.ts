import { assertAlmostEquals, assertEquals } from "@std/assert";
import { isKept, ratioIn, reachedIn } from "../../bench/bounds.ts";
import { describeMachine } from "../../bench/machine.ts";
import { pairRatios } from "../../bench/report/pairs.ts";
import type {
  FigureName,
  MeasuredFigure,
  Point,
  Report,
} from "../../bench/measure/report_file.ts";

/** A point of the figure "peers" on WebAssembly. */
function point(series: string, at: number, median: number, spread = 0): Point {
  return {
    ...{ panel: "forward", series, at, memoryBytes: null },
    ...{ gpuMilliseconds: null, operations: null, bytes: null },
    time: {
      ...{ median, samples: 5 },
      p20: median * (1 - spread / 2),
      p80: median * (1 + spread / 2),
    },
  };
}

function figureOf(
  figure: FigureName,
  points: readonly Point[],
): MeasuredFigure {
  return {
    ...{ figure, backend: "wasm", seconds: 1, settings: {} },
    ...{ points, gaps: [] },
  };
}

type Bounded = Pick<Report, "figures" | "machine">;

const MACHINE: Report["machine"] = {
  ...describeMachine(2, { version: "2", vectors: "AVX2" }),
  v8Flags: "--fast",
};

function figuresOf(
  points: readonly Point[],
  figure: FigureName = "peers",
  machine: Partial<Report["machine"]> = {},
): Bounded {
  const figures = [figureOf(figure, points)];
  return { figures, machine: { ...MACHINE, ...machine } };
}

const FULL = {
  figure: "peers",
  panel: "forward",
  series: "full",
  beside: "PyTorch full",
} as const;

Deno.test("ratioIn() takes the quickest of several rivals", () => {
  const report = figuresOf([
    point("full", 1024, 1),
    point("PyTorch", 1024, 0.1),
    point("PyTorch full, OpenBLAS", 1024, 5),
    point("PyTorch full, OpenMP", 1024, 4),
    point("PyTorch full, OpenMP", 256, 1),
  ]);
  assertEquals(ratioIn(report, FULL, 1024), 1 / 4);
  assertEquals(ratioIn(report, FULL, 4096), null);
  assertEquals(
    ratioIn(
      report,
      { ...FULL, series: "PyTorch full, OpenMP", beside: { at: 256 } },
      1024,
    ),
    4,
  );
});

Deno.test("ratioIn() says nothing of unsteady times", () => {
  const report = figuresOf([
    point("full", 1024, 1, 0.6),
    point("PyTorch full, OpenMP", 1024, 4),
  ]);
  assertEquals(ratioIn(report, FULL, 1024), null);
});

Deno.test("reachedIn() has the bounds that were measured, kept or not", () => {
  const [found, ...others] = reachedIn(figuresOf([
    point("full", 1024, 2),
    point("PyTorch full, OpenMP", 1024, 5),
  ]));
  assertEquals(others, []);
  assertAlmostEquals(found!.ratio, 0.4, 1e-9);
  assertEquals(
    found!.what,
    "peers on wasm, forward, 1024: full compared with PyTorch full",
  );
  assertEquals([found!.most, isKept(found!)], [0.3, false]);
  assertEquals(isKept({ ...found!, ratio: NaN }), false);
});

/** Ours and PyTorch's at a place of a figure of pairs. */
function pair(panel: string, at: number, ours: number, theirs: number) {
  return [point("lion", at, ours), point("PyTorch", at, theirs)]
    .map((one) => ({ ...one, panel }));
}

/** What was reached, and whether it is kept, without what it is. */
const boundsOf = (report: Bounded) =>
  reachedIn(report).map((one) => [
    ...[Number(one.ratio.toFixed(9)), one.most],
    isKept(one),
  ]);

Deno.test("reachedIn() has the geometric mean of operations, and each of them", () => {
  const points = [...pair("exp", 9, 8, 1), ...pair("add", 9, 1, 2)];
  // Nothing is said of one without a rival, or that is not steady.
  points.push({ ...point("lion", 9, 1), panel: "sin" });
  points.push({ ...point("lion", 9, 1), panel: "log" });
  points.push({ ...point("PyTorch", 9, 1, 0.6), panel: "log" });
  assertEquals(boundsOf(figuresOf(points, "operations")), [
    [2, 2.5, true],
    [8, 6, false],
    [0.5, 6, true],
  ]);
  // Without V8's flags only the mean counts.
  assertEquals(
    boundsOf(figuresOf(points, "operations", { v8Flags: null })),
    [[2, 5, true]],
  );
  assertEquals(
    pairRatios(figureOf("operations", points)).map(({ panel }) => panel),
    ["exp", "add"],
  );
});

Deno.test("reachedIn() takes models of both figures together, and asks less where PyTorch's vectors are wider", () => {
  const figures = [
    figureOf("models", pair("ViT-tiny, training, LION-S", 1, 0.9, 1)),
    figureOf("large", pair("ViT-base, training, LION-S", 8, 1.05, 1)),
  ];
  const reasons = (torchVectors: string) =>
    boundsOf({ figures, machine: { ...MACHINE, torchVectors } });
  const mean = Number(Math.sqrt(0.9 * 1.05).toFixed(9));
  assertEquals(reasons("AVX2"), [
    [mean, 0.85, false],
    [0.9, 1, true],
    [1.05, 1, false],
  ]);
  assertEquals(reasons("AVX512"), [
    [mean, 1, true],
    [0.9, 1.1, true],
    [1.05, 1.1, true],
  ]);
});

Deno.test("reachedIn() compares sizes where a bound is of memory", () => {
  const sizes = { now: 40, "in version 0.2.0": 20 };
  const points = Object.entries(sizes).map(([series, memoryBytes]): Point => ({
    ...point(series, 1, 1),
    ...{ panel: "with relaxed SIMD", time: null, memoryBytes },
  }));
  assertEquals(boundsOf(figuresOf(points, "size")), [[2, 1, false]]);
});

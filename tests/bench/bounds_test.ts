import { assertAlmostEquals, assertEquals } from "@std/assert";
import { isKept, ratioIn, reachedIn } from "../../bench/bounds.ts";
import type { MeasuredFigure, Point } from "../../bench/report/report_file.ts";

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

function figuresOf(points: readonly Point[]): { figures: MeasuredFigure[] } {
  return {
    figures: [{
      ...{ figure: "peers", backend: "wasm", seconds: 1, settings: {} },
      ...{ points, gaps: [] },
    }],
  };
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
    "peers on wasm, forward, 1024: full beside PyTorch full",
  );
  assertEquals([found!.most, isKept(found!)], [0.3, false]);
  assertEquals(isKept({ ...found!, ratio: NaN }), false);
});

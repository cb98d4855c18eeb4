import { assert, assertEquals } from "@std/assert";
import { readKept } from "../../bench/report/read_report.ts";
import type { Point, Report } from "../../bench/report/report_file.ts";
import { allTables, viewsOf } from "../../bench/views.ts";

Deno.test("documents say what the kept report says", async () => {
  for (const { file, is, shouldBe } of await viewsOf(await readKept())) {
    assertEquals(is, shouldBe, `\`deno task bench --views\` makes ${file}`);
  }
});

Deno.test("documents follow the report", async () => {
  const report = await readKept();
  // Twice as fast as PyTorch was measured.
  const faster = (point: Point): Point =>
    ["chunkwise", "scalar"].includes(point.series) && point.time
      ? {
        ...point,
        time: {
          ...point.time,
          median: point.time.median / 2,
          p20: point.time.p20 / 2,
          p80: point.time.p80 / 2,
        },
      }
      : point;
  const other: Report = {
    ...report,
    figures: report.figures.map((figure) => ({
      ...figure,
      points: figure.points.map(faster),
    })),
  };
  for (const { file, is, shouldBe } of await viewsOf(other)) {
    assert(is !== shouldBe, file);
  }
});

Deno.test("RESULTS.md has all points of all figures", async () => {
  const report = await readKept();
  const text = allTables(report);
  for (const { points } of report.figures) {
    for (const { time } of points) {
      if (time) assert(text.includes(time.p80.toPrecision(3)));
    }
  }
  for (const wrong of ["undefined", "NaN", "[object"]) {
    assert(!text.includes(wrong), wrong);
  }
});
